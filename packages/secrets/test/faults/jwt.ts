import { ACCESS, access, hs256 } from '../jwt/open.ts';
import { smallProduct } from '../jwt/product.ts';
import type { Subject } from './team.ts';

/** So short that a rotation waits for it. */
export const shortLived = {
  ...access,
  lifetimeVariable: undefined,
  lifetimeSeconds: 1,
  marginSeconds: 2,
  verifierCacheSeconds: 1,
};
export const servesTokens = (held: Record<string, string>) =>
  smallProduct({ ...held, JWT_REFRESH_KEYS: hs256('r0'), JWKS_MAX_AGE: '1' });

/** A ring of keys that sign tokens. */
export function jwtSubject(databaseUrl: string): Subject {
  return {
    secret: shortLived,
    databaseUrl,
    env: { [ACCESS]: hs256('k0') },
    variables: [ACCESS],
    serve: servesTokens,
    live: async (now) => ({ keys: now[ACCESS]?.split(',').map((key) => key.replace(/^k\w+:(private)\..*$/, '$1')) }),
    stop: async () => {},
  };
}
