// Nothing but files: keystores as wallets write them.
import { scryptSync } from 'node:crypto';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Secret, takeNotices } from '@drydock/kit';
import { makeStrangeProduct } from '@drydock/kit/testing';
import { encrypt } from 'ox/Keystore';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openKeystore } from '../src/keys/keystore.ts';
import { admin, keyOf, keystoreOf, PASSWORD } from './world.ts';

const test = suite('keystores');

/** Web3 Secret Storage's own test vectors; the same key in both. */
const VECTOR_KEY = '0x7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d';
const VECTORS = {
  pbkdf2: {
    cipher: 'aes-128-ctr',
    cipherparams: { iv: '6087dab2f9fdbbfaddc31a909735c1e6' },
    ciphertext: '5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46',
    kdf: 'pbkdf2',
    kdfparams: {
      c: 262_144,
      dklen: 32,
      prf: 'hmac-sha256',
      salt: 'ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd',
    },
    mac: '517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2',
  },
  scrypt: {
    cipher: 'aes-128-ctr',
    cipherparams: { iv: '83dbcc02d8ccb40e466191a123791e0e' },
    ciphertext: 'd172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c',
    kdf: 'scrypt',
    kdfparams: {
      dklen: 32,
      n: 262_144,
      r: 1,
      p: 8,
      salt: 'ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19',
    },
    mac: '2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097',
  },
};

test("the format's own test vectors open, and a keystore as geth writes it", async () => {
  const root = makeStrangeProduct({});
  const file = join(root, 'keystore.json');
  for (const crypto of Object.values(VECTORS)) {
    writeFileSync(file, JSON.stringify({ version: 3, id: 'x', crypto }));
    assert.is((await openKeystore(file, new Secret('testpassword'))).reveal(), VECTOR_KEY);
  }
  const salt = Buffer.alloc(32, 7);
  const derived = scryptSync(PASSWORD, salt, 32, { N: 4_096, r: 8, p: 1 });
  const options = {
    iv: new Uint8Array(16),
    kdf: 'scrypt',
    kdfparams: { dklen: 32, n: 4_096, r: 8, p: 1, salt: salt.toString('hex') },
  };
  writeFileSync(file, JSON.stringify(encrypt(keyOf(1), `0x${derived.toString('hex')}`, options as never)));
  assert.is((await openKeystore(file, new Secret(PASSWORD))).reveal(), keyOf(1));
});

test('a keystore opens in the letters of any wallet', async () => {
  const file = join(makeStrangeProduct({}), 'keystore.json');
  const opens = async (text: string) => {
    writeFileSync(file, text);
    return (await openKeystore(file, new Secret(PASSWORD))).reveal();
  };
  const { crypto } = JSON.parse(keystoreOf(keyOf(1))) as { crypto: typeof VECTORS.pbkdf2 };
  const { cipherparams, kdfparams } = crypto;
  const prefixed = {
    ...crypto,
    ciphertext: `0x${crypto.ciphertext}`,
    mac: `0x${crypto.mac.toUpperCase()}`,
    cipherparams: { iv: `0x${cipherparams.iv}` },
    kdfparams: { ...kdfparams, salt: `0x${kdfparams.salt}` },
  };
  const address = admin.address.slice(2).toLowerCase();
  const wallets: Record<string, unknown> = {
    ethers: {
      address,
      id: 'd1c5…',
      version: 3,
      Crypto: crypto,
      'x-ethers': { client: 'ethers.js', path: "m/44'/60'/0'/0/0" },
    },
    'in capitals': { VERSION: 3, CRYPTO: crypto },
    geth: { address, crypto, id: '0d1c9a4e-8f0f-4a35-9b53-1c5c5c5c5c5c', version: 3 },
    web3j: {
      address,
      id: 'x',
      version: 3,
      crypto: { ...crypto, kdfparams: { ...kdfparams, prf: 'HMAC-SHA256' } },
      aliases: null,
    },
    'a version that is a text': { version: '3', crypto },
    'digits with 0x': { version: 3, crypto: prefixed },
    'other letters inside': {
      version: 3,
      crypto: {
        Cipher: 'AES-128-CTR',
        cipherText: crypto.ciphertext,
        cipherParams: cipherparams,
        KDF: 'PBKDF2',
        kdfParams: kdfparams,
        MAC: crypto.mac,
      },
    },
    'no dklen, and a count that is a text': {
      version: 3,
      crypto: { ...crypto, kdfparams: { ...kdfparams, dklen: undefined, c: String(kdfparams.c) } },
    },
  };
  for (const [name, content] of Object.entries(wallets))
    assert.is(await opens(JSON.stringify(content)), keyOf(1), name);
  assert.is(await opens(`\uFEFF${JSON.stringify({ version: 3, crypto })}`), keyOf(1));
  const refusals: [unknown, string][] = [
    [null, 'it is null'],
    [[{ version: 3, crypto }], 'it is a list'],
    ['x', 'it is a string'],
    [{ data: 'x', iv: 'y', salt: 'z', vault: 'q' }, 'vault of a browser wallet'],
    [{ version: 1, crypto }, 'its version is 1, not 3'],
    [{ version: 3 }, 'it has no "crypto"'],
    [{ version: 3, crypto: { ...crypto, kdfparams: undefined } }, 'its kdfparams are missing'],
    [{ version: 3, crypto: { ...crypto, cipherparams: undefined } }, 'its cipherparams are missing'],
    [{ version: 3, crypto: { ...crypto, mac: undefined } }, 'its mac is missing'],
    [{ version: 3, crypto: { ...crypto, mac: 'zz' } }, 'its mac is not 32 bytes'],
    [
      { version: 3, crypto: { ...crypto, kdfparams: { ...kdfparams, prf: 'hmac-sha512' } } },
      'prf of its kdfparams is hmac-sha512',
    ],
    [{ version: 3, crypto: { ...crypto, kdfparams: { ...kdfparams, c: undefined } } }, 'its kdfparams lack c'],
    [{ version: 3, crypto: { ...crypto, kdfparams: { ...kdfparams, salt: undefined } } }, 'its salt is missing'],
    [{ version: 3, crypto: { ...crypto, kdf: 'argon2' } }, 'its kdf is argon2'],
    [
      { version: 3, crypto: { ...crypto, kdf: 'scrypt', kdfparams: { ...kdfparams, n: 2 ** 30, r: 8, p: 1 } } },
      'more memory than 1024 MiB',
    ],
  ];
  for (const [content, why] of refusals) {
    const error = (await opens(JSON.stringify(content)).catch((thrown: unknown) => thrown)) as {
      code?: string;
      message: string;
    };
    assert.is(error.code, 'KEYSTORE_MALFORMED', why);
    assert.match(error.message, why);
  }
});

test('a keystore that everybody may read or change is told of once, with what closes it', async () => {
  const root = makeStrangeProduct({});
  const file = join(root, 'key store.json');
  writeFileSync(file, keystoreOf(keyOf(1)));
  const told = async (mode: number, folder = 0o755) => {
    chmodSync(file, mode);
    chmodSync(root, folder);
    takeNotices();
    for (let twice = 0; twice < 2; twice++) await openKeystore(file, new Secret(PASSWORD));
    return takeNotices();
  };
  const [first = '', ...more] = await told(0o666);
  assert.match(first, `Everybody on this machine can read and write the keystore ${file} (0666): chmod 600 '${file}'`);
  assert.equal(more, []);
  assert.match((await told(0o644))[0] ?? '', 'can read the keystore');
  assert.equal(await told(0o600), []);
  assert.equal(await told(0o666, 0o700), [], 'nobody else gets there');
});

test.run();
