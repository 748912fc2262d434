// The keys that backup:keygen prints do what they are for.
import { readdirSync } from 'node:fs';
import { Secret } from '@drydock/kit';
import { makeStrangeProduct, runTaskForTest } from '@drydock/kit/testing';
import { Decrypter, Encrypter } from 'age-encryption';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import keygen from '../scripts/keygen.ts';
import { openSigner } from '../src/signature.ts';

const test = suite('backup:keygen');

test('it prints two pairs that fit, gives away the public halves alone as data, and keeps nothing', async () => {
  const root = makeStrangeProduct({ backups: { stores: [{ kind: 'file', path: 'backups' }] } });
  const before = readdirSync(root);
  const { outcome, error, said } = await runTaskForTest(keygen, root, []);
  assert.is(error, undefined);
  const text = said.join('\n');
  const one = (shape: RegExp) => shape.exec(text)?.[1] ?? '';
  const [recipient, identity] = [one(/\b(age1[a-z0-9]+)/), one(/(AGE-SECRET-KEY-\S+)/)];
  const [secret, key] = [one(/to sign +secret +(\S+)/), one(/key: '([^']+)'/)];
  assert.equal(outcome?.data, { recipient, signer: key });
  for (const half of [identity, secret]) assert.not.ok(JSON.stringify(outcome).includes(half));

  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  assert.is(await decrypter.decrypt(await encrypter.encrypt('a backup'), 'text'), 'a backup');
  assert.is(openSigner(new Secret(secret)).key, key);

  assert.equal(readdirSync(root), before);
  const again = await runTaskForTest(keygen, root, []);
  assert.not.equal(again.outcome?.data, outcome?.data, 'each time others');
});

test.run();
