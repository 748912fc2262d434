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
import { admin, productOf, startWorld, type World } from './world.ts';

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

test('both at once: what one factory made is operated by its name, and neither sends nor writes for a job of the other', async () => {
  const roots = { first: productOf({ ...world, factory: first }), now: productOf(world) };
  const [old, young] = [await world.addJob(), await world.addJob()];
  assert.is((await run(retryTask, roots.first, ['--job', old, '--yes'])).error, undefined);
  assert.is((await run(retryTask, roots.now, ['--job', young, '--yes'])).error, undefined);
  const nonce = await world.chain.getTransactionCount({ address: admin.address });
  for (const [own, other, mine, others] of [
    [roots.first, roots.now, old, young],
    [roots.now, roots.first, young, old],
  ] as const) {
    const before = await world.job(others);
    const { error } = await run(retryTask, own, ['--job', others, '--yes']);
    assert.equal([error?.code, error?.exit], ['OTHER_FACTORY', 4]);
    assert.is(
      (await run(rollbackTask, own, ['--job', others, '--reason', 'x', '--yes'])).error?.code,
      'NOTHING_TO_ROLL_BACK',
    );
    assert.match((await run(inspectTask, own, ['--job', others])).outcome?.verdict ?? '', 'drifted');
    assert.match(JSON.stringify((await run(statusTask, own)).outcome?.data), 'there is no contract at');
    const fixed = await run(reconcileTask, own, ['--fix', '--yes']);
    assert.match(JSON.stringify(fixed.outcome?.findings), 'another factory has made it');
    assert.equal(await world.job(others), before, 'no flag of it is written');
    assert.match((await run(inspectTask, own, ['--job', mine])).outcome?.verdict ?? '', `Job ${mine} of staging: ok`);
    assert.match(
      (await run(inspectTask, other, ['--job', others])).outcome?.verdict ?? '',
      `Job ${others} of staging: ok`,
    );
  }
  assert.is(await world.chain.getTransactionCount({ address: admin.address }), nonce, 'nothing was sent');
  for (const [root, job] of [
    [roots.first, old],
    [roots.now, young],
  ] as const)
    assert.match(
      (await run(rollbackTask, root, ['--job', job, '--reason', 'x', '--yes'])).outcome?.verdict ?? '',
      '350 wei went back',
    );
});

test.run();
