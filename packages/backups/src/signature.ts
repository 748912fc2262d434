import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { command, hint, type Secret, usageError } from '@drydock/kit';

/** Ed25519 (RFC 8032) by Node's own OpenSSL. Keys are what stands between the lines of a PEM file: any other tool takes them. */
export interface Signature {
  /** Public key of who signed. It says nothing by itself: what counts is whether the config pins it. */
  key: string;
  /** In hexadecimal. */
  value: string;
}

/** Whoever makes backups. */
export interface Signer {
  key: string;
  sign(text: string): Signature;
}

/** What is signed begins with this: a signature of the same key on anything else is none on a backup. */
const NAMESPACE = 'drydock backup manifest 1\n';
const SIGNATURE = /^[0-9a-f]{128}$/;

/** A pair: `secret` for the host that makes backups, `key` for the config. */
export function makeSigningKey(): { key: string; secret: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    key: textOf(publicKey),
    secret: privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64'),
  };
}

export function openSigner(secret: Secret): Signer {
  const privateKey = readPrivateKey(secret);
  const key = textOf(createPublicKey(privateKey));
  return { key, sign: (text) => ({ key, value: sign(null, signedBytes(text), privateKey).toString('hex') }) };
}

/** Whether that key signed that text. Anything that is malformed did not. */
export function isSignedBy({ key, value }: Signature, text: string): boolean {
  if (!SIGNATURE.test(value)) return false;
  try {
    const der = Buffer.from(key, 'base64');
    const publicKey = createPublicKey({ key: der, format: 'der', type: 'spki' });
    // One key has one text: base64 would let some of its last bits be others.
    if (publicKey.asymmetricKeyType !== 'ed25519' || textOf(publicKey) !== key) return false;
    return verify(null, signedBytes(text), publicKey, Buffer.from(value, 'hex'));
  } catch {
    return false;
  }
}

function signedBytes(text: string): Buffer {
  return Buffer.from(`${NAMESPACE}${text}`);
}

function textOf(publicKey: KeyObject): string {
  return publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
}

function readPrivateKey(secret: Secret): KeyObject {
  const malformed = () =>
    usageError(
      'SIGNING_KEY_MALFORMED',
      `${secret.label} is not the secret half of a signing key.`,
      hint`Make a pair: ${command('backup:keygen')}`,
    );
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: Buffer.from(secret.reveal().trim(), 'base64'), format: 'der', type: 'pkcs8' });
  } catch {
    // What OpenSSL says of it could quote it.
    throw malformed();
  }
  if (key.asymmetricKeyType !== 'ed25519') throw malformed();
  return key;
}
