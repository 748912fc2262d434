// Uses no service: a stream that keeps what it was told.
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Masking, maskStream, writeShown } from '../../src/output/masked-stream.ts';
import { registerSecret } from '../../src/redact.ts';

const test = suite('a masked stream');
const SECRETS = ['correct-horse-battery', 'horse-and-cart-77', 'correct-horse-battery-staple', 'ünï-cödé-sécret'];
for (const secret of SECRETS) registerSecret(secret);

function stream(): { stream: NodeJS.WriteStream; written: () => string } {
  let text = '';
  const write = (chunk: string, done?: () => void) => {
    text += chunk;
    done?.();
    return true;
  };
  const masked = { write } as unknown as NodeJS.WriteStream;
  maskStream(masked);
  return { stream: masked, written: () => text };
}

test('a secret in two pieces is masked, wherever it is cut', () => {
  for (const secret of SECRETS)
    for (let cut = 0; cut <= secret.length; cut++) {
      const masking = new Masking();
      const text = masking.push(`a ${secret.slice(0, cut)}`) + masking.push(`${secret.slice(cut)} b`) + masking.flush();
      assert.is(text, 'a *** b', `${secret} cut at ${cut}`);
    }
});

test('in as many pieces as it has letters, or bytes', () => {
  for (const secret of SECRETS) {
    const masking = new Masking();
    assert.is([...`x${secret}y`].map((char) => masking.push(char)).join('') + masking.flush(), 'x***y');
    const { stream: masked, written } = stream();
    for (const byte of Buffer.from(`x${secret}y`)) masked.write(Buffer.from([byte]));
    masked.write('');
    assert.is(written(), 'x***y');
  }
});

test('of two secrets that begin alike the longer one is masked, and the shorter one where it ends', () => {
  const masking = new Masking();
  const text = masking.push('correct-horse-battery') + masking.push('-sta') + masking.push('ple, ');
  assert.is(text + masking.push('correct-horse-battery') + masking.push(' x'), '***, *** x');
});

test('what is no secret comes through at once, whole', () => {
  const masking = new Masking();
  const text = 'Go on? (y/N) › \r\x1b[2K⠋ backup\n';
  assert.is(masking.push(text), text);
  const { stream: masked, written } = stream();
  masked.write('half a line');
  assert.is(written(), 'half a line');
  masked.write('');
  assert.is(written(), 'half a line');
});

test('what only looks like the beginning of a secret is shown after a moment', async () => {
  const { stream: masked, written } = stream();
  masked.write('is it correct');
  assert.is(written(), 'is it ');
  const deadline = Date.now() + 10_000;
  while (written() !== 'is it correct' && Date.now() < deadline) await sleep(5);
  assert.is(written(), 'is it correct');
  masked.write('? yes\n');
  assert.is(written(), 'is it correct? yes\n');
});

test('if its rest comes after that, the rest is masked', () => {
  const masking = new Masking();
  const text = masking.push('a correct-horse') + masking.flush() + masking.push('-bat') + masking.flush();
  assert.is(text + masking.push('tery!'), 'a correct-horse-bat***!');
  assert.is(masking.push(' correct') + masking.flush() + masking.push('ly'), ' correctly');
});

test('what waits is written before a callback is called, and before what is masked already', () => {
  const { stream: masked, written } = stream();
  masked.write('correct');
  let seen = '';
  masked.write('', () => {
    seen = written();
  });
  assert.is(seen, 'correct');
  masked.write('horse');
  writeShown(masked, '{"correct-horse-battery":1}\n');
  assert.is(written(), 'correcthorse{"correct-horse-battery":1}\n');
});

test.run();
