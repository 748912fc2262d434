import type { KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import type { JwtSecret } from './config.ts';
import type { RingKey } from './ring.ts';

interface Signing {
  kid: string;
  alg: string;
  signs: KeyObject;
}

/** Long enough to be asked of every instance, too short to be of use to anybody. */
const LIFETIME = '60s';

/** A token of nobody: what it opens is nothing, and how it is refused tells what was thought of its signature. */
export async function tokenOf(secret: Pick<JwtSecret, 'claims' | 'probe'>, key: Signing): Promise<string> {
  return new SignJWT(secret.claims)
    .setProtectedHeader({ alg: key.alg, kid: key.kid })
    .setSubject(secret.probe.subject)
    .setIssuedAt()
    .setExpirationTime(LIFETIME)
    .sign(key.signs);
}

/** The key that signs; one that does not is no key to try anything with. */
export function signed({ kid, alg, signs }: RingKey): Signing {
  if (!signs) throw new Error(`${kid} does not sign.`);
  return { kid, alg, signs };
}
