// Uses anvil: random calls by random actors, each compared with a model; ETH is forced in, recipients refuse, the admin goes over.
import { THOROUGH } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fuzz } from './fuzz/run.ts';

const test = suite('contracts under random calls');
const CALLS = { all: 20_000, sample: 2_000 };
const LENGTH = 100;

test('value in = value out + balance, nothing is paid twice, only roles act, a rolled-back escrow is final', async () => {
  const wanted = THOROUGH ? CALLS.all : CALLS.sample;
  // Time that passes is no call.
  const { calls, done } = await fuzz({ runs: Math.ceil((wanted / LENGTH) * 1.1), length: LENGTH, seed: 20_261_124 });
  assert.ok(calls >= wanted, `${calls} calls`);
  assert.ok(done > calls / 10, `${done} of ${calls} calls went through: enough to mean something`);
});

test.run();
