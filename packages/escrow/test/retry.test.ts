// Uses PostgreSQL and anvil, partly through an RPC that fails; the tasks run in this process, journal and lock included.
import { setTimeout as sleep } from 'node:timers/promises';
import { Secret, withPostgres } from '@drydock/kit';
import { runTaskForTest } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Hex, keccak256, parseGwei } from 'viem';
import retryTask from '../scripts/retry.ts';
import { type RpcProxy, startRpcProxy } from './rpc-proxy.ts';
import { abis, accountOf, admin, productOf, startWorld, type World } from './world.ts';

const test = suite('escrow:retry');
let world: World;
let proxy: RpcProxy;
let root: string;
test.before(async () => {
  world = await startWorld();
  proxy = await startRpcProxy(world.rpcUrl);
  root = productOf(world);
});
test.before.each(async () => {
  proxy.reset();
  await world.chain.setAutomine(true);
  await world.chain.mine({ blocks: 1 });
});
test.after(async () => {
  await proxy.stop();
  await world.stop();
});

const retry = (job: string, { product = root, args = [] as string[] } = {}) =>
  runTaskForTest(retryTask, product, ['--env', 'staging', '--job', job, ...args]);
const throughProxy = (chain: object = {}) => productOf({ ...world, rpcUrl: proxy.url }, { chain });
const nonces = () => world.chain.getTransactionCount({ address: admin.address });
const pool = async () => Number((await world.chain.getTxpoolStatus()).pending);

/** One escrow, where it must be, with all the money, and a database that says the same. */
async function assertMade(job: string, total = 350n): Promise<void> {
  const address = world.escrowOf(job);
  assert.is(await world.chain.getBalance({ address }), total);
  const { pending, deployed, address: known, status, txHash } = await world.job(job);
  assert.equal(
    { pending, deployed, known, status },
    { pending: false, deployed: true, known: address, status: 'FUNDED' },
  );
  const receipt = await world.chain.getTransactionReceipt({ hash: txHash as Hex });
  assert.is(receipt.status, 'success', 'the database has the transaction that made it');
}

async function assertNothingMade(job: string): Promise<void> {
  assert.is(await world.chain.getCode({ address: world.escrowOf(job) }), undefined);
  assert.is((await world.job(job)).deployed, false);
}

/** The product's worker sent this, offering little, and nothing is mined. */
async function stuckInMempool(job: string, maxFeePerGas = parseGwei('3')): Promise<Hex> {
  await world.chain.setAutomine(false);
  const hash = await world.createOnChain(job, { maxFeePerGas, maxPriorityFeePerGas: parseGwei('0.5') });
  await world.query('UPDATE "Job" SET "escrowTxHash" = $2 WHERE id = $1', [job, hash]);
  return hash;
}

/** Waits for something that the task does; a task that ended without it says why. */
async function until(running: Promise<{ error?: Error }>, ready: () => Promise<boolean>): Promise<void> {
  let ended: { error?: Error } | undefined;
  void running.then((result) => {
    ended = result;
  });
  while (!(await ready())) {
    if (ended) throw new Error(`The task ended before: ${ended.error?.message ?? 'well'}`);
    await sleep(20);
  }
}

/** Another one has its place in the mempool. */
const isGone = (hash: Hex) =>
  world.chain.getTransaction({ hash }).then(
    () => false,
    () => true,
  );
const mine = () => world.chain.mine({ blocks: 1 });

test('a transaction that never reached the chain is sent, once', async () => {
  const job = await world.addJob({ txHash: keccak256('0x01') });
  const before = await nonces();
  const { error } = await retry(job);
  assert.is(error, undefined);
  await assertMade(job);
  assert.is(await nonces(), before + 1);
});

test('run again it changes nothing and sends nothing', async () => {
  const job = await world.addJob();
  await retry(job);
  const before = await nonces();
  const { outcome } = await retry(job);
  assert.match(outcome?.verdict ?? '', 'nothing to do');
  assert.is(await nonces(), before);
});

test('an escrow that is there is adopted, with the transaction that made it', async () => {
  const job = await world.addJob();
  const { transactionHash: hash } = await world.mined(world.createOnChain(job));
  const before = await nonces();
  assert.is((await retry(job)).error, undefined);
  await assertMade(job);
  assert.is((await world.job(job)).txHash, hash);
  assert.is(await nonces(), before);
});

test('a transaction that waits is replaced at the same nonce with 12.5 % more', async () => {
  const job = await world.addJob();
  const old = await stuckInMempool(job);
  const { nonce, maxFeePerGas = 0n, maxPriorityFeePerGas = 0n } = await world.chain.getTransaction({ hash: old });
  const running = retry(job);
  await until(running, () => isGone(old));
  await mine();
  assert.is((await running).error, undefined);
  await assertMade(job);
  const hash = (await world.job(job)).txHash as Hex;
  const made = await world.chain.getTransaction({ hash });
  assert.is(made.nonce, nonce);
  assert.ok((made.maxFeePerGas ?? 0n) * 1000n >= maxFeePerGas * 1125n);
  assert.ok((made.maxPriorityFeePerGas ?? 0n) * 1000n >= maxPriorityFeePerGas * 1125n);
  assert.is(await pool(), 0);
});

test('the old transaction is mined while the new one is signed: it is adopted', async () => {
  const job = await world.addJob();
  const old = await stuckInMempool(job);
  const product = throughProxy();
  proxy.before = async ({ method }) => {
    if (method === 'eth_sendRawTransaction') await world.chain.mine({ blocks: 1 });
  };
  assert.is((await retry(job, { product })).error, undefined);
  await assertMade(job);
  assert.is((await world.job(job)).txHash, old);
});

test('in the mempool although product and journal have lost its hash: found, and replaced', async () => {
  const job = await world.addJob();
  const old = await stuckInMempool(job);
  await world.query('UPDATE "Job" SET "escrowTxHash" = NULL WHERE id = $1', [job]);
  const running = retry(job);
  await until(running, () => isGone(old));
  await mine();
  assert.is((await running).error, undefined);
  await assertMade(job);
  assert.is.not((await world.job(job)).txHash, old);
  assert.is(await pool(), 0);
});

test('a base fee beyond the limit is refused with both figures, and --max-fee goes beyond', async () => {
  const job = await world.addJob();
  await world.chain.setNextBlockBaseFeePerGas({ baseFeePerGas: parseGwei('300') });
  await world.chain.mine({ blocks: 1 });
  const { error } = await retry(job);
  assert.is(error?.code, 'FEE_CAP');
  assert.is(error?.exit, 4);
  assert.match(error?.message ?? '', /It takes \d+(\.\d+)? gwei per gas \(the base fee is \d+/);
  assert.match(error?.hint ?? '', /--max-fee \d+/);
  await assertNothingMade(job);
  assert.is((await retry(job, { args: ['--max-fee', '900'] })).error, undefined);
  await assertMade(job);
  await world.chain.setNextBlockBaseFeePerGas({ baseFeePerGas: parseGwei('1') });
  await world.chain.mine({ blocks: 1 });
});

test('a base fee that spikes after sending: the same run replaces the transaction', async () => {
  const job = await world.addJob();
  await world.chain.setAutomine(false);
  const running = retry(job, { product: productOf(world, { chain: { minedWithinMs: 1_500 } }) });
  await until(running, async () => (await pool()) === 1);
  const first = (await world.job(job)).txHash;
  await world.chain.setNextBlockBaseFeePerGas({ baseFeePerGas: parseGwei('20') });
  await mine();
  // Anvil throws out what offers less than the base fee; other nodes keep it.
  await until(running, async () => (await isGone(first as Hex)) && (await pool()) === 1);
  await mine();
  assert.is((await running).error, undefined);
  await assertMade(job);
});

test('not mined in time: exit 1, and the next run goes on at the same nonce', async () => {
  const job = await world.addJob();
  await world.chain.setAutomine(false);
  const before = await nonces();
  const product = productOf(world, { chain: { minedWithinMs: 200, replacements: 1 } });
  const { error } = await retry(job, { product });
  assert.is(error?.code, 'NOT_CONFIRMED');
  assert.is(error?.exit, 1);
  assert.match(error?.hint ?? '', 'Nothing is lost');
  assert.is(await pool(), 1, 'a replacement takes the place of the first');
  const hash = (await world.job(job)).txHash;
  const running = retry(job, { product: root });
  await until(running, () => isGone(hash as Hex));
  await mine();
  assert.is((await running).error, undefined);
  await assertMade(job);
  assert.is(await nonces(), before + 1);
});

test('a transaction that the nodes drop while it is waited for is handed to them again', async () => {
  const job = await world.addJob();
  await world.chain.setAutomine(false);
  const running = retry(job);
  await until(running, async () => (await pool()) === 1);
  const hash = (await world.job(job)).txHash as Hex;
  await world.chain.dropTransaction({ hash });
  await until(running, async () => (await pool()) === 1);
  await mine();
  assert.is((await running).error, undefined);
  await assertMade(job);
  assert.is((await world.job(job)).txHash, hash);
});

test('its nonce is taken by another sender: signed again at the next one', async () => {
  const job = await world.addJob();
  await world.chain.setAutomine(false);
  const before = await nonces();
  const running = retry(job);
  await until(running, async () => (await pool()) === 1);
  const first = (await world.job(job)).txHash as Hex;
  await world.chain.dropTransaction({ hash: first });
  await world.chain.sendTransaction({
    account: admin,
    to: admin.address,
    nonce: before,
    chain: null,
    maxFeePerGas: parseGwei('500'),
  });
  await world.chain.mine({ blocks: 1 });
  await until(running, async () => (await pool()) === 1);
  await mine();
  assert.is((await running).error, undefined);
  await assertMade(job);
  assert.is(await nonces(), before + 2);
});

test('a reorganisation that takes the block back is waited out', async () => {
  const job = await world.addJob();
  const running = retry(job, { product: productOf(world, { chain: { confirmations: 3 } }) });
  await until(running, async () => (await world.chain.getCode({ address: world.escrowOf(job) })) !== undefined);
  await world.chain.mine({ blocks: 1 });
  await world.chain.request({ method: 'anvil_reorg' as never, params: [2, []] as never });
  assert.is(await world.chain.getCode({ address: world.escrowOf(job) }), undefined, 'it is gone');
  assert.is((await world.job(job)).deployed, false, 'and was not believed');
  for (let i = 0; i < 100 && !(await world.job(job)).deployed; i++) {
    await world.chain.mine({ blocks: 1 });
    await sleep(50);
  }
  assert.is((await running).error, undefined);
  await assertMade(job);
});

test('an account without money is told what it lacks', async () => {
  const job = await world.addJob();
  const balance = await world.chain.getBalance({ address: admin.address });
  await world.chain.setBalance({ address: admin.address, value: 0n });
  const { error } = await retry(job);
  await world.chain.setBalance({ address: admin.address, value: balance });
  assert.is(error?.code, 'BALANCE_TOO_LOW');
  assert.match(error?.message ?? '', `${admin.address} has 0 ETH`);
  await assertNothingMade(job);
});

test('a transaction of somebody else in the mempool can only be waited for', async () => {
  const job = await world.addJob();
  await world.chain.setAutomine(false);
  const role = await world.chain.readContract({
    address: world.factory,
    abi: abis.factory,
    functionName: 'OPERATOR_ROLE',
  });
  await world.chain.writeContract({
    address: world.factory,
    abi: abis.factory,
    functionName: 'grantRole',
    args: [role, accountOf(5).address],
    account: admin,
    chain: null,
  });
  await world.chain.mine({ blocks: 1 });
  const hash = await world.createOnChain(job, { from: 5 });
  await world.query('UPDATE "Job" SET "escrowTxHash" = $2 WHERE id = $1', [job, hash]);
  const { error } = await retry(job);
  assert.is(error?.code, 'OTHER_SENDER');
  assert.match(error?.message ?? '', accountOf(5).address);
});

/** The server is shared with other suites. */
const HERE = 'database = (SELECT oid FROM pg_database WHERE datname = current_database())';

test('a new nonce is taken in turn with the product, which may be sending from the same account', async () => {
  const job = await world.addJob();
  const before = await nonces();
  let ended = false;
  await withPostgres(new Secret(world.databaseUrl), 'the product', async (session) => {
    await session.query('SELECT pg_advisory_lock(7203401)');
    const running = retry(job).finally(() => {
      ended = true;
    });
    const waits = `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 7203401 AND NOT granted AND ${HERE}`;
    while ((await world.query(waits)).length === 0) await sleep(20);
    assert.is(ended, false);
    assert.is(await nonces(), before, 'nothing is sent meanwhile');
    await session.query('SELECT pg_advisory_unlock(7203401)');
    assert.is((await running).error, undefined);
  });
  await assertMade(job);
  assert.equal(
    await world.query(`SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 7203401 AND ${HERE}`),
    [],
    'the turn is given back',
  );
});

test('what can never work is refused before anything is signed', async () => {
  const before = await nonces();
  const refusal = async (job: string, product = root) => (await retry(job, { product })).error;
  const rolledBack = await world.addJob();
  await world.mined(world.createOnChain(rolledBack));
  await world.mined(world.callEscrow(rolledBack, 'rollback'));
  assert.is((await refusal(rolledBack))?.code, 'ROLLED_BACK');
  const idle = await world.addJob({ pending: false });
  assert.is((await refusal(idle))?.code, 'NOT_ASKED_FOR');
  const other = await world.addJob();
  await world.mined(world.createOnChain(other, { amounts: [999n] }));
  const mismatch = await refusal(other);
  assert.is(mismatch?.code, 'AMOUNT_MISMATCH');
  assert.match(mismatch?.message ?? '', 'holds 999 wei unreleased, and the job says 350 wei');
  assert.is((await refusal(await world.addJob({ amounts: [] })))?.code, 'JOB_INCOMPLETE');
  assert.is((await refusal(await world.addJob({ wallet: '0x1234' })))?.code, 'JOB_INCOMPLETE');
  const stranger = productOf(world, { key: 9 });
  const noRole = await refusal(await world.addJob(), stranger);
  assert.is(noRole?.code, 'NO_ROLE');
  assert.match(noRole?.message ?? '', accountOf(9).address);
  assert.is(noRole?.exit, 4);
  assert.is(await nonces(), before + 3, 'those that this test sent itself');
});

test('a revert is told by the contract’s own error', async () => {
  const job = await world.addJob();
  const call = (functionName: string) =>
    world.chain.writeContract({
      address: world.factory,
      abi: abis.factory,
      functionName,
      account: admin,
      chain: null,
      args: [],
    });
  await world.mined(call('pause'));
  const { error } = await retry(job);
  await world.mined(call('unpause'));
  assert.is(error?.code, 'WOULD_REVERT');
  assert.match(error?.message ?? '', 'EnforcedPause()');
});

test.run();
