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

test('a secret that contains another one is masked whole', () => {
  new Secret('inner-secret');
  new Secret('outer-inner-secret-outer');
  assert.is(redact('outer-inner-secret-outer'), '***');
});

test.run();
