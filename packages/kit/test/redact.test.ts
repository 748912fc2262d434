// Uses no service.
import { inspect } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { redact } from '../src/redact.ts';
import { Secret } from '../src/secret.ts';

const test = suite('redaction');

test('a secret prints as stars everywhere but in reveal', () => {
  const secret = new Secret('s3cr3t-value', 'TOKEN');
  assert.is(`${secret}`, '***');
  assert.not.match(JSON.stringify({ secret }), 's3cr3t');
  assert.not.match(inspect({ secret }), 's3cr3t');
  assert.is(secret.reveal(), 's3cr3t-value');
});

test('the password inside a URL is a secret of its own, encoded or not', () => {
  new Secret('postgres://app:p%40ss%2Fword@db.internal/shop');
  assert.is(redact('authentication failed for p@ss/word'), 'authentication failed for ***');
  assert.is(redact('tried p%40ss%2Fword'), 'tried ***');
  assert.is(redact('postgres://app:p%40ss%2Fword@db.internal/shop'), '***');
});

test('a secret is masked in its encoded shapes too', () => {
  new Secret('quote"and\nnewline');
  new Secret('basic-credential');
  assert.is(redact(JSON.stringify({ a: 'quote"and\nnewline' })), '{"a":"***"}');
  assert.is(redact(`Basic ${Buffer.from('basic-credential').toString('base64')}`), 'Basic ***');
});

test('each key of a ring is masked by itself too, and the names of keys are not', () => {
  const [one, two] = ['MC4CAQAwBQYDK2VwBCIEIFq3n0dQ8c1Zs', 'Zk81vQ0s2bPpYt6mWq3x4R7u9TjLhE5aDc'];
  new Secret(`kid-2026:private.${one},kid-2025:${two}`);
  assert.is(redact(`${one} of kid-2026`), '*** of kid-2026');
  assert.is(redact(`kid-2025 is ${two}`), 'kid-2025 is ***');
  const alone = 'q8Vn2LrT5yXc7KdW1mZp4HsB9gJfE3uA6o';
  new Secret(`kid-2024:private.${alone}`);
  assert.is(redact(`${alone} of kid-2024`), '*** of kid-2024');
});

test('a secret that contains another one is masked whole', () => {
  new Secret('inner-secret');
  new Secret('outer-inner-secret-outer');
  assert.is(redact('outer-inner-secret-outer'), '***');
});

test.run();
