// Uses PostgreSQL, Redis, anvil and the sink; the product runs as processes of its own.
import escrow from '@drydock/escrow/artifacts/MilestoneEscrow.json' with { type: 'json' };
import { startTestSink } from '@drydock/sandbox/testing';
import pg from 'pg';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Abi, type Address, createTestClient, type Hex, http, publicActions, walletActions } from 'viem';
import { privateKeyToAccount, privateKeyToAddress } from 'viem/accounts';
import { anvil } from 'viem/chains';
import { acceptedJob, post, readJob } from './people.ts';
import { metric, startProduct, startWorld, until } from './world.ts';

const test = suite('marketplace on the chain');
let world: Awaited<ReturnType<typeof startWorld>>;
let product: Awaited<ReturnType<typeof startProduct>>;
let chain: ReturnType<typeof chainClient>;
let database: pg.Client;
test.before(async () => {
  world = await startWorld();
  // Long enough to be seen leaving.
  world.env.DRAIN_DELAY_MS = '2000';
  product = await startProduct(world.env);
  chain = chainClient(world.chain.rpcUrl);
  database = new pg.Client({ connectionString: world.databaseUrl });
  await database.connect();
});
test.after(async () => {
  await database?.end();
  await product?.stop();
  await world?.stop();
});

const chainClient = (url: string) =>
  createTestClient({ mode: 'anvil', transport: http(url), pollingInterval: 50 }).extend(publicActions);
const sent = () => chain.getTransactionCount({ address: privateKeyToAddress(world.env.ESCROW_ADMIN_KEY as Hex) });
const inMempool = async () => (await chain.getTxpoolStatus()).pending;
/** The lease of a dead worker runs out, or the wait after a failure. */
const endLease = (id: string) =>
  database.query(`UPDATE "ChainTask" SET "runAfter" = now() AT TIME ZONE 'utc' WHERE "jobId" = $1`, [id]);
const attempts = async (id: string) =>
  (await database.query(`SELECT attempts FROM "ChainTask" WHERE "jobId" = $1`, [id])).rows[0]?.attempts as number;

/** A job whose worker was killed after it had sent; the transaction is in the mempool, and nothing is mined. */
async function killedAfterSending(): Promise<string> {
  const { id, client } = await acceptedJob(product.url);
  await chain.setAutomine(false);
  await post(product.url, `/api/jobs/${id}/escrow`, {}, client);
  assert.ok(await until(async () => (await inMempool()) === 1));
  product.child.kill('SIGKILL');
  await product.exited;
  return id;
}

async function goOn(): Promise<void> {
  await chain.setAutomine(true);
  await chain.mine({ blocks: 1 });
}

test('a worker killed after sending adopts the escrow instead of making a second one', async () => {
  const id = await killedAfterSending();
  await goOn();
  const before = await sent();
  await endLease(id);
  product = await startProduct(world.env);
  assert.ok(await until(async () => (await readJob(product.url, id)).escrowDeployed));
  const job = await readJob(product.url, id);
  assert.is(job.escrowPending, false);
  assert.is(job.status, 'FUNDED');
  assert.is(await sent(), before, 'nothing more was sent');
  const receipt = await chain.getTransactionReceipt({ hash: job.escrowTxHash as Hex });
  assert.is(receipt.status, 'success', 'the transaction of the dead worker was written down before it was sent');
});

test('a worker killed while its transaction waits to be mined waits for it instead of sending another', async () => {
  const id = await killedAfterSending();
  const { escrowTxHash } = await readJobFromDatabase(id);
  await endLease(id);
  product = await startProduct(world.env);
  assert.ok(await until(async () => (await attempts(id)) === 2), 'the new worker has the row');
  // Long enough for a second one to be sent.
  await new Promise((done) => setTimeout(done, 500));
  assert.is(await inMempool(), 1);
  assert.is((await readJob(product.url, id)).escrowPending, true);
  await goOn();
  assert.ok(await until(async () => (await readJob(product.url, id)).escrowDeployed));
  assert.is((await readJob(product.url, id)).escrowTxHash, escrowTxHash);
});

async function readJobFromDatabase(id: string): Promise<{ escrowTxHash: string | null }> {
  return (await database.query(`SELECT "escrowTxHash" FROM "Job" WHERE id = $1`, [id])).rows[0];
}

test('two instances send for one account without clashing, and survive the loss of the session that takes turns', async () => {
  const second = await startProduct(world.env);
  try {
    const jobs = await Promise.all(Array.from({ length: 6 }, () => acceptedJob(product.url)));
    await chain.setAutomine(false);
    await Promise.all(
      jobs.map(({ id, client }, i) => post([product, second][i % 2]?.url ?? '', `/api/jobs/${id}/escrow`, {}, client)),
    );
    assert.ok(await until(async () => (await inMempool()) === 1), 'one at a time');
    const { rowCount } = await database.query(
      `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = 7203401
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    );
    assert.is(rowCount, 1);
    await goOn();
    for (const { id } of jobs)
      assert.ok(await until(async () => (await readJob(product.url, id)).escrowDeployed, 20_000), `job ${id}`);
    for (const { url } of [product, second]) assert.is((await fetch(`${url}/readyz`)).status, 200);
    assert.is(await metric(product.url, 'chain_tasks{state="waiting"}'), 0);
  } finally {
    await second.stop();
  }
});

test('a milestone is released once, whoever asks at the same time', async () => {
  const { id, client } = await acceptedJob(product.url);
  await post(product.url, `/api/jobs/${id}/escrow`, {}, client);
  assert.ok(await until(async () => (await readJob(product.url, id)).escrowDeployed));
  const before = await sent();
  const answers = await Promise.all(
    Array.from({ length: 12 }, () => post(product.url, `/api/jobs/${id}/milestones/0/release`, {}, client)),
  );
  assert.equal(new Set(answers.map(({ status }) => status)), new Set([200]));
  assert.is(await sent(), before + 1);
  assert.is((await readJob(product.url, id)).status, 'COMPLETED');
});

test('a stop says "not ready", then finishes the request in flight and the row in hand, and ends with 0', async () => {
  const [funded, waiting] = [await acceptedJob(product.url), await acceptedJob(product.url)];
  await post(product.url, `/api/jobs/${funded.id}/escrow`, {}, funded.client);
  assert.ok(await until(async () => (await readJob(product.url, funded.id)).escrowDeployed));
  await chain.setAutomine(false);
  const release = post(product.url, `/api/jobs/${funded.id}/milestones/0/release`, {}, funded.client);
  assert.ok(await until(async () => (await inMempool()) === 1), 'a request is in flight');
  await post(product.url, `/api/jobs/${waiting.id}/escrow`, {}, waiting.client);
  assert.ok(await until(async () => (await attempts(waiting.id)) === 1), 'a row is in hand');
  const code = product.stop();
  const readyz = () => fetch(`${product.url}/readyz`).then(({ status }) => status);
  assert.ok(await until(async () => (await readyz()) === 503, 1_900));
  const closed = () =>
    readyz().then(
      () => false,
      () => true,
    );
  assert.ok(await until(closed), 'nothing new is taken');
  await goOn();
  const answer = await release;
  assert.is(answer.status, 200);
  assert.is(answer.headers.get('connection'), 'close');
  assert.is(await code, 0);
  product = await startProduct(world.env);
  assert.is((await readJob(product.url, waiting.id)).escrowDeployed, true);
  assert.is(await attempts(waiting.id), 1);
});

test('an escrow that was rolled back is not taken for a new one', async () => {
  const { id, client } = await acceptedJob(product.url);
  await post(product.url, `/api/jobs/${id}/escrow`, {}, client);
  assert.ok(await until(async () => (await readJob(product.url, id)).escrowDeployed));
  const address = (await readJob(product.url, id)).escrowAddress as Address;
  const account = privateKeyToAccount(world.env.ESCROW_ADMIN_KEY as Hex);
  await chain.extend(walletActions).writeContract({
    address,
    abi: escrow.abi as Abi,
    functionName: 'rollback',
    account,
    chain: anvil,
  });
  // As the runbook's section 7 leaves it.
  await database.query(`UPDATE "Job" SET "escrowDeployed" = false, "escrowPending" = false WHERE id = $1`, [id]);
  await post(product.url, `/api/jobs/${id}/escrow`, {}, client);
  assert.ok(await until(async () => (await readJob(product.url, id)).status === 'CANCELLED'));
  const { escrowDeployed, escrowPending } = await readJob(product.url, id);
  assert.equal({ escrowDeployed, escrowPending }, { escrowDeployed: false, escrowPending: false });
});

test('a chain that is away is said to be, a failing row is counted and tried again, and all is reported', async () => {
  const { id, client } = await acceptedJob(product.url);
  await post(product.url, `/api/jobs/${id}/escrow`, {}, client);
  assert.ok(await until(async () => (await readJob(product.url, id)).escrowDeployed));
  await product.stop();
  const sink = await startTestSink();
  try {
    const reporting = { SENTRY_DSN: sink.sentryDsn, POSTHOG_KEY: 'phc_test', POSTHOG_HOST: sink.url };
    product = await startProduct({ ...world.env, ...reporting, CHAIN_RPC_URL: 'http://127.0.0.1:9' });
    const other = await acceptedJob(product.url);
    await post(product.url, `/api/jobs/${other.id}/escrow`, {}, other.client);
    assert.ok(await until(async () => (await metric(product.url, 'chain_tasks{state="failing"}')) === 1));
    const refused = await post(product.url, `/api/jobs/${id}/milestones/0/release`, {}, client);
    assert.is(refused.status, 503);
    assert.match(((await refused.json()) as { error: { message: string } }).error.message, 'The chain does not answer');
    await product.stop();
    // Sent before the process ended.
    const names = async (kind: 'sentry' | 'posthog') => (await sink.events(kind)).map(({ name }) => name);
    assert.ok((await names('posthog')).includes('job_posted'));
    assert.ok((await names('sentry')).includes('event'));
    await endLease(other.id);
    product = await startProduct({ ...world.env, CHAIN_RPC_URL: `http://127.0.0.1:9,${world.chain.rpcUrl}` });
    assert.ok(await until(async () => (await readJob(product.url, other.id)).escrowDeployed), 'by the second address');
  } finally {
    await sink.stop();
  }
});

test.run();
