// Uses PostgreSQL, anvil behind an RPC that fails, and the Sentry sink; the watch runs as a process.
import { once } from 'node:events';
import { startTestSink } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ask, startTask } from './process.ts';
import { type RpcProxy, startRpcProxy } from './rpc-proxy.ts';
import { productOf, startWorld, type World } from './world.ts';

const test = suite('escrow:watch');
let world: World;
let proxy: RpcProxy;
let sink: Awaited<ReturnType<typeof startTestSink>>;
test.before(async () => {
  [world, sink] = await Promise.all([startWorld(), startTestSink()]);
  proxy = await startRpcProxy(world.rpcUrl);
});
test.after(async () => {
  await Promise.all([proxy.stop(), sink.stop(), world.stop()]);
});

test('tells what changes, warns of what becomes stuck, survives the loss of the RPC, and ends with SIGTERM', async () => {
  const root = productOf({ ...world, rpcUrl: proxy.url }, { env: { SENTRY_DSN: sink.sentryDsn } });
  const job = await world.addJob({ ageMs: 1_000 });
  const child = startTask(root, 'watch', '--interval', '200ms');
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (said += chunk));
  const hears = async (what: string | RegExp) => {
    const deadline = Date.now() + 60_000;
    while (!said.match(what)) {
      if (Date.now() > deadline) throw new Error(`It did not say ${what}: ${said}`);
      await new Promise((done) => setTimeout(done, 20));
    }
  };
  await hears(`job ${job}: well → pending`);
  await world.query(`UPDATE "Job" SET "escrowSince" = "escrowSince" - interval '1 hour' WHERE id = $1`, [job]);
  await hears(`job ${job}: pending → stuck`);
  await hears('1 escrow is stuck');
  const events = async () => (await sink.events('sentry')).map((event) => JSON.stringify(event));
  while (!(await events()).some((event) => event.includes('ESCROW_STUCK')))
    await new Promise((done) => setTimeout(done, 50));
  proxy.rule = () => ({ status: 503 });
  await hears('HTTP 503');
  await world.mined(world.createOnChain(job));
  proxy.reset();
  await hears(/back after/);
  await hears(`job ${job}: stuck → orphaned`);
  await hears(`of job ${job} is made`);
  const losses = said.match(/Going on when it is back/g) ?? [];
  assert.is(losses.length, 1, 'a loss is told once');
  child.kill('SIGTERM');
  const [code] = await once(child, 'exit');
  assert.is(code, 0, 'to be stopped is its ordinary end');
});

test('--for ends it with a verdict', async () => {
  const job = await world.addJob();
  const { code, data } = await ask(productOf(world), 'watch', '--interval', '100ms', '--for', '300ms');
  assert.is(code, 3);
  assert.ok(data.looks >= 1);
  assert.is(data.jobs[job], 'stuck');
});

test('what does not mend itself ends it', async () => {
  const { code, error } = await ask(productOf(world, { chain: { chainId: 5 } }), 'watch', '--interval', '100ms');
  assert.is(code, 4);
  assert.is(error.code, 'WRONG_CHAIN');
});

test.run();
