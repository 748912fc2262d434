import { createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from 'node:crypto';

export type Algorithm = 'HS256' | 'EdDSA' | 'ES256';

export interface RingKey {
  kid: string;
  /** Bound to the key: what a token says of its algorithm is compared with it, and never followed. */
  alg: Algorithm;
  verifies: KeyObject;
  /** Undefined: it verifies and does not sign. */
  signs: KeyObject | undefined;
}

export type Ring = readonly [RingKey, ...RingKey[]];

const SHORTEST_SECRET = 32;
const FORM =
  'must be kid:private.PKCS8, kid:public.SPKI or kid:SECRET of at least 32 bytes, each as base64url, separated by commas';

/**
 * Keys of tokens, separated by commas: `kid:private.…` signs and verifies (PKCS #8), `kid:public.…` verifies alone (SPKI), both DER of an Ed25519
 * or P-256 key as base64url; `kid:…` is a secret for HS256. The first signs. Throws what is wrong, without anything of a key.
 */
export function readRing(text: string): Ring {
  const keys = text.split(',').map((entry) => readKey(entry));
  const doubled = keys.find(({ kid }, i) => keys.findIndex((key) => key.kid === kid) !== i);
  if (doubled) throw new Error(`has two keys that are called ${doubled.kid}`);
  const [signer, ...others] = keys;
  if (!signer?.signs) throw new Error('begins with a key that is public: the first one signs');
  return [signer, ...others];
}

/** What verifiers elsewhere may know: no private part, and no secret of HS256. */
export function publicKeys(ring: Ring): { keys: Record<string, unknown>[] } {
  const asymmetric = ring.filter(({ alg }) => alg !== 'HS256');
  return {
    keys: asymmetric.map(({ kid, alg, verifies }) => ({ ...verifies.export({ format: 'jwk' }), kid, alg, use: 'sig' })),
  };
}

function readKey(entry: string): RingKey {
  const [, kid, form, text] = /^([\w-]+):(?:(private|public)\.)?([\w-]+)$/.exec(entry) ?? [];
  if (kid === undefined || text === undefined) throw new Error(FORM);
  const key = Buffer.from(text, 'base64url');
  if (form) return asymmetric(kid, form, key);
  if (key.length < SHORTEST_SECRET) throw new Error(FORM);
  const secret = createSecretKey(key);
  return { kid, alg: 'HS256', verifies: secret, signs: secret };
}

function asymmetric(kid: string, form: string, key: Buffer): RingKey {
  const signs =
    form === 'private' ? read(kid, () => createPrivateKey({ key, format: 'der', type: 'pkcs8' })) : undefined;
  const verifies = signs
    ? createPublicKey(signs)
    : read(kid, () => createPublicKey({ key, format: 'der', type: 'spki' }));
  return { kid, alg: algorithmOf(kid, verifies), verifies, signs };
}

/** Messages of OpenSSL are for nobody, and its errors can hold what they read. */
function read(kid: string, open: () => KeyObject): KeyObject {
  try {
    return open();
  } catch {
    throw new Error(`has no key in ${kid} that can be read: ${FORM}`);
  }
}

function algorithmOf(kid: string, { asymmetricKeyType, asymmetricKeyDetails }: KeyObject): Algorithm {
  if (asymmetricKeyType === 'ed25519') return 'EdDSA';
  if (asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === 'prime256v1') return 'ES256';
  throw new Error(`has a key of another kind in ${kid}: it must be Ed25519 or P-256`);
}
