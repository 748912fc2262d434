import { readFileSync } from 'node:fs';
import { isMissing, usageError } from '@drydock/kit';

/** How the password becomes a key. */
export type Kdf = { salt: string; dklen: number } & (
  | { name: 'scrypt'; n: number; r: number; p: number }
  | { name: 'pbkdf2'; c: number }
);

/** A keystore (Web3 Secret Storage, version 3): `file` in the letters of its definition, for who decrypts it. */
export interface Keystore {
  file: unknown;
  kdf: Kdf;
}

/** What scrypt may take; more than any wallet asks for. */
export const MOST_MEMORY = 2 ** 30;

type Fields = Record<string, unknown>;

/**
 * Wallets agree on the format and not on its letters: `Crypto` (ethers, MyEtherWallet, Harmony), a version that is a text, digits
 * with 0x before them, a byte order mark. What is not as the definition has it, and would be guessed, is told.
 */
export function readKeystore(path: string): Keystore {
  const malformed = (why: string) =>
    usageError(
      'KEYSTORE_MALFORMED',
      `${path} is no keystore of version 3: ${why}.`,
      'Make one, for example: cast wallet import --keystore-dir DIR NAME --interactive',
    );
  const whole = parsed(path, malformed);
  const { version, crypto: inner } = whole;
  if (version === undefined && whole.vault !== undefined)
    throw malformed('it is the vault of a browser wallet: export the key of the account from there');
  if (Number(version) !== 3 || version === true) throw malformed(`its version is ${shown(version)}, not 3`);
  if (!isFields(inner)) throw malformed('it has no "crypto"');
  const crypto = inLowerCase(inner);
  const cipher = String(crypto.cipher ?? 'not given').toLowerCase();
  if (cipher !== 'aes-128-ctr') throw malformed(`its cipher is ${cipher}, not aes-128-ctr`);
  const hex = (of: Fields, key: string, bytes?: number): string => {
    const digits = String(of[key] ?? '')
      .toLowerCase()
      .replace(/^0x/, '');
    if (/^([0-9a-f]{2})+$/.test(digits) && (bytes === undefined || digits.length === bytes * 2)) return digits;
    const missing = of[key] === undefined || of[key] === null;
    throw malformed(
      missing ? `its ${key} is missing` : `its ${key} is not ${bytes ?? 'some'} bytes in hexadecimal digits`,
    );
  };
  const [cipherparams, kdfparams] = [fields(crypto, 'cipherparams', malformed), fields(crypto, 'kdfparams', malformed)];
  const [iv, ciphertext, mac] = [hex(cipherparams, 'iv', 16), hex(crypto, 'ciphertext'), hex(crypto, 'mac', 32)];
  const kdf = kdfOf(String(crypto.kdf ?? 'not given').toLowerCase(), kdfparams, hex(kdfparams, 'salt'), malformed);
  const { name, ...params } = kdf;
  return {
    kdf,
    file: { version: 3, crypto: { cipher, cipherparams: { iv }, ciphertext, mac, kdf: name, kdfparams: params } },
  };
}

type Malformed = (why: string) => Error;

function kdfOf(name: string, params: Fields, salt: string, malformed: Malformed): Kdf {
  const number = (key: string, usual?: number): number => {
    const given = params[key] ?? usual;
    const value = typeof given === 'string' && /^\d+$/.test(given) ? Number(given) : given;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value;
    throw malformed(given === undefined ? `its kdfparams lack ${key}` : `${key} of its kdfparams is no whole number`);
  };
  const dklen = number('dklen', 32);
  if (dklen < 32) throw malformed(`dklen of its kdfparams is ${dklen}, not 32`);
  if (name === 'pbkdf2') {
    const prf = String(params.prf ?? 'hmac-sha256').toLowerCase();
    if (prf !== 'hmac-sha256') throw malformed(`prf of its kdfparams is ${prf}, not hmac-sha256`);
    return { name, salt, dklen, c: number('c') };
  }
  if (name !== 'scrypt') throw malformed(`its kdf is ${name}, neither scrypt nor pbkdf2`);
  const [n, r, p] = [number('n'), number('r'), number('p')];
  if (n < 2 || !Number.isInteger(Math.log2(n))) throw malformed(`n of its kdfparams is ${n}, no power of two`);
  if (128 * r * (n + p) > MOST_MEMORY)
    throw malformed(`its kdfparams ask for more memory than ${MOST_MEMORY / 2 ** 20} MiB`);
  return { name, salt, dklen, n, r, p };
}

function parsed(path: string, malformed: Malformed): Fields {
  let whole: unknown;
  try {
    whole = JSON.parse(readFileSync(path, 'utf8').replace(/^\uFEFF/, ''));
  } catch (cause) {
    if (isMissing(cause)) throw malformed('there is no such file');
    const { code } = cause as NodeJS.ErrnoException;
    throw malformed(code === undefined ? 'it cannot be read as JSON' : `it cannot be read (${code})`);
  }
  if (isFields(whole)) return inLowerCase(whole);
  throw malformed(
    `it is ${whole === null ? 'null' : Array.isArray(whole) ? 'a list' : `a ${typeof whole}`}, and no object`,
  );
}

function fields(of: Fields, key: string, malformed: Malformed): Fields {
  const found = of[key];
  if (isFields(found)) return inLowerCase(found);
  throw malformed(found === undefined ? `its ${key} are missing` : `its ${key} are no object`);
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const inLowerCase = (value: Fields): Fields =>
  Object.fromEntries(Object.entries(value).map(([key, one]) => [key.toLowerCase(), one]));

const shown = (value: unknown) => (value === undefined || value === null ? 'not given' : JSON.stringify(value));
