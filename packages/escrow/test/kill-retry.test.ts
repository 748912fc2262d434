// Uses PostgreSQL and anvil; escrow:retry runs as a process and is killed with SIGKILL before and after each of its steps.
import { openRuns } from '@drydock/kit';
import { linesToKillAt, taskProcesses } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { assertOneEscrow, goOn, killWhen, linesOf } from './kill.ts';
import { journalOf } from './process.ts';
import { type RpcProxy, startRpcProxy } from './rpc-proxy.ts';
import { admin, productOf, startWorld, type World } from './world.ts';

const test = suite('kill -9 in escrow:retry');
let world: World;
let proxy: RpcProxy;
test.before(async () => {
  world = await startWorld();
  proxy = await startRpcProxy(world.rpcUrl);
});
test.before.each(() => proxy.reset());
test.after(async () => {
  await proxy.stop();
  await world.stop();
});

const nonces = () => world.chain.getTransactionCount({ address: admin.address });

test('before and after each of its steps: it resumes into one escrow, by one transaction', async () => {
  const lines = await linesOf(productOf(world), 'retry', '--job', await world.addJob());
  let killed = 0;
  const moments = linesToKillAt(lines, 2);
  for (const at of moments) {
    const [job, root, before] = [await world.addJob(), productOf(world), await nonces()];
    if (await killWhen(root, () => journalOf(root).length >= at, 'retry', '--job', job)) killed++;
    await goOn(root, 'retry', '--job', job);
    await assertOneEscrow(world, job);
    assert.is(await nonces(), before + 1, `killed at line ${at} of ${lines}`);
  }
  assert.ok(killed >= moments.length - 1, `${killed} of ${moments.length} kills came in time`);
});

test('just before and just after the chain has the transaction', async () => {
  for (const moment of ['before', 'after'] as const) {
    const [job, root, before] = [await world.addJob(), productOf({ ...world, rpcUrl: proxy.url }), await nonces()];
    let reached = false;
    proxy[moment] = async ({ method }) => {
      if (method !== 'eth_sendRawTransaction' || reached) return;
      reached = true;
      // Long enough to be killed in.
      await new Promise((done) => setTimeout(done, 400));
      if (moment === 'before') throw new Error('its sender is gone');
    };
    assert.ok(await killWhen(root, () => reached, 'retry', '--job', job));
    proxy.reset();
    assert.is((await world.job(job)).deployed, false);
    await goOn(root, 'retry', '--job', job);
    await assertOneEscrow(world, job);
    assert.is(await nonces(), before + 1, moment);
  }
});

test('while nothing is mined, and given up: a new run goes on with the transaction of the dead one', async () => {
  const [job, root, before] = [
    await world.addJob(),
    productOf(world, { chain: { minedWithinMs: 60_000 } }),
    await nonces(),
  ];
  await world.chain.setAutomine(false);
  const pool = async () => Number((await world.chain.getTxpoolStatus()).pending);
  await killWhen(root, async () => (await pool()) === 1, 'retry', '--job', job);
  await world.chain.setAutomine(true);
  // Until it is given up it stands in everybody's way.
  const [{ run: dead } = { run: '' }] = openRuns(root);
  const given = await taskProcesses(root).run('ops:resume', '--abandon', dead);
  assert.is(given.code, 0, given.stdout + given.stderr);
  await goOn(productOf(world), 'retry', '--job', job);
  await assertOneEscrow(world, job);
  assert.is(await nonces(), before + 1);
});

test.run();
