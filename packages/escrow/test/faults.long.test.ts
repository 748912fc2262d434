// Uses PostgreSQL and anvil behind an RPC that fails; tasks as processes. npm run bench -- escrow makes 200 rounds.
import { THOROUGH } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { surviveFaults } from './faults.ts';

const test = suite('random faults');

test('one escrow per job, one refund, and a database that is as the chain, whatever fails', async () => {
  const wanted = THOROUGH ? 200 : 3;
  const { rounds } = await surviveFaults({ rounds: wanted, seed: 7 });
  assert.is(rounds, wanted);
});

test.run();
