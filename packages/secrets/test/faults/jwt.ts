import { access, hs256 } from '../jwt/open.ts';
import { smallProduct } from '../jwt/product.ts';

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
