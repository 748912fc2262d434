// Uses PostgreSQL and anvil: the admin is a real Safe of two owners, who propose, execute and confirm; the key here creates alone.
import { runTaskForTest } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeFunctionData } from 'viem';
import inspectTask from '../scripts/inspect.ts';
import reconcileTask from '../scripts/reconcile.ts';
import retryTask from '../scripts/retry.ts';
import rollbackTask from '../scripts/rollback.ts';
import { callsOf, deploySafe } from './safe.ts';
import { abis, admin, productOf, startWorld, type World } from './world.ts';

const test = suite('an admin that is a Safe');
let world: World;
let root: string;
let safe: Awaited<ReturnType<typeof deploySafe>>;
test.before(async () => {
  world = await startWorld();
  root = productOf(world);
});
test.after(() => world.stop());

const run = (task: Parameters<typeof runTaskForTest>[0], args: string[] = [], product = root) =>
  runTaskForTest(task, product, ['--env', 'staging', ...args]);
const rollback = (job: string, args: string[] = [], product = root) =>
  run(rollbackTask, ['--job', job, '--reason', 'ticket 7', '--yes', ...args], product);
const onFactory = (functionName: string, args: unknown[] = []) => ({
  to: world.factory,
  data: encodeFunctionData({ abi: abis.factory, functionName, args }),
});
const flags = async (job: string) => {
  const { pending, deployed } = await world.job(job);
  return { pending, deployed };
};

test('the admin role goes over to it in two steps, the second one its owners’', async () => {
  safe = await deploySafe(world.chain, [6, 7]);
  const job = await world.addJob();
  const args = ['--propose', 'safe', '--safe', safe.address];
  assert.is((await run(retryTask, ['--job', job, '--yes'])).error, undefined);
  assert.is((await rollback(job, args)).error?.code, 'NO_ROLE', 'a Safe that is no admin is told');
  const begin = onFactory('beginDefaultAdminTransfer', [safe.address]);
  await world.mined(world.chain.sendTransaction({ ...begin, account: admin, chain: null }));
  assert.is((await rollback(job, args)).error?.code, 'NO_ROLE', 'and one that is about to be');
  await world.chain.increaseTime({ seconds: 2 });
  assert.is((await safe.execute(onFactory('acceptDefaultAdminTransfer'))).status, 'success');
});

test('inspect, retry, a proposed rollback, its execution, the run that confirms it without a key, and reconcile', async () => {
  const job = await world.addJob();
  assert.is((await run(retryTask, ['--job', job, '--yes'])).error, undefined, 'the operator creates as ever');
  const seen = await run(inspectTask, ['--job', job]);
  const found = seen.outcome?.data as { admins: { address: string }[] } | undefined;
  assert.equal(
    found?.admins.map(({ address }) => address),
    [safe.address],
  );
  const own = await rollback(job);
  assert.is(own.error?.code, 'NO_ROLE');
  assert.match(own.error?.hint ?? '', '--propose safe');
  const { outcome, error } = await rollback(job, ['--propose', 'safe', '--safe', safe.address]);
  assert.is(error, undefined);
  const batch = JSON.parse(outcome?.document ?? '');
  assert.is(batch.chainId, '31337');
  assert.is(batch.meta.createdFromSafeAddress, safe.address);
  assert.is(batch.meta.description, 'ticket 7');
  assert.match(batch.meta.checksum, /^0x[0-9a-f]{64}$/);
  assert.equal(batch.transactions, [
    {
      to: world.escrowOf(job),
      value: '0',
      data: null,
      contractMethod: { inputs: [], name: 'rollback', payable: false },
      contractInputsValues: {},
    },
  ]);
  assert.equal(await flags(job), { pending: false, deployed: true }, 'nothing is changed');
  const [call, ...others] = callsOf(batch);
  assert.equal(others, []);
  assert.ok(call);
  const { transactionHash, status } = await safe.execute(call);
  assert.is(status, 'success');
  const drift = await run(reconcileTask);
  assert.match(JSON.stringify(drift.outcome?.findings), 'rolled back on chain, and the flags do not say so');
  const keyless = productOf(world, { env: { ESCROW_KEYSTORE: '' } });
  assert.is((await rollback(job, [], keyless)).error, undefined);
  assert.equal(await flags(job), { pending: false, deployed: false });
  const [event] = await world.query(
    `SELECT metadata FROM drydock."AuditEvent" WHERE event = 'escrow.rollback' AND metadata->>'job' = $1`,
    [job],
  );
  assert.equal([event?.metadata.by, event?.metadata.tx], [safe.address, transactionHash]);
  assert.is((await run(reconcileTask)).outcome?.ok, true);
});

test.run();
