import { pbkdf2, randomBytes } from 'node:crypto';
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import {
  command,
  hint,
  isMissing,
  isReachableByAll,
  note,
  OpsError,
  posixWord,
  Secret,
  usageError,
} from '@drydock/kit';

/** A keystore file (Web3 Secret Storage, version 3), as geth, Foundry and others write it. */
interface KeystoreFile {
  version: 3;
  crypto: {
    cipher: string;
    kdf: 'scrypt' | 'pbkdf2';
    kdfparams: { dklen: number; salt: string; n?: number; r?: number; p?: number; c?: number; prf?: string };
  };
}

/** Opens a keystore. MAC and cipher are ox's. */
export async function openKeystore(path: string, password: Secret): Promise<Secret> {
  const keystore = readKeystore(path);
  tellOpen(path);
  const { decrypt } = await import('ox/Keystore');
  const derived = await deriveKey(keystore, password.reveal());
  try {
    return new Secret(
      decrypt(keystore as never, () => `0x${Buffer.from(derived).toString('hex')}`),
      'the keystore',
    );
  } catch (cause) {
    throw new OpsError({
      code: 'KEYSTORE_LOCKED',
      message: `The keystore ${path} does not open: the password is another one, or the file is damaged.`,
      hint: hint`Check ${password.label}: ${command('env:check')} shows where the value comes from.`,
      exit: 2,
      // Without the library's error: what it was given is a key.
      cause: (cause as Error).message,
    });
  }
}

/** Its password is all that others lack then, and they can try at leisure, or put another key in its place. */
function tellOpen(path: string): void {
  const { mode } = statSync(path);
  const [read, write] = [(mode & 0o004) !== 0, (mode & 0o002) !== 0];
  if ((!read && !write) || !isReachableByAll(dirname(realpathSync(path)))) return;
  const may = [...(read ? ['read'] : []), ...(write ? ['write'] : [])].join(' and ');
  const shown = `0${(mode & 0o777).toString(8)}`;
  note(`Everybody on this machine can ${may} the keystore ${path} (${shown}): chmod 600 ${posixWord(path)}`);
}

/** The JSON of a keystore. `cost` is scrypt's n; the default is geth's. */
export async function sealKeystore(privateKey: `0x${string}`, password: string, cost = 262_144): Promise<string> {
  const { encrypt } = await import('ox/Keystore');
  const { scryptAsync } = await import('@noble/hashes/scrypt.js');
  const [salt, iv] = [randomBytes(32), randomBytes(16)];
  const kdfparams = { dklen: 32, n: cost, r: 8, p: 1, salt: salt.toString('hex') };
  const derived = await scryptAsync(password, salt, { N: cost, r: 8, p: 1, dkLen: 32 });
  const key = `0x${Buffer.from(derived).toString('hex')}` as const;
  return JSON.stringify(encrypt(privateKey, key, { iv, kdf: 'scrypt', kdfparams } as never));
}

function readKeystore(path: string): KeystoreFile {
  let keystore: Partial<KeystoreFile>;
  try {
    keystore = JSON.parse(readFileSync(path, 'utf8')) as Partial<KeystoreFile>;
  } catch (cause) {
    throw malformed(path, isMissing(cause) ? 'there is no such file' : 'it cannot be read as JSON');
  }
  if (keystore.version !== 3) throw malformed(path, `its version is ${keystore.version ?? 'not given'}, not 3`);
  const { cipher, kdf } = keystore.crypto ?? {};
  if (cipher !== 'aes-128-ctr') throw malformed(path, `its cipher is ${cipher ?? 'not given'}, not aes-128-ctr`);
  if (kdf !== 'scrypt' && kdf !== 'pbkdf2') throw malformed(path, `its kdf is ${kdf ?? 'not given'}`);
  return keystore as KeystoreFile;
}

async function deriveKey({ crypto: { kdf, kdfparams } }: KeystoreFile, password: string): Promise<Uint8Array> {
  const { dklen = 32, salt: hex, n = 262_144, r = 8, p = 1, c = 262_144 } = kdfparams;
  const salt = Buffer.from(hex, 'hex');
  if (kdf === 'pbkdf2') return promisify(pbkdf2)(password, salt, c, dklen, 'sha256');
  // Not Node's: OpenSSL refuses r = 1 with this n, which the format's own example has. Not ox's: it knows r = 1 alone.
  const { scryptAsync } = await import('@noble/hashes/scrypt.js');
  return scryptAsync(password, salt, { N: n, r, p, dkLen: dklen });
}

function malformed(path: string, why: string) {
  return usageError(
    'KEYSTORE_MALFORMED',
    `${path} is no keystore of version 3: ${why}.`,
    'Make one, for example: cast wallet import --keystore-dir DIR NAME --interactive',
  );
}
