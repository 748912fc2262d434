import { OpsError, type Secret, usageError } from '@drydock/kit';
import type { Encrypter } from 'age-encryption';
import { keysIn, malformed } from './identity.ts';

/** Encrypted to every recipient (`age1…`), armored, as Debian's `age` opens it by itself. */
export async function seal(text: string, recipients: readonly string[]): Promise<string> {
  const { armor } = await import('age-encryption');
  const encrypter = await encrypterTo(recipients);
  return armor.encode(await encrypter.encrypt(text));
}

/** Refuses one that is no key (RECIPIENT_MALFORMED, exit 2), before anything is encrypted. */
export async function encrypterTo(recipients: readonly string[]): Promise<Encrypter> {
  if (recipients.length === 0) throw new Error('There is nobody to encrypt to.');
  const { Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  for (const recipient of new Set(recipients)) addRecipient(encrypter, recipient);
  return encrypter;
}

/** `what` is how a refusal calls it. WRONG_KEY where the identity is none of its recipients, SEALED_DAMAGED where it is not what was written. */
export async function open(sealed: string, identity: Secret, what = 'this'): Promise<string> {
  const { armor, Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  try {
    for (const key of keysIn(identity.reveal())) decrypter.addIdentity(key);
  } catch {
    // What the library says may hold the key.
    throw malformed(identity.label);
  }
  try {
    // As bytes: the library's own decoding would drop a byte order mark.
    return Buffer.from(await decrypter.decrypt(armor.decode(sealed.trim()))).toString('utf8');
  } catch (cause) {
    throw unopened(cause as Error, identity, what);
  }
}

/** How many keys of persons a sealed text was encrypted to: its header tells the number, and not whose. */
export async function countRecipients(sealed: string): Promise<number | undefined> {
  const { armor } = await import('age-encryption');
  try {
    const head = Buffer.from(armor.decode(sealed.trim())).toString('latin1').split('\n--- ')[0] ?? '';
    return head.match(/^-> X25519 /gm)?.length ?? 0;
  } catch {
    return undefined;
  }
}

function addRecipient(encrypter: Encrypter, recipient: string): void {
  try {
    encrypter.addRecipient(recipient);
  } catch {
    throw usageError(
      'RECIPIENT_MALFORMED',
      `${recipient} is no public key of age: a letter of it is wrong or missing. Nothing was encrypted.`,
      'Copy it again from its owner (age-keygen -y KEYFILE prints it) into secrets.team of drydock.config.ts.',
    );
  }
}

function unopened(cause: Error, identity: Secret, what: string): OpsError {
  const wrongKey = /no identity matched|no file key|none of the identities/i.test(cause.message);
  return new OpsError({
    code: wrongKey ? 'WRONG_KEY' : 'SEALED_DAMAGED',
    message: wrongKey
      ? `${identity.label} cannot open ${what}: it is encrypted to other keys.`
      : `${what.charAt(0).toUpperCase()}${what.slice(1)} cannot be opened: its bytes are not what was written.`,
    hint: wrongKey
      ? 'Have one of those who can seal it anew, with your key in secrets.team.'
      : 'Take it again from where it was written, as from git.',
    cause,
  });
}
