import { Secret } from '@drydock/kit';
import { ACCESS, access, hs256, kidsOf } from '../jwt/open.ts';
import { me, signIn } from '../jwt/people.ts';
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

/** A product that signs with the ring that it was started with, and whoever signs in there. */
export function jwtSubject(databaseUrl: string): Subject {
  return {
    secret: shortLived,
    databaseUrl,
    env: { [ACCESS]: hs256('k0') },
    variables: [ACCESS],
    serve: servesTokens,
    works: async (_, url) => (await me(url, (await signIn(url)).accessToken)) === 200,
    live: async (now) => kidsOf({ [ACCESS]: new Secret(now[ACCESS] ?? '') }).map((kid) => kid.split(' ')[1]),
    runs: [{ args: ['--wait', '60s'] }],
    stop: async () => {},
  };
}
