import { pbkdf2, randomBytes } from 'node:crypto';
import { realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { command, hint, isReachableByAll, note, OpsError, posixWord, Secret } from '@drydock/kit';
import { type Kdf, MOST_MEMORY, readKeystore } from './keystore-file.ts';

/** Opens a keystore. MAC and cipher are ox's. */
export async function openKeystore(path: string, password: Secret): Promise<Secret> {
  const keystore = readKeystore(path);
  tellOpen(path);
  const { decrypt } = await import('ox/Keystore');
  const derived = await deriveKey(keystore.kdf, password.reveal());
  try {
    return new Secret(
      decrypt(keystore.file as never, () => `0x${Buffer.from(derived).toString('hex')}`),
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

async function deriveKey(kdf: Kdf, password: string): Promise<Uint8Array> {
  const salt = Buffer.from(kdf.salt, 'hex');
  if (kdf.name === 'pbkdf2') return promisify(pbkdf2)(password, salt, kdf.c, kdf.dklen, 'sha256');
  // Not Node's: OpenSSL refuses r = 1 with this n, which the format's own example has. Not ox's: it knows r = 1 alone.
  const { scryptAsync } = await import('@noble/hashes/scrypt.js');
  return scryptAsync(password, salt, { N: kdf.n, r: kdf.r, p: kdf.p, dkLen: kdf.dklen, maxmem: MOST_MEMORY + 2 ** 20 });
}
