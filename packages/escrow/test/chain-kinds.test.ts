// Uses PostgreSQL and anvil, behind an RPC that answers as those of other chains and providers do; the tasks run in this process.
import { setTimeout as sleep } from 'node:timers/promises';
import { runTaskForTest, THOROUGH, whenThorough } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import retryTask from '../scripts/retry.ts';
import rollbackTask from '../scripts/rollback.ts';
import statusTask from '../scripts/status.ts';
import sweepTask from '../scripts/sweep.ts';
import {
  allOf,
  behind,
  isNumbered,
  NO_1559,
  NO_MEMPOOL,
  NO_PENDING,
  ONCE,
  onSend,
  RATE,
  TEN_BLOCKS,
} from './lies/rules.ts';
import { startMiner } from './lies/scene.ts';
import { type Answer, type RpcProxy, type RpcRequest, type Rule, startRpcProxy } from './rpc-proxy.ts';
import { admin, productOf, startWorld, type World } from './world.ts';

const test = suite('chains and RPCs of other kinds');
const thoroughly = whenThorough(test);
let world: World;
let proxy: RpcProxy;
test.before(async () => {
  world = await startWorld();
  proxy = await startRpcProxy(world.rpcUrl);
});
test.before.each(async () => {
  proxy.reset();
  await world.chain.setAutomine(true);
  await world.chain.mine({ blocks: 2 });
});
test.after(async () => {
  await proxy.stop();
  await world.stop();
});

const product = (chain: object = {}, url = proxy.url) => productOf({ ...world, rpcUrl: url }, { chain });
const retry = (job: string, root: string, ...args: string[]) =>
  runTaskForTest(retryTask, root, ['--env', 'staging', '--job', job, ...args]);
const rollback = (job: string, root: string) =>
  runTaskForTest(rollbackTask, root, ['--env', 'staging', '--job', job, '--reason', 'a test', '--yes']);
const nonces = () => world.chain.getTransactionCount({ address: admin.address });
const balance = (job: string) => world.chain.getBalance({ address: world.escrowOf(job) });

async function assertMadeOnce(job: string, before: number): Promise<void> {
  assert.is(await balance(job), 350n);
  assert.is(await nonces(), before + 1, 'one transaction is mined');
  const { deployed, pending } = await world.job(job);
  assert.equal({ deployed, pending }, { deployed: true, pending: false });
}

/** The first request of each method, once something was sent. */
function onceEach(answer: Answer): Rule {
  const told = new Set<string>();
  let sent = false;
  return ({ method }) => {
    sent ||= method === 'eth_sendRawTransaction';
    if (!sent || told.has(method) || method === 'eth_chainId') return 'pass';
    told.add(method);
    return answer;
  };
}

test('one answer of each method that is none does not end a run whose transaction is out', async () => {
  const kinds = Object.entries(ONCE);
  for (const [name, answer] of THOROUGH ? kinds : kinds.slice(0, 2)) {
    const [job, before] = [await world.addJob(), await nonces()];
    const root = product();
    proxy.rule = onceEach(answer);
    const made = await retry(job, root);
    assert.is(made.error, undefined, `${name}: ${made.error?.message}`);
    await assertMadeOnce(job, before);
    proxy.rule = onceEach(answer);
    const back = await rollback(job, root);
    assert.is(back.error, undefined, `${name}: ${back.error?.message}`);
    assert.is(await nonces(), before + 2);
    assert.is(await balance(job), 0n);
  }
});

test('a limit on what is handed over: the same bytes again, and no dearer ones', async () => {
  const [job, before] = [await world.addJob(), await nonces()];
  const handed: unknown[] = [];
  const refusals: Answer[] = [
    { error: { code: -32_016, message: 'over rate limit' } },
    { error: RATE },
    { status: 429, error: RATE },
    { status: 403, text: 'Forbidden' },
    { error: { code: 429, message: 'compute units per second capacity exceeded' } },
  ];
  proxy.rule = ({ method, params }) => {
    if (method !== 'eth_sendRawTransaction') return 'pass';
    handed.push(params[0]);
    return refusals.shift() ?? 'pass';
  };
  const { error, said } = await retry(job, product());
  assert.is(error, undefined, error?.message);
  assert.is(new Set(handed).size, 1);
  assert.not.match(said.join('\n'), 'looking again');
  await assertMadeOnce(job, before);
});

test('a run that ends not knowing says so; --resume goes on with it, and so does the same command', async () => {
  for (const goOn of ['--resume', 'again']) {
    const [job, before] = [await world.addJob(), await nonces()];
    const root = product({ minedWithinMs: 400, timeoutMs: 300 });
    let away = false;
    onSend(proxy, () => {
      away = true;
    });
    proxy.rule = () => (away ? { error: { code: -32_016, message: 'over rate limit' } } : 'pass');
    const { error } = await retry(job, root);
    assert.is(error?.code, 'NOT_CONFIRMED');
    assert.match(error?.message ?? '', `It is not known whether the escrow of job ${job} is there`);
    assert.match(error?.message ?? '', 'over rate limit');
    assert.match(error?.hint ?? '', '--resume');
    proxy.reset();
    const { error: then } =
      goOn === 'again'
        ? await retry(job, root)
        : await runTaskForTest(retryTask, root, ['--env', 'staging', '--resume', '--yes']);
    assert.is(then, undefined, then?.message);
    await assertMadeOnce(job, before);
    // What has ended well is not gone on with.
    const done = await runTaskForTest(retryTask, root, ['--env', 'staging', '--resume', '--yes']);
    assert.is(done.error?.code, 'NOTHING_TO_RESUME');
  }
});

test('a revert in the shape of another client leaves its job, and stops nobody else', async () => {
  const wallet = '0x0000000000000000000000000000000000000000';
  const [bad, good] = [await world.addJob({ wallet, ageMs: 7_200_000 }), await world.addJob()];
  const reverts = async ({ method, params = [] }: RpcRequest) => {
    const [{ value } = {}] = params as [{ value?: string }?];
    if (method !== 'eth_call' || !value) return false;
    const ask = world.chain.request as (args: unknown) => Promise<unknown>;
    return ask({ method, params }).then(
      () => false,
      () => true,
    );
  };
  for (const error of [
    { code: -32_015, message: 'VM execution error.', data: 'Reverted 0xd92e233d' },
    { code: -32_603, message: 'Internal JSON-RPC error.', data: { originalError: { data: '0xd92e233d' } } },
    { code: -32_603, message: 'Error', data: { message: 'reverted', data: { result: '0xd92e233d' } } },
  ]) {
    proxy.rule = async (request) => ((await reverts(request)) ? { error } : 'pass');
    const { error: told } = await retry(bad, product());
    assert.is(told?.code, 'WOULD_REVERT');
    assert.match(told?.message ?? '', 'ZeroAddress()');
  }
  const { outcome, error } = await runTaskForTest(sweepTask, product(), ['--env', 'staging', '--yes']);
  assert.is(error, undefined, error?.message);
  assert.equal(
    outcome?.findings?.map(({ code }) => code),
    ['WOULD_REVERT'],
  );
  assert.is(await balance(good), 350n);
  await world.query('DELETE FROM "Milestone" WHERE "jobId" = $1', [bad]);
  await world.query('DELETE FROM "Job" WHERE id = $1', [bad]);
});

test('a chain without "pending", without EIP-1559, without its mempool, and with ten blocks of events at once', async () => {
  const other = allOf(NO_PENDING, NO_1559, TEN_BLOCKS, NO_MEMPOOL);
  const [job, before] = [await world.addJob(), await nonces()];
  await world.chain.setAutomine(false);
  proxy.rule = other;
  const root = product({ minedWithinMs: 300, replacements: 0 });
  assert.is((await retry(job, root)).error?.code, 'NOT_CONFIRMED');
  const second = await world.addJob();
  assert.is((await retry(second, root)).error?.code, 'NOT_CONFIRMED', 'another job takes the nonce after it');
  await world.chain.mine({ blocks: 1 });
  await world.chain.setAutomine(true);
  for (const one of [job, second]) assert.is((await retry(one, root)).error, undefined);
  assert.is(await nonces(), before + 2);
  const { txHash } = await world.job(job);
  assert.is((await world.chain.getTransaction({ hash: txHash as `0x${string}` })).type, 'legacy');
  assert.is((await rollback(second, root)).error, undefined);
  assert.is(await balance(second), 0n);
  const status = await runTaskForTest(statusTask, root, ['--env', 'staging']);
  assert.is(status.outcome?.ok, true, JSON.stringify(status));
});

test('what the product remembers as its transaction may be anything', async () => {
  for (const txHash of ['pending', `0X${'A'.repeat(64)}`, ...(THOROUGH ? ['0xabc', 'a'.repeat(64), ''] : [])]) {
    const [job, before] = [await world.addJob({ txHash }), await nonces()];
    const url = proxy.url.replace('://', '://user:pw-of-mine@').concat('/v2/KEY0123456789abcdef?t=tok-987654321');
    const root = product({}, url);
    const planned = await retry(job, root, '--plan');
    assert.is(planned.error, undefined, planned.error?.message);
    const { error, said } = await retry(job, root);
    assert.is(error, undefined, error?.message);
    assert.not.match(said.join('\n'), /KEY0123|tok-9876|pw-of-mine/);
    await assertMadeOnce(job, before);
  }
});

test('what an RPC repeats of its URL is masked', async () => {
  const url = proxy.url.replace('://', '://user:pw-of-mine@').concat('/v2/KEY0123456789abcdef?t=tok-987654321');
  proxy.rule = () => ({
    error: { code: -32_000, message: `invalid project KEY0123456789abcdef (tok-987654321), ${url}` },
  });
  const { error } = await retry(await world.addJob(), product({}, url));
  assert.is(error?.code, 'CHAIN_FAILED');
  assert.not.match(`${error?.message} ${error?.hint}`, /KEY0123|tok-9876|pw-of-mine/);
});

/** Blocks come every so many milliseconds; the chain is followed through two tasks. */
async function withBlocksEvery(ms: number, chain: object): Promise<void> {
  await world.chain.setAutomine(false);
  const miner = await startMiner(world);
  miner.every(ms);
  try {
    const [job, before] = [await world.addJob(), await nonces()];
    const tip = miner.tip();
    // Two nodes behind one URL, one of them two blocks behind.
    const lagged = behind(() => (miner.tip() > tip + 3n ? miner.tip() - 2n : undefined));
    let turn = 0;
    proxy.rule = (request) => (turn++ % 3 === 0 && !isNumbered(request) ? lagged(request) : 'pass');
    const root = product({
      confirmations: 3,
      minedWithinMs: Math.max(ms * 6, 6_000),
      timeoutMs: Math.max(ms * 4, 3_000),
      ...chain,
    });
    const made = await retry(job, root);
    assert.is(made.error, undefined, made.error?.message);
    await assertMadeOnce(job, before);
    const back = await rollback(job, root);
    assert.is(back.error, undefined, back.error?.message);
    assert.is(await nonces(), before + 2);
  } finally {
    await miner.stop();
  }
}

test('blocks of a quarter of a second', () => withBlocksEvery(250, { pollMs: 60 }));
thoroughly('blocks of twelve seconds', () => withBlocksEvery(12_000, { pollMs: 1_000 }));

const reorg = (depth: number) =>
  (world.chain.request as (args: unknown) => Promise<unknown>)({ method: 'anvil_reorg', params: [depth, []] });

test('a reorganisation of three blocks after a confirmation: waited out, or found and made again', async () => {
  const [job, before] = [await world.addJob(), await nonces()];
  const running = retry(job, product({ confirmations: 4, minedWithinMs: 6_000 }));
  while ((await balance(job)) === 0n) await sleep(20);
  await world.chain.mine({ blocks: 2 });
  await reorg(3);
  assert.is((await world.job(job)).deployed, false, 'three are not four');
  let ended = false;
  void running.then(() => {
    ended = true;
  });
  while (!ended) {
    await world.chain.mine({ blocks: 1 });
    await sleep(40);
  }
  assert.is((await running).error, undefined);
  await assertMadeOnce(job, before);

  // Believed too early, by a config that wants one block.
  const [early, then] = [await world.addJob(), await nonces()];
  const root = product({ confirmations: 1 });
  assert.is((await retry(early, root)).error, undefined);
  await world.chain.mine({ blocks: 2 });
  await world.chain.setAutomine(false);
  await reorg(3);
  assert.is(await balance(early), 0n, 'it is gone');
  const { outcome } = await runTaskForTest(statusTask, root, ['--env', 'staging']);
  assert.is(outcome?.ok, false);
  await world.chain.setAutomine(true);
  const again = await retry(early, root);
  assert.is(again.error, undefined, again.error?.message);
  await assertMadeOnce(early, then);
});

test.run();
