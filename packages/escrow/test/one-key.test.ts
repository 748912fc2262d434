// Uses the reference product itself as a process, with PostgreSQL, Redis and anvil: its worker and the operator's tasks send with one key
// at once. 100 rounds with --thorough, a few otherwise.
import { runTaskForTest, THOROUGH } from '@drydock/kit/testing';
import pg from 'pg';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Address } from 'viem';
import { acceptedJob, post, readJob } from '../../marketplace/test/people.ts';
import { startProduct, startWorld, until } from '../../marketplace/test/world.ts';
import reconcileTask from '../scripts/reconcile.ts';
import retryTask from '../scripts/retry.ts';
import rollbackTask from '../scripts/rollback.ts';
import { abis, admin, connect, productOf } from './world.ts';

const test = suite('one key for the product’s worker and the operator');
const ROUNDS = THOROUGH ? 100 : 3;
/** Enough for a busy machine. */
const PATIENCE_MS = 60_000;
let world: Awaited<ReturnType<typeof startWorld>>;
let product: Awaited<ReturnType<typeof startProduct>>;
let chain: ReturnType<typeof connect>;
let database: pg.Client;
let root: string;
test.before(async () => {
  world = await startWorld();
  product = await startProduct({ ...world.env, RATE_LIMIT_PER_MINUTE: '100000' });
  chain = connect(world.chain.rpcUrl);
  database = new pg.Client({ connectionString: world.databaseUrl });
  await database.connect();
  root = productOf({
    databaseUrl: world.databaseUrl,
    rpcUrl: world.chain.rpcUrl,
    factory: world.env.ESCROW_FACTORY_ADDRESS as Address,
  });
});
test.after(async () => {
  await database?.end();
  await product?.stop();
  await world?.stop();
});

const operate = async (task: Parameters<typeof runTaskForTest>[0], ...args: string[]) => {
  const { error } = await runTaskForTest(task, root, ['--env', 'staging', '--yes', ...args]);
  assert.is(error, undefined, `${args.join(' ')}: ${error?.message}`);
};
const ask = async (id: string, client: string) =>
  assert.is((await post(product.url, `/api/jobs/${id}/escrow`, {}, client)).status, 202);
const funded = (id: string) => until(async () => (await readJob(product.url, id)).escrowDeployed, PATIENCE_MS);
/** One task after the other: they take the environment's lock. */
async function operating(stuck: string, over: string | undefined): Promise<void> {
  await operate(retryTask, '--job', stuck);
  if (over) await operate(rollbackTask, '--job', over, '--reason', 'a test');
}
/** As a worker leaves it that died before it sent: it asks for its escrow, and nobody has it in hand. */
async function stuckJob(): Promise<{ id: string; client: string }> {
  const job = await acceptedJob(product.url);
  await database.query(
    `UPDATE "Job" SET "escrowPending" = true, "escrowSince" = (now() AT TIME ZONE 'utc') - interval '1 hour' WHERE id = $1`,
    [job.id],
  );
  return job;
}

test(`no nonce is lost, none is spent in vain, and each job has one escrow: ${ROUNDS} rounds`, async () => {
  const sent = () => chain.getTransactionCount({ address: admin.address });
  const [from, first] = [await chain.getBlockNumber(), await sent()];
  let deeds = 0;
  let created = 0;
  let before: { id: string; client: string } | undefined;
  for (let round = 0; round < ROUNDS; round++) {
    const [stuck, own, other] = [await stuckJob(), await acceptedJob(product.url), await acceptedJob(product.url)];
    // The worker's, while the operator retries one and rolls another back, or the client releases it.
    const work: Promise<unknown>[] = [ask(own.id, own.client), ask(other.id, other.client)];
    work.push(operating(stuck.id, round % 2 === 1 ? before?.id : undefined));
    if (before && round % 2 === 0)
      work.push(post(product.url, `/api/jobs/${before.id}/milestones/0/release`, {}, before.client));
    await Promise.all(work);
    for (const { id } of [stuck, own, other]) assert.ok(await funded(id), `round ${round}: job ${id}`);
    deeds += 3 + (before ? 1 : 0);
    created += 3;
    before = own;
    const pending = await chain.getTransactionCount({ address: admin.address, blockTag: 'pending' });
    assert.equal([await sent(), pending], [first + deeds, first + deeds], `round ${round}`);
  }
  const events = await chain.getContractEvents({
    address: world.env.ESCROW_FACTORY_ADDRESS as Address,
    abi: abis.factory,
    eventName: 'EscrowCreated',
    fromBlock: from,
  });
  assert.is(events.length, created);
  for (let number = from + 1n; number <= (await chain.getBlockNumber()); number++) {
    const receipts = await chain.request({
      method: 'eth_getBlockReceipts',
      params: [`0x${number.toString(16)}`],
    } as never);
    for (const { status, transactionHash } of receipts as { status: string; transactionHash: string }[])
      assert.is(status, '0x1', transactionHash);
  }
  await operate(reconcileTask);
});

test.run();
