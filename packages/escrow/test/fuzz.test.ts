// Uses anvil: random calls by random actors, each compared with a model. npm run bench -- escrow makes over 10,000 of them.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fuzz } from './fuzz/run.ts';

const test = suite('contracts under random calls');

test('value in = value out + balance, nothing is paid twice, only roles act, a rolled-back escrow is final', async () => {
  const { calls, done } = await fuzz({ runs: 20, length: 100, seed: 20_261_124 });
  assert.is(calls, 2_000);
  assert.ok(done > 200, `${done} calls went through: enough to mean something`);
});

test.run();
