// Uses PostgreSQL and anvil: contracts of before are on chains, and go on being operated.
import { runTaskForTest } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Address } from 'viem';
import inspectTask from '../scripts/inspect.ts';
import reconcileTask from '../scripts/reconcile.ts';
import retryTask from '../scripts/retry.ts';
import rollbackTask from '../scripts/rollback.ts';
import statusTask from '../scripts/status.ts';
import { deployFirst } from './first.ts';
import { productOf, startWorld, type World } from './world.ts';

const test = suite('contracts of before');
let world: World;
let first: Address;
test.before(async () => {
  world = await startWorld();
  first = await deployFirst(world.chain);
});
test.after(() => world.stop());

const run = (task: Parameters<typeof runTaskForTest>[0], product: string, args: string[] = []) =>
  runTaskForTest(task, product, ['--env', 'staging', ...args]);

test('the first factory alone: status, retry, inspect, rollback and reconcile are what they were', async () => {
  const root = productOf({ ...world, factory: first });
  const job = await world.addJob();
  const status = await run(statusTask, root);
  assert.equal((status.outcome?.data as { counts: { stuck: number } } | undefined)?.counts.stuck, 1);
  assert.is((await run(retryTask, root, ['--job', job, '--yes'])).error, undefined);
  assert.match((await run(inspectTask, root, ['--job', job])).outcome?.verdict ?? '', `Job ${job} of staging: ok`);
  const back = await run(rollbackTask, root, ['--job', job, '--reason', 'a test', '--yes']);
  assert.match(back.outcome?.verdict ?? '', '350 wei went back to the client');
  assert.is((await run(reconcileTask, root)).outcome?.ok, true);
});

test.run();
