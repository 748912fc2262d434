import { errors, type JWTHeaderParameters, jwtVerify, SignJWT } from 'jose';
import type { AppConfig } from '../config.ts';
import { ProductError } from '../errors.ts';
import type { Metrics } from '../metrics.ts';
import { publicKeys, type Ring, type RingKey } from './ring.ts';

type Kind = 'access' | 'refresh';

type TokenConfig = Pick<
  AppConfig,
  'JWT_ACCESS_KEYS' | 'JWT_REFRESH_KEYS' | 'ACCESS_TOKEN_LIFETIME' | 'REFRESH_TOKEN_LIFETIME'
>;

export interface Tokens {
  issue(userId: string): Promise<{ accessToken: string; refreshToken: string }>;
  /** The user's id; throws 401 when the token is expired, forged or of an unknown key. */
  verify(kind: Kind, token: string): Promise<string>;
  /** By which others can verify access tokens: a JSON Web Key Set. */
  publicKeys(): ReturnType<typeof publicKeys>;
}

/** The first key of each ring signs; every key of the ring verifies, so that keys can be rotated under traffic. */
export function createTokens(
  config: TokenConfig,
  metrics: Pick<Metrics, 'tokensVerified' | 'tokenLastVerified'>,
): Tokens {
  const rings: Record<Kind, Ring> = { access: config.JWT_ACCESS_KEYS, refresh: config.JWT_REFRESH_KEYS };
  const lifetimes: Record<Kind, string> = {
    access: config.ACCESS_TOKEN_LIFETIME,
    refresh: config.REFRESH_TOKEN_LIFETIME,
  };
  // From the beginning, so that a key of which no token came reads as zero, and not as one that is not counted.
  for (const kind of ['access', 'refresh'] as const)
    for (const { kid } of rings[kind]) {
      metrics.tokensVerified.inc({ kind, kid }, 0);
      metrics.tokenLastVerified.set({ kind, kid }, 0);
    }
  const sign = async (kind: Kind, userId: string) => {
    const [{ kid, alg, signs }] = rings[kind];
    if (!signs) throw new Error(`There is no key that signs ${kind} tokens.`);
    return new SignJWT({ kind })
      .setProtectedHeader({ alg, kid })
      .setSubject(userId)
      .setIssuedAt()
      .setExpirationTime(lifetimes[kind])
      .sign(signs);
  };
  return {
    issue: async (userId) => ({
      accessToken: await sign('access', userId),
      refreshToken: await sign('refresh', userId),
    }),
    async verify(kind, token) {
      try {
        const { payload, protectedHeader } = await jwtVerify(
          token,
          async (header) => keyOf(rings[kind], header as JWTHeaderParameters).verifies,
          // Without an end a token would outlive every rotation but for its key.
          { requiredClaims: ['exp'] },
        );
        if (payload.kind !== kind || !payload.sub) throw new errors.JWTInvalid();
        const labels = { kind, kid: protectedHeader.kid ?? '' };
        metrics.tokensVerified.inc(labels);
        metrics.tokenLastVerified.setToCurrentTime(labels);
        return payload.sub;
      } catch (cause) {
        if (cause instanceof errors.JOSEError)
          throw new ProductError(401, 'UNAUTHENTICATED', 'Sign in first; this sign-in has expired or is not valid.');
        throw cause;
      }
    },
    publicKeys: () => publicKeys(rings.access),
  };
}

/** By its name alone, and with its own algorithm alone: else a public key could be taken for a secret of HS256. */
function keyOf(ring: Ring, { kid, alg }: JWTHeaderParameters): RingKey {
  if (kid === undefined)
    throw new ProductError(
      401,
      'TOKEN_WITHOUT_KID',
      'Sign in again: this sign-in does not say which key it is signed with.',
    );
  const found = ring.find((key) => key.kid === kid);
  if (!found) throw new errors.JWKSNoMatchingKey();
  if (found.alg !== alg) throw new errors.JOSEAlgNotAllowed();
  return found;
}
