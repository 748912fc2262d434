import { randomBytes } from 'node:crypto';
import { Secret } from '@drydock/kit';

const BYTES = 32;

/** 256 bits from the CSPRNG, as base64url: no reader of env files, URL or shell cuts or quotes any of its characters. */
export function randomSecret(label: string, bytes = BYTES): Secret {
  return new Secret(randomBytes(bytes).toString('base64url'), label);
}
