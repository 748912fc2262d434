// Uses PostgreSQL and anvil; the task runs in this process, and asks the chain through a proxy.
import { runTaskForTest } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Hex } from 'viem';
import reconcileTask from '../scripts/reconcile.ts';
import retryTask from '../scripts/retry.ts';
import { fundMany } from './many.ts';
import { type RpcProxy, startRpcProxy } from './rpc-proxy.ts';
import { productOf, startWorld, type World } from './world.ts';

const JOBS = 3_000;
const test = suite('events where many escrows lie close together');
let world: World;
let proxy: RpcProxy;
let root: string;
test.before(async () => {
  world = await startWorld();
  proxy = await startRpcProxy(world.rpcUrl);
  // chain.logRange is as long as it comes: the whole chain is one span.
  root = productOf({ ...world, rpcUrl: proxy.url });
  await fundMany(world, 'many', 0, JOBS);
});
test.after(async () => {
  await proxy.stop();
  await world.stop();
});

interface Found {
  jobs: number;
  drift: unknown[];
  strays: { job: string }[];
}

async function run<T>(task: Parameters<typeof runTaskForTest>[0], ...args: string[]): Promise<T> {
  const { outcome, error } = await runTaskForTest(task, root, ['--env', 'staging', ...args]);
  if (error) throw error;
  return outcome?.data as T;
}

/** Reconciles, and counts the events in each answer. */
async function reconcile(): Promise<{ found: Found; answers: number[] }> {
  const asked: unknown[][] = [];
  proxy.before = async ({ method, params }) => {
    if (method === 'eth_getLogs') asked.push(params);
  };
  const found = await run<Found>(reconcileTask);
  proxy.reset();
  const logs = await Promise.all(
    asked.map((params) => world.chain.request({ method: 'eth_getLogs', params } as never) as Promise<unknown[]>),
  );
  return { found, answers: logs.map(({ length }) => length) };
}

test('no answer holds much more than a thousand, and each event comes once', async () => {
  const { found, answers } = await reconcile();
  assert.is(found.jobs, JOBS);
  assert.equal([found.drift, found.strays], [[], []]);
  assert.is(
    answers.reduce((sum, one) => sum + one, 0),
    JOBS,
  );
  assert.ok(Math.max(...answers) <= 2_000, `as many as ${Math.max(...answers)} in one`);
});

test('so it is when escrows without a job are looked for, and all are found', async () => {
  const lost = ['many-0', 'many-1500', `many-${JOBS - 1}`];
  await world.query(`DELETE FROM "Milestone" WHERE "jobId" = ANY($1)`, [lost]);
  await world.query(`DELETE FROM "Job" WHERE id = ANY($1)`, [lost]);
  const { found, answers } = await reconcile();
  assert.equal(
    found.strays.map(({ job }) => job),
    lost,
  );
  assert.ok(Math.max(...answers) <= 2_000, `as many as ${Math.max(...answers)} in one`);
});

test('an RPC that answers for two blocks only is asked for two, and nothing is missed', async () => {
  const refused: unknown[] = [];
  proxy.rule = ({ method, params }) => {
    if (method !== 'eth_getLogs') return 'pass';
    const { fromBlock, toBlock } = params[0] as { fromBlock: Hex; toBlock: Hex };
    if (Number(toBlock) - Number(fromBlock) < 2) return 'pass';
    refused.push(fromBlock);
    return { error: { code: -32602, message: 'eth_getLogs is limited to a range of 2 blocks' } };
  };
  const { strays } = await run<Found>(reconcileTask);
  assert.is(strays.length, 3);
  // Made long ago, by a transaction that nobody wrote down: found by looking backwards.
  await world.query(
    `UPDATE "Job" SET "escrowPending" = true, "escrowDeployed" = false, "escrowAddress" = NULL WHERE id = 'many-1'`,
  );
  await run(retryTask, '--job', 'many-1');
  const { deployed, txHash } = await world.job('many-1');
  assert.is(deployed, true);
  const { status } = await world.chain.getTransactionReceipt({ hash: txHash as Hex });
  assert.is(status, 'success');
  assert.ok(refused.length > 0);
});

test('an RPC that refuses even one block is named with what it said', async () => {
  proxy.rule = ({ method }) =>
    method === 'eth_getLogs' ? { error: { code: -32601, message: 'the method eth_getLogs is not available' } } : 'pass';
  const error = await run(reconcileTask).then(
    () => undefined,
    (thrown: Error) => thrown,
  );
  assert.match(error?.message ?? '', /blocks (\d+) to \1\): the method eth_getLogs is not available\.$/);
});

test.run();
