// Uses PostgreSQL and anvil; the tasks run in this process, journal and lock included, and a fork as a process of its own.
import { runTaskForTest } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Address, Hex } from 'viem';
import rollbackTask from '../scripts/rollback.ts';
import { startRpcProxy } from './rpc-proxy.ts';
import { abis, accountOf, admin, productOf, startWorld, type World } from './world.ts';

const test = suite('escrow:rollback');
let world: World;
let root: string;
test.before(async () => {
  world = await startWorld();
  root = productOf(world);
});
test.after(() => world.stop());

const rollback = (job: string, { product = root, args = ['--reason', 'a test'] } = {}) =>
  runTaskForTest(rollbackTask, product, ['--env', 'staging', '--job', job, '--yes', ...args]);
const flags = async (job: string) => {
  const { pending, deployed } = await world.job(job);
  return { pending, deployed };
};
const events = () =>
  world.query(`SELECT actor, reason, metadata FROM drydock."AuditEvent" WHERE event = 'escrow.rollback' ORDER BY seq`);
const eventsOf = async (job: string) => (await events()).filter(({ metadata }) => metadata.job === job);

/** A job with its escrow, as the product has it. */
async function funded(amounts?: bigint[]): Promise<string> {
  const job = await world.addJob({ ...(amounts ? { amounts } : {}), pending: false, deployed: true, status: 'FUNDED' });
  const { transactionHash } = await world.mined(world.createOnChain(job));
  await world.query('UPDATE "Job" SET "escrowAddress" = $2, "escrowTxHash" = $3 WHERE id = $1', [
    job,
    world.escrowOf(job),
    transactionHash,
  ]);
  return job;
}
const clientOf = (job: string) =>
  world.chain.readContract({
    address: world.escrowOf(job),
    abi: abis.escrow,
    functionName: 'client',
  }) as Promise<Address>;

test('the client gets all back once, the flags are cleared, and the event tells it', async () => {
  const job = await funded();
  const client = await clientOf(job);
  const before = await world.chain.getBalance({ address: client });
  const { error, outcome } = await rollback(job);
  assert.is(error, undefined);
  assert.match(outcome?.verdict ?? '', '350 wei went back to the client');
  assert.is((await world.chain.getBalance({ address: client })) - before, 350n);
  const { status, txHash, address, ...left } = await world.job(job);
  assert.equal(left, { pending: false, deployed: false });
  assert.is(status, 'FUNDED', 'the runbook names the two flags and nothing else');
  assert.is(address, world.escrowOf(job));
  assert.ok(txHash);
  const [event, ...others] = await eventsOf(job);
  assert.equal(others, []);
  assert.is(event.reason, 'a test');
  const { tx, block, ...rest } = event.metadata;
  assert.equal(rest, {
    job,
    address: world.escrowOf(job),
    amounts: { returned: '350', released: '0' },
    by: admin.address,
    reason: 'a test',
  });
  const receipt = await world.chain.getTransactionReceipt({ hash: tx as Hex });
  assert.is(String(receipt.blockNumber), block);
  const again = await rollback(job);
  assert.match(again.outcome?.verdict ?? '', 'nothing to do');
  assert.is((await eventsOf(job)).length, 1);
});

test('rolled back on chain by somebody else: database and event are finished, and nothing is sent', async () => {
  const job = await funded();
  const { transactionHash } = await world.mined(world.callEscrow(job, 'rollback'));
  const nonce = await world.chain.getTransactionCount({ address: admin.address });
  assert.is((await rollback(job)).error, undefined);
  assert.equal(await flags(job), { pending: false, deployed: false });
  assert.is((await eventsOf(job))[0]?.metadata.tx, transactionHash);
  assert.is((await eventsOf(job))[0]?.metadata.amounts.returned, '350');
  assert.is(await world.chain.getTransactionCount({ address: admin.address }), nonce);
});

test('milestones that are paid are refused with their amounts, and the rest is returned only when that is wanted', async () => {
  const job = await funded([100n, 250n]);
  await world.mined(world.callEscrow(job, 'release', [0n]));
  const { error } = await rollback(job);
  assert.is(error?.code, 'PARTLY_RELEASED');
  assert.is(error?.exit, 4);
  assert.match(
    error?.message ?? '',
    `100 wei of job ${job} are released already and cannot come back (milestone 0: 100 wei); 250 wei of 350`,
  );
  assert.equal(await flags(job), { pending: false, deployed: true });
  const accepted = await rollback(job, { args: ['--reason', 'a test', '--accept-released'] });
  assert.is(accepted.error, undefined);
  assert.equal((await eventsOf(job))[0]?.metadata.amounts, { returned: '250', released: '100' });
});

test('what was paid long ago is seen in the contract’s state, however few blocks the RPC shows events of', async () => {
  const near = productOf(world, { chain: { logRange: 1 } });
  const job = await funded([100n, 250n]);
  await world.mined(world.callEscrow(job, 'release', [0n]));
  await world.chain.mine({ blocks: 600 });
  const { error } = await rollback(job, { product: near });
  assert.is(error?.code, 'PARTLY_RELEASED');
  assert.match(error?.message ?? '', '(milestone 0: 100 wei); 250 wei of 350');
  assert.equal(await flags(job), { pending: false, deployed: true });
  const accepted = await rollback(job, { product: near, args: ['--reason', 'a test', '--accept-released'] });
  assert.is(accepted.error, undefined);
  assert.equal((await eventsOf(job))[0]?.metadata.amounts, { returned: '250', released: '100' });
  const other = await funded([100n, 250n]);
  await world.mined(world.callEscrow(other, 'release', [1n]));
  await world.mined(world.callEscrow(other, 'rollback'));
  await world.chain.mine({ blocks: 600 });
  assert.is((await rollback(other, { product: near })).error, undefined);
  const [event] = await eventsOf(other);
  assert.equal(
    event?.metadata.amounts,
    { returned: '100', released: '250' },
    'also where the rollback is older than that',
  );
});

test('a milestone that is released after the plan stops the rollback: less would go back than was agreed to', async () => {
  const job = await funded([100n, 250n]);
  const proxy = await startRpcProxy(world.rpcUrl);
  try {
    let released = false;
    proxy.before = async ({ method }) => {
      if (method !== 'eth_maxPriorityFeePerGas' || released) return;
      released = true;
      await world.mined(world.callEscrow(job, 'release', [0n]));
    };
    const { error } = await rollback(job, { product: productOf({ ...world, rpcUrl: proxy.url }) });
    assert.is(error?.code, 'RELEASED_MEANWHILE');
    assert.is(error?.exit, 4);
    assert.is(await world.chain.getBalance({ address: world.escrowOf(job) }), 250n);
    assert.equal(await flags(job), { pending: false, deployed: true });
  } finally {
    await proxy.stop();
  }
});

test('a job that is paid out, one without an escrow, and one without a reason are refused', async () => {
  const paid = await funded([100n, 250n]);
  await world.mined(world.callEscrow(paid, 'release', [0n]));
  await world.mined(world.callEscrow(paid, 'release', [1n]));
  const all = (await rollback(paid, { args: ['--reason', 'x', '--accept-released'] })).error;
  assert.is(all?.code, 'ALL_RELEASED');
  assert.match(all?.message ?? '', 'milestone 0: 100 wei, milestone 1: 250 wei');
  const pending = await world.addJob();
  assert.is((await rollback(pending)).error?.code, 'NOTHING_TO_ROLL_BACK');
  assert.equal(await flags(pending), { pending: true, deployed: false });
  const reason = (await rollback(paid, { args: [] })).error;
  assert.is(reason?.code, 'REASON_MISSING');
  assert.is(reason?.exit, 2);
});

test('who is no admin is refused, and told who is', async () => {
  const job = await funded();
  const { error } = await rollback(job, { product: productOf(world, { key: 9 }) });
  assert.is(error?.code, 'NO_ROLE');
  assert.is(error?.exit, 4);
  assert.match(error?.message ?? '', `${accountOf(9).address} has not the role DEFAULT_ADMIN_ROLE`);
  assert.match(error?.hint ?? '', '--propose safe');
});

test('a fork of the live chain shows what would come of it, and leaves the chain alone', async () => {
  const job = await funded();
  const block = await world.chain.getBlockNumber();
  const { outcome, error } = await rollback(job, { args: ['--reason', 'a test', '--fork', '--plan'] });
  assert.is(error, undefined);
  const { plan } = (outcome?.data ?? {}) as unknown as { plan: { lines: string[] } };
  assert.match(
    plan.lines[0] ?? '',
    new RegExp(`on a fork of block ${block}: rolled back with \\d+ gas, and ${await clientOf(job)} got 350 wei`),
  );
  assert.is(await world.chain.getBlockNumber(), block);
  assert.equal(await flags(job), { pending: false, deployed: true });
});

test('a fork is made of an RPC that serves the block, whichever comes first', async () => {
  const job = await funded();
  const first = await startRpcProxy(world.rpcUrl);
  try {
    const product = productOf(world, { env: { CHAIN_RPC_URL: `${first.url},${world.rpcUrl}` } });
    const args = ['--reason', 'a test', '--fork', '--plan'];
    // As a node without an archive: it has the newest block alone, and no state of those before it.
    first.rule = ({ method }) =>
      /getStorageAt|getBalance/.test(method) ? { error: { code: -32_000, message: 'missing trie node' } } : 'pass';
    const { outcome, error } = await rollback(job, { product, args });
    assert.is(error, undefined);
    const { plan } = (outcome?.data ?? {}) as unknown as { plan: { lines: string[] } };
    assert.match(plan.lines[0] ?? '', /on a fork of block \d+: rolled back/);
    assert.ok(
      first.seen.some((method) => /getStorageAt|getBalance/.test(method)),
      'the first one was asked',
    );
  } finally {
    await first.stop();
  }
});

test('a client that refuses money is credited: the rollback still ends', async () => {
  const job = await funded();
  const client = await clientOf(job);
  await world.chain.setCode({ address: client, bytecode: '0x5f5ffd' });
  assert.is((await rollback(job)).error, undefined);
  assert.is(
    await world.chain.readContract({
      address: world.escrowOf(job),
      abi: abis.escrow,
      functionName: 'credit',
      args: [client],
    }),
    350n,
  );
  assert.equal(await flags(job), { pending: false, deployed: false });
});

test.run();
