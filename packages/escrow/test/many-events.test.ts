// Uses PostgreSQL and anvil; the task runs in this process, and asks the chain through a proxy.
import { runTaskForTest } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { reconcileTask } from '../src/tasks/reconcile.ts';
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

/** Reconciles, and counts the events in each answer. */
async function reconcile(): Promise<{ found: Found; answers: number[] }> {
  const asked: unknown[][] = [];
  proxy.before = async ({ method, params }) => {
    if (method === 'eth_getLogs') asked.push(params);
  };
  const { outcome, error } = await runTaskForTest(reconcileTask, root, ['--env', 'staging']);
  if (error) throw error;
  proxy.reset();
  const logs = await Promise.all(
    asked.map((params) => world.chain.request({ method: 'eth_getLogs', params } as never) as Promise<unknown[]>),
  );
  return { found: outcome?.data as never, answers: logs.map(({ length }) => length) };
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

test.run();
