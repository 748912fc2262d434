import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { type OpsError, Secret, usageError } from '@drydock/kit';

/** More than any file of keys has. */
const MOST_BYTES = 64 * 1024;
const KEY = 'AGE-SECRET-KEY-';

/** The keys in a text: one a line, with comments between them, as age's own files have it. */
export function keysIn(text: string): string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line && !line.startsWith('#'));
}

/** What a variable says of the operator's key: the key itself, or the path of a file that holds it (exit 2 where that is not theirs alone). */
export function readIdentity(value: string, variable: string, root: string): Secret {
  const text = value.includes(KEY) ? value : readKeyFile(value.trim(), variable, root);
  if (keysIn(text).length > 0 && keysIn(text).every((key) => key.startsWith(KEY))) return new Secret(text, variable);
  throw malformed(variable);
}

/** Public halves of an identity's keys. */
export async function recipientsOf(identity: Secret): Promise<string[]> {
  const { identityToRecipient } = await import('age-encryption');
  try {
    return await Promise.all(keysIn(identity.reveal()).map((key) => identityToRecipient(key)));
  } catch {
    // What the library says may hold the key.
    throw malformed(identity.label);
  }
}

export function malformed(label: string): OpsError {
  return usageError(
    'IDENTITY_MALFORMED',
    `${label} is no private key of age, nor the path of a file with one: a key begins with AGE-SECRET-KEY-1 and is whole to its last sign.`,
    'Copy it again from where it is kept; age-keygen makes one. Nothing was changed.',
  );
}

function readKeyFile(path: string, variable: string, root: string): string {
  const file = path.startsWith('~/') ? join(homedir(), path.slice(2)) : resolve(root, path);
  let fd: number;
  try {
    // A pipe would be waited for.
    fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    // A value that is neither is not shown: it may be half a key.
    if (!/^[~./]|\.(txt|key|age)$/.test(path)) throw malformed(variable);
    throw usageError(
      'IDENTITY_MISSING',
      `The file that ${variable} names, ${file}, cannot be read (${code}).`,
      `Name the file with your key, 0600: ${variable}=~/.config/age/key.txt`,
    );
  }
  try {
    const { uid, mode, size } = fstatSync(fd);
    const found = fstatSync(fd);
    const us = process.geteuid?.();
    if (!found.isFile() || size > MOST_BYTES) throw malformed(variable);
    if (us !== undefined && uid !== us && uid !== 0)
      throw open(`${file}, which ${variable} names, belongs to another user (uid ${uid})`, `chown ${us} ${file}`);
    if ((mode & 0o077) !== 0) throw open(`Others may read ${file}, which ${variable} names`, `chmod 600 ${file}`);
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

function open(what: string, mend: string): OpsError {
  return usageError(
    'IDENTITY_OPEN',
    `${what}: a key that others can have had opens nothing here.`,
    `If it is still yours alone: ${mend}   If not, make another (age-keygen) and have it put in the place of yours in secrets.team.`,
  );
}
