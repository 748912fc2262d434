// Uses PostgreSQL and anvil; the tasks run in this process.
import { setTimeout as sleep } from 'node:timers/promises';
import { runTaskForTest } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Hex } from 'viem';
import retryTask from '../scripts/retry.ts';
import rollbackTask from '../scripts/rollback.ts';
import sweepTask from '../scripts/sweep.ts';
import { admin, productOf, startWorld, type World } from './world.ts';

const test = suite('escrow:sweep');
let world: World;
let root: string;
test.before(async () => {
  world = await startWorld();
  root = productOf(world);
});
test.after(() => world.stop());

const sweep = (...args: string[]) => runTaskForTest(sweepTask, root, ['--env', 'staging', '--yes', ...args]);
const nonceOf = async (job: string) =>
  (await world.chain.getTransaction({ hash: (await world.job(job)).txHash as Hex })).nonce;

test('no job is stuck: nothing is done', async () => {
  const young = await world.addJob({ ageMs: 1_000 });
  const { outcome } = await sweep();
  assert.match(outcome?.verdict ?? '', 'No job of staging is stuck');
  assert.is((await world.job(young)).deployed, false);
  await world.query('DELETE FROM "Milestone"');
  await world.query('DELETE FROM "Job"');
});

test('the oldest come first, in one nonce line, up to the limit; what is there is adopted', async () => {
  const jobs: string[] = [];
  for (let i = 0; i < 12; i++) jobs.push(await world.addJob({ ageMs: 3_600_000 + (12 - i) * 60_000 }));
  const there = jobs[3] ?? '';
  await world.mined(world.createOnChain(there));
  const start = await world.chain.getTransactionCount({ address: admin.address });
  const { outcome, error } = await sweep('--limit', '10');
  assert.is(error, undefined);
  assert.match(outcome?.verdict ?? '', '10 of 10 stuck jobs of staging have their escrow; 2 more wait');
  const sent = jobs.slice(0, 10).filter((job) => job !== there);
  assert.equal(
    await Promise.all(sent.map(nonceOf)),
    sent.map((_, i) => start + i),
  );
  assert.is((await world.job(jobs[10] ?? '')).deployed, false);
  for (const job of jobs.slice(0, 10)) assert.is(await world.chain.getBalance({ address: world.escrowOf(job) }), 350n);
  await sweep();
  for (const job of jobs) assert.is((await world.job(job)).deployed, true);
  assert.is(await world.chain.getTransactionCount({ address: admin.address }), start + 11);
});

test('a job that the contract refuses is left and told, and the others go on', async () => {
  const [good, bad, better] = [await world.addJob(), await world.addJob({ amounts: [] }), await world.addJob()];
  const zero = await world.addJob();
  // The contract refuses the zero address; nothing in the database says so.
  await world.query(
    `UPDATE "User" SET wallet = '0x0000000000000000000000000000000000000000' WHERE id = (SELECT "freelancerId" FROM "Job" WHERE id = $1)`,
    [zero],
  );
  const { outcome, error } = await sweep();
  assert.is(error, undefined);
  assert.is(outcome?.ok, false);
  assert.equal(outcome?.findings?.map(({ code }) => code).sort(), ['JOB_INCOMPLETE', 'WOULD_REVERT']);
  assert.match(outcome?.findings?.find(({ code }) => code === 'WOULD_REVERT')?.message ?? '', 'ZeroAddress()');
  for (const job of [good, better]) assert.is((await world.job(job)).deployed, true);
  for (const job of [bad, zero]) assert.is((await world.job(job)).deployed, false);
  await world.query('DELETE FROM "Milestone"');
  await world.query('DELETE FROM "Job"');
});

test('what stands where an escrow should be, and is none, is told and left', async () => {
  const [taken, good] = [await world.addJob({ ageMs: 7_200_000 }), await world.addJob()];
  await world.chain.setCode({ address: world.escrowOf(taken), bytecode: '0x60006000fd' });
  const { outcome, error } = await sweep();
  assert.is(error, undefined, error?.message);
  assert.equal(
    outcome?.findings?.map(({ code }) => code),
    ['NOT_AN_ESCROW'],
  );
  assert.is((await world.job(good)).deployed, true);
  for (const [task, ...args] of [[retryTask], [rollbackTask, '--reason', 'a test', '--yes']] as const) {
    const { error: refused } = await runTaskForTest(task, root, ['--env', 'staging', '--job', taken, ...args]);
    assert.equal([refused?.code, refused?.exit], ['NOT_AN_ESCROW', 4]);
    assert.match(refused?.message ?? '', `What stands at ${world.escrowOf(taken)} for job ${taken} does not answer`);
  }
  await world.query('DELETE FROM "Milestone"');
  await world.query('DELETE FROM "Job"');
});

test('transactions that wait are replaced at their own nonces', async () => {
  const jobs = [await world.addJob(), await world.addJob(), await world.addJob()];
  await world.chain.setAutomine(false);
  const old = new Map<string, { hash: Hex; nonce: number }>();
  for (const job of jobs) {
    const hash = await world.createOnChain(job);
    await world.query('UPDATE "Job" SET "escrowTxHash" = $2 WHERE id = $1', [job, hash]);
    old.set(job, { hash, nonce: (await world.chain.getTransaction({ hash })).nonce });
  }
  const running = sweep();
  const isGone = (hash: Hex) =>
    world.chain.getTransaction({ hash }).then(
      () => false,
      () => true,
    );
  for (const { hash } of old.values()) while (!(await isGone(hash))) await sleep(20);
  await world.chain.mine({ blocks: 1 });
  assert.is((await running).error, undefined);
  for (const job of jobs) {
    assert.is(await nonceOf(job), old.get(job)?.nonce);
    assert.is((await world.job(job)).deployed, true);
  }
  await world.chain.setAutomine(true);
});

test.run();
