// Uses PostgreSQL and anvil behind an RPC that lies at random; the tasks run in this process.
import { THOROUGH } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { surviveLies } from './lies/run.ts';

const test = suite('random lies');
const ROUNDS = { all: 500, sample: 8 };

test('whatever the RPC says: one escrow and one refund per job, none paid twice, and a database that is as the chain', async () => {
  const wanted = THOROUGH ? ROUNDS.all : ROUNDS.sample;
  const { rounds } = await surviveLies({ rounds: wanted, seed: 11 });
  assert.is(rounds, wanted);
});

test.run();
