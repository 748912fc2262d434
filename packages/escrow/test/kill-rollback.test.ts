// Uses PostgreSQL and anvil; escrow:rollback runs as a process and is killed with SIGKILL before and after each of its steps.
import { linesToKillAt, whenThorough } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Address } from 'viem';
import { assertOneRefund, goOn, killWhen, linesOf } from './kill.ts';
import { ask, journalOf, run, startTask } from './process.ts';
import { type RpcProxy, startRpcProxy } from './rpc-proxy.ts';
import { accountOf, admin, productOf, startWorld, type World } from './world.ts';

const test = suite('kill -9 in escrow:rollback');
const thoroughly = whenThorough(test);
let world: World;
let proxy: RpcProxy;
let people = 100;
test.before(async () => {
  world = await startWorld();
  proxy = await startRpcProxy(world.rpcUrl);
});
test.before.each(() => proxy.reset());
test.after(async () => {
  await proxy.stop();
  await world.stop();
});

const nonces = () => world.chain.getTransactionCount({ address: admin.address });
const args = (job: string) => ['--job', job, '--reason', 'a test', '--yes'];

async function funded(): Promise<{ job: string; client: { address: Address; had: bigint } }> {
  const { address } = accountOf(people++);
  const job = await world.addJob({ pending: false, deployed: true, status: 'FUNDED', wallet: address });
  await world.mined(world.createOnChain(job));
  await world.query('UPDATE "Job" SET "escrowAddress" = $2 WHERE id = $1', [job, world.escrowOf(job)]);
  return { job, client: { address, had: await world.chain.getBalance({ address }) } };
}

test('before and after each of its steps: it resumes into one refund, cleared flags and one event', async () => {
  const lines = await linesOf(productOf(world), 'rollback', ...args((await funded()).job));
  let killed = 0;
  const moments = linesToKillAt(lines, 2);
  for (const at of moments) {
    const [{ job, client }, root] = [await funded(), productOf(world)];
    const before = await nonces();
    if (await killWhen(root, () => journalOf(root).length >= at, 'rollback', ...args(job))) killed++;
    await goOn(root, 'rollback', ...args(job));
    await assertOneRefund(world, job, client);
    assert.is(await nonces(), before + 1, `killed at line ${at} of ${lines}`);
  }
  assert.ok(killed >= moments.length - 1, `${killed} of ${moments.length} kills came in time`);
});

test('just before and just after the chain has it, and when the event is written and not yet journalled', async () => {
  for (const moment of ['before', 'after', 'event'] as const) {
    const [{ job, client }, root] = [await funded(), productOf({ ...world, rpcUrl: proxy.url })];
    let reached = false;
    if (moment !== 'event')
      proxy[moment] = async ({ method }) => {
        if (method !== 'eth_sendRawTransaction' || reached) return;
        reached = true;
        await new Promise((done) => setTimeout(done, 400));
        if (moment === 'before') throw new Error('its sender is gone');
      };
    const told = async () =>
      (
        await world.query(
          `SELECT 1 FROM drydock."AuditEvent" WHERE event = 'escrow.rollback' AND metadata->>'job' = $1`,
          [job],
        )
      ).length > 0;
    await killWhen(root, () => (moment === 'event' ? told() : reached), 'rollback', ...args(job));
    proxy.reset();
    if (journalOf(root).at(-1)?.event !== 'run.done') await goOn(root, 'rollback', ...args(job));
    await assertOneRefund(world, job, client);
  }
});

thoroughly('killed and given up: a new run finishes what the dead one left', async () => {
  const { job, client } = await funded();
  const root = productOf(world);
  await killWhen(
    root,
    () => journalOf(root).some(({ event, step }) => event === 'step.done' && step === 'confirm'),
    'rollback',
    ...args(job),
  );
  const refused = await run(root, 'rollback', ...args(job));
  assert.is(refused.code, 1);
  assert.match(refused.stdout, /Run \w+ of escrow:rollback on staging, started .+, did not end/);
  const other = productOf(world);
  assert.is((await run(other, 'rollback', ...args(job))).code, 0);
  await assertOneRefund(world, job, client);
});

test('two operators at once: the second gets exit 5 and the name of the first', async () => {
  const [{ job, client }, root] = [await funded(), productOf({ ...world, rpcUrl: proxy.url })];
  proxy.before = async ({ method }) => {
    if (method === 'eth_sendRawTransaction') await new Promise((done) => setTimeout(done, 6_000));
  };
  const first = startTask(root, 'rollback', ...args(job));
  first.stdout?.resume();
  const ended = new Promise((done) => first.once('close', done));
  while (!journalOf(root).some(({ event }) => event === 'run.started'))
    await new Promise((done) => setTimeout(done, 10));
  for (const [script, ...rest] of [
    ['rollback', ...args(job)],
    ['retry', '--job', job],
    ['sweep'],
    ['reconcile', '--fix'],
  ] as const) {
    const { code, error } = await ask(productOf(world), script, ...rest);
    assert.is(code, 5, script);
    assert.match(error.message, 'staging is locked by tester');
  }
  assert.is(await ended, 0);
  await assertOneRefund(world, job, client);
});

test.run();
