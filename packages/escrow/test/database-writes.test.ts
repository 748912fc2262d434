// Uses PostgreSQL and anvils, one of them behind an RPC that is old; the tasks run in this process.
import { runTaskForTest } from '@drydock/kit/testing';
import { startTestAnvil } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import reconcileTask from '../scripts/reconcile.ts';
import retryTask from '../scripts/retry.ts';
import rollbackTask from '../scripts/rollback.ts';
import sweepTask from '../scripts/sweep.ts';
import { deployContracts } from '../src/contracts/deploy.ts';
import { cutJournal } from './cut.ts';
import { behind } from './lies/rules.ts';
import { journalOf } from './process.ts';
import { type RpcProxy, startRpcProxy } from './rpc-proxy.ts';
import { accountOf, admin, keyOf, productOf, startWorld, type World } from './world.ts';

const test = suite('what is written into the database');
let world: World;
let proxy: RpcProxy;
let root: string;
test.before(async () => {
  world = await startWorld();
  proxy = await startRpcProxy(world.rpcUrl);
  root = productOf(world);
});
test.before.each(() => proxy.reset());
test.after(async () => {
  await proxy.stop();
  await world.stop();
});

const run = (task: Parameters<typeof runTaskForTest>[0], product: string, ...args: string[]) =>
  runTaskForTest(task, product, ['--env', 'staging', ...args]);
const fix = (product = root) => run(reconcileTask, product, '--fix', '--yes');
let people = 900;
const clear = async () => {
  await world.query('DELETE FROM "Milestone"');
  await world.query('DELETE FROM "Job"');
};

/** On both sides, as the product has it. */
async function deployed(): Promise<string> {
  const job = await world.addJob({ pending: false, deployed: true, status: 'FUNDED' });
  const { transactionHash } = await world.mined(world.createOnChain(job));
  await world.query('UPDATE "Job" SET "escrowAddress" = $2, "escrowTxHash" = $3 WHERE id = $1', [
    job,
    world.escrowOf(job),
    transactionHash,
  ]);
  return job;
}

test('an RPC that stands still is not believed, as for a transaction', async () => {
  const job = await deployed();
  const before = await world.job(job);
  const old = await startTestAnvil({ args: ['--timestamp', String(Math.round(Date.now() / 1_000) - 3_600)] });
  try {
    const { escrowFactory } = await deployContracts({
      rpcUrl: old.rpcUrl,
      adminKey: keyOf(1),
      salt: 'test',
      adminDelayS: 0,
    });
    assert.is(escrowFactory, world.factory);
    const product = productOf({ ...world, rpcUrl: old.rpcUrl }, { chain: { maxBlockAgeMs: 120_000 } });
    for (const args of [['--yes'], ['--plan']]) {
      const { error } = await run(reconcileTask, product, '--fix', ...args);
      assert.is(error?.code, 'BLOCK_STALE');
      assert.is(error?.exit, 4);
    }
    assert.equal(await world.job(job), before);
  } finally {
    await old.stop();
  }
  await clear();
});

test('an RPC that goes behind between the plan and the write is waited for; behind for good, it is refused', async () => {
  await world.chain.mine({ blocks: 3 });
  const first = await world.addJob();
  assert.is((await run(retryTask, root, '--job', first)).error, undefined);
  const head = (await world.chain.getBlockNumber()) - 1n;
  proxy.rule = behind(() => head);
  const lagging = productOf({ ...world, rpcUrl: proxy.url }, { chain: { timeoutMs: 500 } });
  const { error } = await fix(lagging);
  assert.is(error?.code, 'BLOCK_BEHIND');
  assert.is(error?.exit, 4);
  assert.is((await world.job(first)).deployed, true, 'it is not said to be without an escrow');
  setTimeout(() => proxy.reset(), 300);
  assert.is((await fix(productOf({ ...world, rpcUrl: proxy.url }, { chain: { timeoutMs: 10_000 } }))).error, undefined);
  assert.is((await world.job(first)).deployed, true);
  await clear();
});

test('an escrow of other money, or of other people, is adopted by nobody', async () => {
  const wallet = (job: string, who: string) =>
    world.query(
      `UPDATE "User" SET wallet = '${accountOf(people++).address}' WHERE id = (SELECT "${who}" FROM "Job" WHERE id = $1)`,
      [job],
    );
  const cases: [string, RegExp, (job: string) => Promise<unknown>][] = [
    ['7 of 350', /holds 7 wei|made with 7 wei/, (job) => world.createOnChain(job, { amounts: [7n] })],
    ['more', /holds 700 wei/, (job) => world.createOnChain(job, { amounts: [300n, 400n] })],
    [
      'split',
      /made with 200 \+ 150 wei, the job says 100 \+ 250/,
      (job) => world.createOnChain(job, { amounts: [200n, 150n] }),
    ],
    ['client', /its client is 0x/, (job) => world.mined(world.createOnChain(job)).then(() => wallet(job, 'clientId'))],
    [
      'freelancer',
      /its freelancer is 0x/,
      (job) => world.mined(world.createOnChain(job)).then(() => wallet(job, 'freelancerId')),
    ],
  ];
  for (const [what, why, make] of cases) {
    const job = await world.addJob();
    await make(job);
    await world.chain.mine({ blocks: 1 });
    const before = await world.job(job);
    const looked = await run(reconcileTask, root);
    assert.match(looked.outcome?.findings?.[0]?.message ?? '', why, what);
    const fixed = await fix();
    assert.is(fixed.error, undefined, fixed.error?.message);
    assert.equal((fixed.outcome?.data as { written?: number } | undefined)?.written, 0, what);
    const retried = await run(retryTask, root, '--job', job);
    assert.is(retried.error?.code, 'AMOUNT_MISMATCH', what);
    assert.is(retried.error?.exit, 4);
    const swept = await run(sweepTask, root, '--yes');
    assert.equal(
      swept.outcome?.findings?.map(({ code }) => code),
      ['AMOUNT_MISMATCH'],
    );
    assert.equal(await world.job(job), before, `${what}: nothing is written`);
    await clear();
  }
});

test('one whose milestones were paid before the database knew it is adopted with its payments', async () => {
  const job = await world.addJob();
  await world.mined(world.createOnChain(job));
  await world.mined(world.callEscrow(job, 'release', [0n]));
  assert.is((await fix()).error, undefined);
  assert.is((await world.job(job)).deployed, true);
  const paid = await world.query(
    'SELECT "releasedAt" IS NOT NULL AS paid FROM "Milestone" WHERE "jobId" = $1 ORDER BY position',
    [job],
  );
  assert.equal(paid, [{ paid: true }, { paid: false }]);
  await clear();
});

const cutBefore = (product: string, step: string) =>
  cutJournal(world.query, product, (lines) => lines.findIndex((line) => JSON.parse(line).step === step));

/** A retry that was cut after its transaction was confirmed, and before the database was told. */
async function cutRetry(job: string): Promise<string> {
  const product = productOf(world);
  const row = await world.job(job);
  assert.is((await run(retryTask, product, '--job', job)).error, undefined);
  await cutBefore(product, 'database');
  await world.query(
    `UPDATE "Job" SET "escrowPending" = true, "escrowDeployed" = false, "escrowAddress" = NULL, status = $2::"JobStatus" WHERE id = $1`,
    [job, row.status],
  );
  return product;
}

test('a retry that is resumed after a rollback does not mark the job as deployed', async () => {
  const job = await world.addJob();
  const cut = await cutRetry(job);
  assert.is((await run(rollbackTask, root, '--job', job, '--reason', 'a test', '--yes')).error, undefined);
  const before = await world.job(job);
  const { error } = await run(retryTask, cut, '--resume', '--yes');
  assert.is(error?.code, 'ROLLED_BACK');
  assert.is(error?.exit, 4);
  assert.equal(await world.job(job), before);
  assert.equal([before.pending, before.deployed, before.status], [false, false, 'ASSIGNED']);
  await clear();
});

test('nor one whose job asks for another escrow by now', async () => {
  const job = await world.addJob();
  const cut = await cutRetry(job);
  await world.query(`UPDATE "Milestone" SET amount = 99 WHERE "jobId" = $1 AND position = 0`, [job]);
  assert.is((await run(retryTask, cut, '--resume', '--yes')).error?.code, 'AMOUNT_MISMATCH');
  assert.is((await world.job(job)).deployed, false);
  await world.query(`UPDATE "Milestone" SET amount = 100 WHERE "jobId" = $1 AND position = 0`, [job]);
  assert.is((await run(retryTask, cut, '--job', job)).error, undefined);
  assert.is((await world.job(job)).deployed, true);
  await clear();
});

test('a run that was cut before its transaction left does not send it once the job is another', async () => {
  const job = await world.addJob();
  const product = productOf({ ...world, rpcUrl: proxy.url }, { chain: { timeoutMs: 300 } });
  const before = await world.chain.getTransactionCount({ address: admin.address });
  // Away from the signature on.
  proxy.rule = () =>
    journalOf(product).some(({ event, step }) => event === 'step.done' && step === 'record') ? { status: 502 } : 'pass';
  assert.is((await run(retryTask, product, '--job', job)).error?.code, 'RPC_UNREACHABLE');
  proxy.reset();
  await cutBefore(product, 'send');
  await world.query(`UPDATE "Milestone" SET amount = 99 WHERE "jobId" = $1 AND position = 0`, [job]);
  assert.is((await run(retryTask, product, '--resume', '--yes')).error?.code, 'JOB_CHANGED');
  assert.is(await world.chain.getTransactionCount({ address: admin.address }), before);
  assert.is(await world.chain.getCode({ address: world.escrowOf(job) }), undefined);
  await clear();
});

test('a row that the product changes while it is compared is not written', async () => {
  const job = await world.addJob();
  await world.mined(world.createOnChain(job));
  const product = productOf({ ...world, rpcUrl: proxy.url });
  let changed = false;
  // After the row was read, and before it is written: the product gives the escrow up.
  proxy.before = async ({ method }) => {
    if (method !== 'eth_getLogs' || changed) return;
    if ((await world.query(`SELECT 1 FROM drydock.operation_lock`)).length === 0) return;
    changed = journalOf(product).length > 1;
    if (changed)
      await world.query(`UPDATE "Job" SET "escrowPending" = false, "escrowTxHash" = 'given up' WHERE id = $1`, [job]);
  };
  const { outcome, error } = await fix(product);
  assert.is(error, undefined, error?.message);
  assert.ok(changed);
  assert.equal(((outcome?.data ?? {}) as { skipped?: string[] }).skipped, [job]);
  assert.is((await world.job(job)).deployed, false);
  await clear();
});

test.run();
