import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { Readable as NodeReadable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { command, findTool, hint, OpsError, type Secret } from '@drydock/kit';
import { keysIn } from './identity.ts';

/** A recipient's public key: `age1…`. */
export const RECIPIENT = /^age1[0-9a-z]{58}$/;

/**
 * Encrypts to every recipient, streaming. The age program does it where it is installed, at ten times the speed;
 * otherwise the package by age's author. The format is the same.
 */
export async function encrypt(
  plain: AsyncIterable<Uint8Array>,
  recipients: string[],
): Promise<AsyncIterable<Uint8Array>> {
  const program = findTool('age');
  if (program) return encryptThroughAge(program, recipients, plain);
  const { Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  return (await encrypter.encrypt(NodeReadable.toWeb(NodeReadable.from(plain)) as never)) as never;
}

async function* encryptThroughAge(
  program: string,
  recipients: string[],
  plain: AsyncIterable<Uint8Array>,
): AsyncIterable<Uint8Array> {
  try {
    yield* throughAge(program, ['--encrypt', ...recipients.flatMap((key) => ['-r', key])], plain);
  } catch (cause) {
    // What came in may have failed as well, and tells it itself.
    if (!(cause instanceof AgeFailed)) throw cause;
    throw encryptFailed(cause.message);
  }
}

export function encryptFailed(why: string): OpsError {
  return new OpsError({
    code: 'ENCRYPT_FAILED',
    message: `age, which encrypts the dump, failed: ${why}.`,
    hint: 'The backups before it are untouched. Mend the cause and run it again.',
  });
}

class AgeFailed extends Error {}

/**
 * Of a file, streaming. Rejects with BACKUP_UNREADABLE where the key does not fit, or the bytes are not what was written.
 * The key goes to the age program through its standard input: neither an argument nor a file, and gone with us.
 */
export async function* decryptFile(path: string, identity: Secret): AsyncIterable<Uint8Array> {
  try {
    const program = findTool('age');
    const key = NodeReadable.from([Buffer.from(`${keysIn(identity).join('\n')}\n`)]);
    if (program) yield* throughAge(program, ['--decrypt', '-i', '-', path], key);
    else yield* withPackage(path, identity);
  } catch (cause) {
    throw unreadable(identity, cause);
  }
}

async function* withPackage(path: string, identity: Secret): AsyncIterable<Uint8Array> {
  const { Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  for (const key of keysIn(identity)) decrypter.addIdentity(key);
  const stored = createReadStream(path, { highWaterMark: 1 << 20 });
  try {
    const plain = await decrypter.decrypt(NodeReadable.toWeb(stored) as never);
    yield* plain as unknown as AsyncIterable<Uint8Array>;
  } finally {
    stored.destroy();
  }
}

async function* throughAge(
  program: string,
  args: string[],
  input: AsyncIterable<Uint8Array>,
): AsyncIterable<Uint8Array> {
  // Nothing of our environment is its business.
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { PATH: process.env.PATH } });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said = `${said}${chunk}`.slice(-2_000);
  });
  const ended = new Promise<void>((done, fail) => {
    child.once('error', fail);
    child.once('close', (code, signal) =>
      code === 0
        ? done()
        : fail(new AgeFailed(said.replace(/^age: error: /, '').split('\n')[0] || `it ended with ${signal ?? code}`)),
    );
  });
  ended.catch(() => {});
  let inputFailed: unknown;
  const fed = pipeline(input, child.stdin).catch((error: NodeJS.ErrnoException) => {
    // age says itself why it stopped reading.
    const stopped = error.syscall === 'write' || error.code === 'ERR_STREAM_PREMATURE_CLOSE';
    if (!stopped) inputFailed = error;
    child.kill('SIGKILL');
  });
  try {
    yield* child.stdout as AsyncIterable<Uint8Array>;
    await fed;
    if (inputFailed) throw inputFailed;
    await ended;
  } finally {
    child.kill('SIGKILL');
  }
}

export function unreadable(identity: Secret, cause: unknown): Error {
  if (cause instanceof OpsError) return cause;
  const { message } = cause as Error;
  const wrongKey = /no identity matched|no file key|none of the identities/i.test(message);
  return new OpsError({
    code: wrongKey ? 'WRONG_KEY' : 'BACKUP_UNREADABLE',
    message: wrongKey
      ? `${identity.label} is not the private key of any recipient of this backup.`
      : `The backup cannot be decrypted: ${message}.`,
    hint: wrongKey
      ? 'Its manifest names the public keys; take the private half of one of them.'
      : hint`Its bytes are not what was written: ${command('backup:verify')}, and take another backup.`,
    cause,
  });
}
