import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { command, EXIT, type Hint, OpsError, shownAddress } from '@drydock/kit';
import type { RotatorContext } from '../types.ts';
import type { JwtSecret } from './config.ts';
import { instancesOf, readPublished, tryToken } from './instance.ts';
import type { RingKey } from './ring.ts';
import { signed, tokenOf } from './token.ts';

/** The instances take a token of the new key, refuse one that only says that it is of it, and publish the key. */
export async function tryNew(
  ctx: RotatorContext<JwtSecret>,
  key: RingKey,
  only: readonly string[] | undefined,
): Promise<string> {
  const { secret, signal } = ctx;
  const addresses = only ?? (await instancesOf(ctx, `Whether the product takes tokens of ${key.kid}`));
  if (addresses === undefined) return 'nothing runs there that was released from here: nobody was asked';
  const ours = await tokenOf(secret, signed(key));
  const forged = await tokenOf(secret, { ...signed(key), signs: anotherOf(key.alg) });
  for (const address of addresses) {
    const at = shownAddress(address);
    if ((await tryToken(address, secret.probe, forged, signal)) === 'taken')
      throw refused('TOKEN_FORGED', `${at} takes a token of ${key.kid} that another key has signed.`);
    if ((await tryToken(address, secret.probe, ours, signal)) === 'refused')
      throw refused('TOKEN_REFUSED', `${at} refuses a token of ${key.kid}.`);
    if (secret.jwks) await tryPublished(address, secret.jwks, { secret, key, signal });
  }
  const published = secret.jwks ? ', and publishes it' : '';
  return `${addresses.map((one) => shownAddress(one)).join(', ')}: takes a token of ${key.kid}, refuses a forged one${published}`;
}

async function tryPublished(
  address: string,
  path: string,
  { secret, key, signal }: { secret: JwtSecret; key: RingKey; signal: AbortSignal },
): Promise<void> {
  const at = shownAddress(address);
  const { keys, maxAgeSeconds = 0 } = await readPublished(address, path, signal);
  const { x, y } = key.shown?.export({ format: 'jwk' }) ?? {};
  if (!keys.some((one) => one.kid === key.kid && one.x === x && one.y === y))
    throw refused(
      'KEY_NOT_PUBLISHED',
      `${at} does not publish ${key.kid} at ${path}: verifiers elsewhere will refuse it.`,
    );
  const shows = keys.find((one) => 'd' in one || 'k' in one);
  if (shows) throw refused('KEY_PUBLISHED', `${at} publishes the private part of ${String(shows.kid)} at ${path}.`);
  if (maxAgeSeconds > secret.verifierCacheSeconds)
    throw refused(
      'CACHED_LONGER',
      `${at} lets verifiers keep its keys for ${maxAgeSeconds} s, and we would wait ${secret.verifierCacheSeconds} s for them.`,
      'Set verifierCacheSeconds to what the product says in Cache-Control, or more.',
    );
}

/** Of nobody, for the attempt that has to fail. */
function anotherOf(alg: RingKey['alg']): KeyObject {
  return alg === 'ES256'
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    : generateKeyPairSync('ed25519').privateKey;
}

function refused(code: string, message: string, hint: Hint = command('secrets:status')): OpsError {
  return new OpsError({ code, message, hint, exit: EXIT.failed });
}
