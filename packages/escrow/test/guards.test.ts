// Uses PostgreSQL and anvil behind RPCs that fail, lie or stand still; the tasks run in this process.
import { freePort } from '@drydock/kit';
import { runTaskForTest, whenThorough } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import retryTask from '../scripts/retry.ts';
import statusTask from '../scripts/status.ts';
import { type RpcProxy, startRpcProxy } from './rpc-proxy.ts';
import { admin, productOf, startWorld, type World } from './world.ts';

const test = suite('RPCs that cannot be trusted');
const thoroughly = whenThorough(test);
let world: World;
let proxy: RpcProxy;
/** Nobody listens there. */
let closed: number;
test.before(async () => {
  world = await startWorld();
  proxy = await startRpcProxy(world.rpcUrl);
  closed = await freePort();
});
test.before.each(() => proxy.reset());
test.after(async () => {
  await proxy.stop();
  await world.stop();
});

const product = (urls: string, chain: object = {}) =>
  productOf({ ...world, rpcUrl: urls }, { chain: { timeoutMs: 1_000, ...chain } });
const retry = (root: string, job: string) => runTaskForTest(retryTask, root, ['--env', 'staging', '--job', job]);
const nonces = () => world.chain.getTransactionCount({ address: admin.address });
const isMade = async (job: string) => (await world.chain.getBalance({ address: world.escrowOf(job) })) === 350n;

/** One escrow, one transaction, and the database knows both. */
async function assertMadeOnce(job: string, before: number): Promise<void> {
  assert.ok(await isMade(job));
  assert.is(await nonces(), before + 1);
  const { deployed, pending } = await world.job(job);
  assert.equal({ deployed, pending }, { deployed: true, pending: false });
}

async function assertRefused(root: string, code: string, exit: number): Promise<string> {
  const job = await world.addJob();
  const before = await nonces();
  const { error } = await retry(root, job);
  assert.is(error?.code, code, error?.message);
  assert.is(error?.exit, exit);
  assert.is(await nonces(), before, 'nothing was sent');
  assert.is((await world.job(job)).txHash, null);
  return `${error?.message} ${error?.hint}`;
}

test('another chain is refused, for looking too', async () => {
  proxy.rule = ({ method }) => (method === 'eth_chainId' ? { result: '0x1' } : 'pass');
  const root = product(proxy.url);
  assert.match(await assertRefused(root, 'WRONG_CHAIN', 4), 'is chain 1, and chain.chainId says 31337');
  assert.is((await runTaskForTest(statusTask, root, ['--env', 'staging'])).error?.code, 'WRONG_CHAIN');
});

test('a chain that becomes another one between the plan and the signature is refused', async () => {
  let asked = 0;
  proxy.rule = ({ method }) => (method === 'eth_chainId' && ++asked > 1 ? { result: '0x1' } : 'pass');
  await assertRefused(product(proxy.url), 'WRONG_CHAIN', 4);
});

test('a block more than two minutes old, or ahead of the clock, is refused', async () => {
  const block = (await (world.chain.request as (args: unknown) => Promise<unknown>)({
    method: 'eth_getBlockByNumber',
    params: ['latest', false],
  })) as Record<string, string>;
  const at = (seconds: number) => ({
    result: { ...block, timestamp: `0x${(Math.round(Date.now() / 1_000) + seconds).toString(16)}` },
  });
  const answer = (seconds: number) => {
    proxy.rule = ({ method, params }) =>
      method === 'eth_getBlockByNumber' && params[0] === 'latest' ? at(seconds) : 'pass';
  };
  const root = product(proxy.url, { maxBlockAgeMs: 120_000 });
  answer(-150);
  assert.match(await assertRefused(root, 'BLOCK_STALE', 4), /is 2 min 3\d s old; writes want 2 min 0 s at most/);
  answer(150);
  assert.match(await assertRefused(root, 'BLOCK_STALE', 4), 'ahead of this clock');
  const job = await world.addJob();
  answer(-100);
  assert.is((await retry(root, job)).error, undefined);
});

test('two RPCs that do not agree on a block are refused, and named', async () => {
  const other = `0x${'ee'.repeat(32)}`;
  proxy.rule = ({ method, params }) => {
    if (method !== 'eth_getBlockByNumber' || params[0] === 'latest') return 'pass';
    return { result: { number: params[0], hash: other, timestamp: '0x0', transactions: [], uncles: [] } };
  };
  const said = await assertRefused(product(`${world.rpcUrl},${proxy.url}`), 'RPC_DISAGREE', 4);
  assert.match(said, new URL(proxy.url).host);
  assert.match(said, 'do not agree on block');
});

test('one of two RPCs is down: it is told and left out, and the other does it', async () => {
  const [job, before] = [await world.addJob(), await nonces()];
  const { error, said } = await retry(product(`http://127.0.0.1:${closed}/a-secret-key,${world.rpcUrl}`), job);
  assert.is(error, undefined, error?.message);
  assert.match(said.join('\n'), `127.0.0.1:${closed} does not answer as it should (ECONNREFUSED)`);
  assert.not.match(said.join('\n'), 'a-secret-key');
  await assertMadeOnce(job, before);
});

test('an RPC that says 429 to everything gives way to the next', async () => {
  const [job, before] = [await world.addJob(), await nonces()];
  proxy.rule = () => ({ status: 429 });
  const { error, said } = await retry(product(`${proxy.url},${world.rpcUrl}`), job);
  assert.is(error, undefined);
  assert.match(said.join('\n'), 'HTTP 429');
  await assertMadeOnce(job, before);
});

thoroughly('an RPC that says 429 now and then is asked again', async () => {
  const [job, before] = [await world.addJob(), await nonces()];
  let asked = 0;
  proxy.rule = () => (++asked % 3 === 0 ? { status: 429 } : 'pass');
  assert.is((await retry(product(proxy.url), job)).error, undefined);
  await assertMadeOnce(job, before);
});

test('no RPC answers: one sentence, no URL, exit 1', async () => {
  const job = await world.addJob();
  proxy.rule = () => 'hang';
  for (const url of [`http://127.0.0.1:${closed}/a-secret-key`, proxy.url]) {
    const { error } = await retry(product(url), job);
    assert.is(error?.code, 'RPC_UNREACHABLE');
    assert.is(error?.exit, 1);
    assert.match(
      error?.message ?? '',
      /no RPC answers as it should \(127\.0\.0\.1:\d+: (ECONNREFUSED|no answer in time)\)/,
    );
    assert.not.match(`${error?.message}${error?.hint}`, 'a-secret-key');
  }
});

test('the transaction arrives and its answer does not: it is found, and not sent again', async () => {
  const [job, before] = [await world.addJob(), await nonces()];
  proxy.after = async ({ method }) => {
    if (method === 'eth_sendRawTransaction') await new Promise((done) => setTimeout(done, 2_500));
  };
  assert.is((await retry(product(proxy.url), job)).error, undefined);
  await assertMadeOnce(job, before);
});

thoroughly('the transaction does not arrive at first: the same one is handed over until it does', async () => {
  const [job, before] = [await world.addJob(), await nonces()];
  let refused = 0;
  proxy.rule = ({ method }) => (method === 'eth_sendRawTransaction' && refused++ < 6 ? { status: 503 } : 'pass');
  assert.is((await retry(product(proxy.url), job)).error, undefined);
  await assertMadeOnce(job, before);
  assert.ok(refused > 6);
});

thoroughly('the RPC goes away while a transaction is waited for, and comes back', async () => {
  const [job, before] = [await world.addJob(), await nonces()];
  let sentAt = 0;
  proxy.rule = ({ method }) => {
    if (method === 'eth_sendRawTransaction') sentAt = Date.now();
    return sentAt > 0 && method !== 'eth_sendRawTransaction' && Date.now() - sentAt < 1_500 ? { status: 503 } : 'pass';
  };
  assert.is((await retry(product(proxy.url), job)).error, undefined);
  await assertMadeOnce(job, before);
});

test('an RPC that has not seen the receipt yet is asked until it has', async () => {
  const [job, before] = [await world.addJob(), await nonces()];
  let hidden = 0;
  proxy.rule = ({ method }) => (method === 'eth_getTransactionReceipt' && hidden++ < 5 ? { result: null } : 'pass');
  assert.is((await retry(product(proxy.url), job)).error, undefined);
  await assertMadeOnce(job, before);
});

test.run();
