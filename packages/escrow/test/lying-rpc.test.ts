// Uses PostgreSQL and anvil behind an RPC that hides, lags and contradicts itself; the tasks run in this process.
import { setTimeout as sleep } from 'node:timers/promises';
import { Secret } from '@drydock/kit';
import { runTaskForTest } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import retryTask from '../scripts/retry.ts';
import rollbackTask from '../scripts/rollback.ts';
import { createReader } from '../src/chain/client.ts';
import { broadcast } from '../src/send/broadcast.ts';
import {
  allOf,
  behind,
  forkedHead,
  headAhead,
  headerNotFound,
  hiddenMempool,
  isNumbered,
  KNOWN_ALREADY,
  nullBlock,
  onSend,
  some,
} from './lies/rules.ts';
import { type RpcProxy, startRpcProxy } from './rpc-proxy.ts';
import { admin, productOf, startWorld, type World } from './world.ts';

const test = suite('RPCs that lie');
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

const product = (chain: object = {}) => productOf({ ...world, rpcUrl: proxy.url }, { chain });
const retry = (job: string, root: string) => runTaskForTest(retryTask, root, ['--env', 'staging', '--job', job]);
const nonces = () => world.chain.getTransactionCount({ address: admin.address });
const pool = async () => Number((await world.chain.getTxpoolStatus()).pending);

async function assertMadeOnce(job: string, before: number): Promise<void> {
  assert.is(await world.chain.getBalance({ address: world.escrowOf(job) }), 350n);
  assert.is(await nonces(), before + 1, 'one transaction is mined');
  assert.is(await pool(), 0, 'and none waits');
  const { deployed, pending, txHash } = await world.job(job);
  assert.equal({ deployed, pending }, { deployed: true, pending: false });
  assert.is((await world.chain.getTransactionReceipt({ hash: txHash as `0x${string}` })).status, 'success');
}

/** Waits for something that the task does; a task that ended without it says why. */
async function until(running: Promise<{ error?: Error }>, ready: () => boolean): Promise<void> {
  let ended: { error?: Error } | undefined;
  void running.then((result) => {
    ended = result;
  });
  while (!ready()) {
    if (ended) throw new Error(`The task ended before: ${ended.error?.message ?? 'well'}`);
    await sleep(20);
  }
}
const handedOver = (times: number) => () =>
  proxy.seen.filter((method) => method === 'eth_sendRawTransaction').length >= times;

test('a waiting transaction that nobody shows keeps its nonce, in this run and in the next', async () => {
  const [job, before] = [await world.addJob(), await nonces()];
  await world.chain.setAutomine(false);
  proxy.rule = hiddenMempool();
  const root = product({ minedWithinMs: 300 });
  // Whichever is noticed first: that it is not confirmed in time, or that the RPC has gone back.
  const code = (await retry(job, root)).error?.code ?? '';
  assert.ok(['NOT_CONFIRMED', 'BLOCK_BEHIND'].includes(code), code);
  assert.is(await pool(), 1, 'replacements take the place of the first');
  assert.is((await retry(job, root)).error?.code, 'NOT_CONFIRMED');
  assert.is(await pool(), 1);
  await world.chain.mine({ blocks: 1 });
  assert.is((await retry(job, root)).error, undefined);
  await assertMadeOnce(job, before);
});

test('another operator, with another checkout, keeps the nonce of what the first one sent', async () => {
  for (const task of ['create', 'rollback'] as const) {
    const job = await world.addJob();
    const run = (root: string) =>
      task === 'create'
        ? retry(job, root)
        : runTaskForTest(rollbackTask, root, ['--env', 'staging', '--job', job, '--reason', 'a test', '--yes']);
    if (task === 'rollback') assert.is((await retry(job, productOf(world))).error, undefined);
    const before = await nonces();
    await world.chain.setAutomine(false);
    proxy.rule = hiddenMempool();
    assert.is((await run(product({ minedWithinMs: 200, replacements: 0 }))).error?.code, 'NOT_CONFIRMED');
    assert.is((await run(product({ minedWithinMs: 200, replacements: 0 }))).error?.code, 'NOT_CONFIRMED');
    assert.is(await pool(), 1, task);
    await world.chain.mine({ blocks: 1 });
    await world.chain.setAutomine(true);
    assert.is((await run(product())).error, undefined);
    assert.is(await nonces(), before + 1, task);
  }
});

test('what the product sent and nobody shows may be any that is counted: it is waited for', async () => {
  const [job, before] = [await world.addJob(), await nonces()];
  await world.chain.setAutomine(false);
  const hash = await world.createOnChain(job);
  await world.query('UPDATE "Job" SET "escrowTxHash" = $2 WHERE id = $1', [job, hash]);
  proxy.rule = hiddenMempool();
  assert.is((await retry(job, product({ minedWithinMs: 200, replacements: 0 }))).error?.code, 'NOT_CONFIRMED');
  assert.is(await pool(), 1);
  const running = retry(job, product());
  await sleep(500);
  await world.chain.mine({ blocks: 1 });
  assert.is((await running).error, undefined);
  await assertMadeOnce(job, before);
});

test('"already known" to the same bytes is a yes: it is waited for', async () => {
  const [job, before] = [await world.addJob(), await nonces()];
  await world.chain.setAutomine(false);
  proxy.rule = hiddenMempool('already known');
  const running = retry(job, product());
  await until(running, handedOver(4));
  await world.chain.mine({ blocks: 1 });
  const { error, said } = await running;
  assert.is(error, undefined, error?.message);
  assert.not.match(said.join('\n'), 'looking again');
  await assertMadeOnce(job, before);
});

test('so it is in the words of every client, and other words are what they are', async () => {
  const chain = { chainId: 31_337, timeoutMs: 2_000, pollMs: 40 } as Parameters<typeof createReader>[0]['chain'];
  const reader = createReader({ chain, rpcUrls: [new Secret(proxy.url)] });
  const answerTo = async (message: string, code = -32_000) => {
    proxy.rule = ({ method }) => (method === 'eth_sendRawTransaction' ? { error: { code, message } } : 'pass');
    return (await broadcast(reader, '0x02', `0x${'5e'.repeat(32)}`)).answer;
  };
  for (const words of KNOWN_ALREADY) assert.is(await answerTo(words), 'taken', words);
  assert.is(await answerTo(KNOWN_ALREADY[4] as string, -32_010), 'taken');
  const others = {
    'nonce too low: next nonce 8, tx nonce 5': 'later',
    OldNonce: 'later',
    'over rate limit': 'later',
    'replacement transaction underpriced': 'dear',
    'max fee per gas less than block base fee': 'dear',
    'FeeTooLow, MaxFeePerGas too low': 'dear',
    'insufficient funds for gas * price + value': 'dear',
    'unknown transaction type': 'refused',
    'in-flight transaction limit reached for delegated accounts': 'refused',
    'nonce too high': 'refused',
  };
  for (const [words, answer] of Object.entries(others)) assert.is(await answerTo(words), answer, words);
});

/** From the first sending on the RPC is at the block before it, for so many milliseconds. */
function lagAfterSending(ms: number, fresh: string[]): void {
  let head: bigint | undefined;
  onSend(proxy, async (count) => {
    if (count > 1) return;
    head = (await world.chain.getBlockNumber()) - 1n;
    setTimeout(() => {
      head = undefined;
    }, ms).unref();
  });
  proxy.rule = behind(() => head, fresh);
}

test('a node that is behind and another that counts nonces: no new nonce is taken', async () => {
  const [job, before] = [await world.addJob(), await nonces()];
  lagAfterSending(1_500, ['eth_getTransactionCount']);
  const { error } = await retry(job, product({ pollMs: 100 }));
  assert.is(error, undefined, error?.message);
  await assertMadeOnce(job, before);
});

test('the same where the count is of the newest block whatever block is asked for', async () => {
  const [job, before] = [await world.addJob(), await nonces()];
  lagAfterSending(1_500, []);
  const lag = proxy.rule;
  proxy.rule = (request) =>
    request.method === 'eth_getTransactionCount' ? { ask: [request.params[0], 'latest'] } : lag(request);
  const { error } = await retry(job, product({ pollMs: 100 }));
  assert.is(error, undefined, error?.message);
  await assertMadeOnce(job, before);
});

test('behind for longer than a transaction may take: it is given up with nothing sent twice, and the next run adopts', async () => {
  const [job, before] = [await world.addJob(), await nonces()];
  lagAfterSending(60_000, ['eth_getTransactionCount']);
  const root = product({ minedWithinMs: 300 });
  // Whichever is noticed first: that it is not confirmed in time, or that the RPC has gone back.
  const code = (await retry(job, root)).error?.code ?? '';
  assert.ok(['NOT_CONFIRMED', 'BLOCK_BEHIND'].includes(code), code);
  assert.is(await nonces(), before + 1);
  assert.is(await pool(), 0);
  proxy.reset();
  assert.is((await retry(job, root)).error, undefined);
  await assertMadeOnce(job, before);
});

test('one block that is null, one header that is not found, one limit reached do not end a run', async () => {
  for (const [matches, answer] of [
    [isNumbered, nullBlock],
    [({ method }: { method: string }) => method === 'eth_call', headerNotFound],
    [({ method }: { method: string }) => method === 'eth_getCode', headerNotFound],
    [
      ({ method }: { method: string }) => method === 'eth_getTransactionCount',
      { error: { code: -32_016, message: 'over rate limit' } },
    ],
    [
      ({ method }: { method: string }) => method === 'eth_sendRawTransaction',
      { error: { code: -32_000, message: '429 Too Many Requests' } },
    ],
  ] as const) {
    const [job, before] = [await world.addJob(), await nonces()];
    const root = product();
    let sent = 0;
    const once = some(1, (request) => sent > 0 && matches(request), answer);
    const first = some(1, (request) => request.method === 'eth_sendRawTransaction' && matches(request), answer);
    onSend(proxy, (count) => {
      sent = count;
    });
    proxy.rule = allOf(first, once);
    const { error, said } = await retry(job, root);
    assert.is(error, undefined, error?.message);
    assert.not.match(said.join('\n'), 'looking again');
    await assertMadeOnce(job, before);
    const rollback = ['--env', 'staging', '--job', job, '--reason', 'a test', '--yes'];
    proxy.rule = some(1, matches, answer);
    assert.is((await runTaskForTest(rollbackTask, root, rollback)).error, undefined);
    assert.is(await nonces(), before + 2);
    proxy.reset();
  }
});

test('a head that nobody has is told in a sentence by whoever plans, and nothing is sent', async () => {
  const [job, before] = [await world.addJob(), await nonces()];
  proxy.rule = headAhead;
  const { error } = await retry(job, product());
  assert.is(error?.code, 'CHAIN_FAILED');
  assert.match(error?.message ?? '', /Block at number "\d+" could not be found/);
  assert.is(await nonces(), before);
});

test('a head that is forked or too high is not believed', async () => {
  for (const lie of [forkedHead, headAhead]) {
    const [job, before] = [await world.addJob(), await nonces()];
    let lying = false;
    onSend(proxy, () => {
      lying = true;
      setTimeout(() => {
        lying = false;
      }, 800);
    });
    proxy.rule = (request) => (lying ? lie(request) : 'pass');
    const running = retry(job, product({ confirmations: 2 }));
    await until(running, () => lying);
    await sleep(400);
    assert.is(
      (await world.job(job)).deployed,
      false,
      'not while it is one block deep, whatever the head is said to be',
    );
    await sleep(400);
    await world.chain.mine({ blocks: 1 });
    const { error } = await running;
    assert.is(error, undefined, error?.message);
    await assertMadeOnce(job, before);
    proxy.reset();
  }
});

test.run();
