import { errors, type JWTHeaderParameters, jwtVerify, SignJWT } from 'jose';
import type { AppConfig } from '../config.ts';
import { ProductError } from '../errors.ts';

type Kind = 'access' | 'refresh';
const LIFETIME: Record<Kind, string> = { access: '15m', refresh: '14d' };

export interface Tokens {
  issue(userId: string): Promise<{ accessToken: string; refreshToken: string }>;
  /** The user's id; throws 401 when the token is expired, forged or of an unknown key. */
  verify(kind: Kind, token: string): Promise<string>;
}

/** The first key of each ring signs; every key of the ring verifies, so that keys can be rotated under traffic. */
export function createTokens({
  JWT_ACCESS_KEYS,
  JWT_REFRESH_KEYS,
}: Pick<AppConfig, 'JWT_ACCESS_KEYS' | 'JWT_REFRESH_KEYS'>): Tokens {
  const rings = { access: JWT_ACCESS_KEYS, refresh: JWT_REFRESH_KEYS };
  const sign = async (kind: Kind, userId: string) => {
    const [signer] = rings[kind];
    if (!signer) throw new Error(`There is no key for ${kind} tokens.`);
    return new SignJWT({ kind })
      .setProtectedHeader({ alg: 'HS256', kid: signer.kid })
      .setSubject(userId)
      .setIssuedAt()
      .setExpirationTime(LIFETIME[kind])
      .sign(signer.key);
  };
  return {
    issue: async (userId) => ({
      accessToken: await sign('access', userId),
      refreshToken: await sign('refresh', userId),
    }),
    async verify(kind, token) {
      const keyOf = ({ kid }: JWTHeaderParameters) => {
        const found = rings[kind].find((key) => key.kid === kid);
        if (!found) throw new errors.JWKSNoMatchingKey();
        return found.key;
      };
      try {
        const { payload } = await jwtVerify(token, async (header) => keyOf(header as JWTHeaderParameters), {
          algorithms: ['HS256'],
        });
        if (payload.kind !== kind || !payload.sub) throw new errors.JWTInvalid();
        return payload.sub;
      } catch (cause) {
        if (cause instanceof errors.JOSEError)
          throw new ProductError(401, 'UNAUTHENTICATED', 'Sign in first; this sign-in has expired or is not valid.');
        throw cause;
      }
    },
  };
}
