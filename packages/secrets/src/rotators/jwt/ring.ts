import { createPrivateKey, createPublicKey, createSecretKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { OpsError, Secret } from '@drydock/kit';

export type Algorithm = 'HS256' | 'EdDSA' | 'ES256';

export interface RingKey {
  kid: string;
  alg: Algorithm;
  /** Undefined: it verifies and does not sign. */
  signs: KeyObject | undefined;
  /** Its public part, where there is one. */
  shown: KeyObject | undefined;
  /** As a ring has it that verifies with it and does not sign; a secret of HS256 can do no less than sign. */
  verifies: string;
}

/** RFC 7518, 3.2: a key as long as the hash at least. */
const SHORTEST_SECRET = 32;
const FORM = 'kid:private.PKCS8, kid:public.SPKI or kid:SECRET, each as base64url';

/** The keys of a ring, the first of which signs. Throws what is wrong, by place and kid, with nothing of a key. */
export function readRing(variable: string, ring: Secret | null): [RingKey, ...RingKey[]] {
  if (!ring) throw bad(variable, 'RING_MISSING', 'is not set');
  const keys = ring
    .reveal()
    .split(',')
    .map((entry, i) => readKey(variable, entry, i + 1));
  const doubled = keys.find(({ kid }, i) => keys.findIndex((key) => key.kid === kid) !== i);
  if (doubled) throw bad(variable, 'RING_KID_TWICE', `has two keys that are called ${doubled.kid}`);
  const [signer, ...others] = keys;
  if (!signer?.signs)
    throw bad(variable, 'RING_HAS_NO_SIGNER', `begins with ${signer?.kid}, which is public: the first one signs`);
  return [signer, ...others];
}

/** A new key, as the ring has it that signs with it. */
export function newKey(kid: string, alg: 'EdDSA' | 'ES256'): string {
  const { privateKey } =
    alg === 'EdDSA' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return `${kid}:private.${privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64url')}`;
}

function readKey(variable: string, entry: string, place: number): RingKey {
  const [, kid, form, text] = /^(?:([\w-]+):)?(?:(private|public)\.)?([\w-]+)$/.exec(entry) ?? [];
  if (text === undefined) throw bad(variable, 'RING_MALFORMED', `is no ring: its key ${place} is not ${FORM}`);
  if (kid === undefined) throw bad(variable, 'RING_WITHOUT_KID', `has no kid before its key ${place}`);
  // Known from here on by itself too, so that it is masked wherever it turns up.
  const key = Buffer.from(form === 'public' ? text : new Secret(text, variable).reveal(), 'base64url');
  if (form) return asymmetric(variable, { kid, form, key });
  if (key.length < SHORTEST_SECRET)
    throw bad(
      variable,
      'RING_KEY_WEAK',
      `has a secret of ${key.length} bytes in ${kid}: HS256 needs ${SHORTEST_SECRET} (RFC 7518)`,
    );
  return { kid, alg: 'HS256', signs: createSecretKey(key), shown: undefined, verifies: entry };
}

function asymmetric(variable: string, { kid, form, key }: { kid: string; form: string; key: Buffer }): RingKey {
  const unreadable = () => bad(variable, 'RING_MALFORMED', `has a ${form} key in ${kid} that cannot be read`);
  const signs =
    form === 'private' ? read(() => createPrivateKey({ key, format: 'der', type: 'pkcs8' }), unreadable) : undefined;
  const shown = read(() => createPublicKey(signs ?? { key, format: 'der', type: 'spki' }), unreadable);
  const alg = algorithmOf(shown);
  if (!alg) throw bad(variable, 'RING_KEY_WEAK', `has a key in ${kid} that is neither Ed25519 nor P-256`);
  const spki = shown.export({ format: 'der', type: 'spki' }).toString('base64url');
  return { kid, alg, signs, shown, verifies: `${kid}:public.${spki}` };
}

/** The errors of OpenSSL can hold what they read. */
function read(open: () => KeyObject, unreadable: () => OpsError): KeyObject {
  try {
    return open();
  } catch {
    throw unreadable();
  }
}

function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): 'EdDSA' | 'ES256' | undefined {
  if (asymmetricKeyType === 'ed25519') return 'EdDSA';
  return asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === 'prime256v1' ? 'ES256' : undefined;
}

function bad(variable: string, code: string, what: string): OpsError {
  return new OpsError({
    code,
    message: `${variable} ${what}.`,
    hint: `A ring is made of ${FORM}, separated by commas; the first signs, all verify.`,
  });
}
