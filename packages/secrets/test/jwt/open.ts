// The rotator as a rotation opens it: from the config, each time anew.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { loadConfig, loadEnvironment, Secret } from '@drydock/kit';
import { makeStrangeProduct } from '@drydock/kit/testing';
import { secretsConfig } from '../../src/config.ts';
import type { Product } from '../../src/product.ts';
import { jwtRotator } from '../../src/rotators/jwt/rotator.ts';
import type { Rotator } from '../../src/rotators/types.ts';
import type { Values } from '../../src/values.ts';

export const ACCESS = 'JWT_ACCESS_KEYS';
export const REFRESH = 'JWT_REFRESH_KEYS';

export const access = {
  ...{ kind: 'jwt', variable: ACCESS, lifetimeSeconds: 900, lifetimeVariable: 'ACCESS_TOKEN_LIFETIME' },
  ...{ claims: { kind: 'access' }, metrics: { labels: { kind: 'access' } } },
};
export const refresh = {
  ...{ kind: 'jwt', variable: REFRESH, lifetimeSeconds: 1_209_600, lifetimeVariable: 'REFRESH_TOKEN_LIFETIME' },
  ...{ claims: { kind: 'refresh' }, metrics: { labels: { kind: 'refresh' } } },
  ...{ probe: { path: '/api/refresh', field: 'refreshToken' }, jwks: null },
};

export interface Opening {
  product: Product;
  secret?: object;
  env?: Record<string, string>;
  id?: string;
  emergency?: boolean;
}

/** Fresh from the config, as another process has it. */
export async function openRotator({ product, secret = access, env = {}, ...more }: Opening): Promise<Rotator> {
  const config = await loadConfig(undefined, makeStrangeProduct({ secrets: { rotate: { tokens: secret } } }, env));
  const checked = secretsConfig(config).rotate.tokens;
  if (checked?.kind !== 'jwt') throw new Error('It is another kind.');
  return jwtRotator({
    ...{ config, environment: loadEnvironment(config, 'staging', {}), name: 'tokens', secret: checked, product },
    rotation: { id: more.id ?? '01JD8ZJ6N5RXPQ0000000000A1', generation: 1, emergency: more.emergency ?? false },
    ask: async () => Promise.reject(new Error('Nobody is asked.')),
    signal: new AbortController().signal,
    onLine() {},
  });
}

export const valuesOf = (variable: string, ring: string): Values => ({ [variable]: new Secret(ring, variable) });
export const textOf = (values: Values, variable = ACCESS): string => values[variable]?.reveal() ?? '';
export const kidsOf = (values: Values, variable = ACCESS): string[] =>
  textOf(values, variable)
    .split(',')
    .map((entry) =>
      entry.replace(/^([\w-]+):(?:(private|public)\.)?[\w-]+$/, (_, kid, form = 'secret') => `${kid} ${form}`),
    );

export const hs256 = (kid: string, bytes = 32) => `${kid}:${randomBytes(bytes).toString('base64url')}`;
export function keyOf(
  kid: string,
  type: 'ed25519' | 'p256' | 'p384' | 'rsa',
  form: 'private' | 'public' = 'private',
): string {
  const { privateKey, publicKey } = {
    ed25519: () => generateKeyPairSync('ed25519'),
    p256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    p384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
    rsa: () => generateKeyPairSync('rsa', { modulusLength: 1_024 }),
  }[type]();
  const der =
    form === 'private'
      ? privateKey.export({ format: 'der', type: 'pkcs8' })
      : publicKey.export({ format: 'der', type: 'spki' });
  return `${kid}:${form}.${der.toString('base64url')}`;
}
