// Uses the reference product itself as processes, with PostgreSQL, Redis and anvil; the tasks work beside its worker.
import { whenThorough } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Address } from 'viem';
import { acceptedJob, type Job, post, readJob } from '../../marketplace/test/people.ts';
import { startProduct, startWorld, until } from '../../marketplace/test/world.ts';
import { ask } from './process.ts';
import { abis, admin, connect, productOf } from './world.ts';

const test = suite('beside the reference product');
const thoroughly = whenThorough(test);
let world: Awaited<ReturnType<typeof startWorld>>;
let product: Awaited<ReturnType<typeof startProduct>>;
let chain: ReturnType<typeof connect>;
let root: string;
test.before(async () => {
  world = await startWorld();
  product = await startProduct(world.env);
  chain = connect(world.chain.rpcUrl);
  root = productOf({
    databaseUrl: world.databaseUrl,
    rpcUrl: world.chain.rpcUrl,
    factory: world.env.ESCROW_FACTORY_ADDRESS as Address,
  });
});
test.after(async () => {
  await product?.stop();
  await world?.stop();
});

const pool = async () => Number((await chain.getTxpoolStatus()).pending);
const created = async () =>
  (
    await chain.getContractEvents({
      address: world.env.ESCROW_FACTORY_ADDRESS as Address,
      abi: abis.factory,
      eventName: 'EscrowCreated',
      fromBlock: 0n,
    })
  ).length;

/** Asked for, sent by the product's worker, and not mined. */
async function stuckInMempool(): Promise<{ id: string; client: string }> {
  const job = await acceptedJob(product.url);
  await chain.setAutomine(false);
  await post(product.url, `/api/jobs/${job.id}/escrow`, {}, job.client);
  assert.ok(await until(async () => (await pool()) === 1));
  return job;
}

async function retryAndMine(id: string): Promise<void> {
  const { txHash: old } = (await ask(root, 'inspect', '--job', id)).data.database;
  const running = ask(root, 'retry', '--job', id);
  assert.ok(
    await until(async () =>
      chain.getTransaction({ hash: old }).then(
        () => false,
        () => true,
      ),
    ),
    'it is replaced',
  );
  await chain.mine({ blocks: 1 });
  await chain.setAutomine(true);
  const { code, error } = await running;
  assert.is(code, 0, JSON.stringify(error));
}

async function assertFunded(id: string): Promise<void> {
  assert.ok(await until(async () => (await readJob(product.url, id)).status === 'FUNDED'));
  const { escrowPending, escrowDeployed }: Job = await readJob(product.url, id);
  assert.equal({ escrowPending, escrowDeployed }, { escrowPending: false, escrowDeployed: true });
}

test('its worker was killed after sending: the operator replaces, and the next worker has nothing to do', async () => {
  const { id } = await stuckInMempool();
  product.child.kill('SIGKILL');
  await product.exited;
  const status = await ask(root, 'status', '--older-than', '1ms');
  assert.equal(
    status.data.jobs.map(({ job, verdict, transaction }: Record<string, string>) => [job, verdict, transaction]),
    [[id, 'stuck', 'pending']],
  );
  await retryAndMine(id);
  const nonce = await chain.getTransactionCount({ address: admin.address });
  product = await startProduct(world.env);
  await assertFunded(id);
  assert.is(await chain.getTransactionCount({ address: admin.address }), nonce);
  assert.is(await created(), 1);
});

thoroughly(
  'its worker is alive and waits: the operator replaces its transaction, and both end with one escrow',
  async () => {
    const { id, client } = await stuckInMempool();
    await retryAndMine(id);
    await assertFunded(id);
    assert.is(await created(), 2);
    // The worker goes on with the next.
    const other = await acceptedJob(product.url);
    await post(product.url, `/api/jobs/${other.id}/escrow`, {}, other.client);
    await assertFunded(other.id);
    assert.is((await post(product.url, `/api/jobs/${id}/milestones/0/release`, {}, client)).status, 200);
    assert.is((await ask(root, 'reconcile')).code, 0);
  },
);

test('a rollback is what the product then believes', async () => {
  const { id, client } = await acceptedJob(product.url);
  await post(product.url, `/api/jobs/${id}/escrow`, {}, client);
  await assertFunded(id);
  const { code, data, error } = await ask(root, 'rollback', '--job', id, '--reason', 'the client asked', '--yes');
  assert.is(code, 0, JSON.stringify(error));
  assert.is(data.amounts.returned, '1000');
  const { escrowDeployed, escrowPending } = await readJob(product.url, id);
  assert.equal({ escrowDeployed, escrowPending }, { escrowDeployed: false, escrowPending: false });
  assert.is((await post(product.url, `/api/jobs/${id}/milestones/0/release`, {}, client)).status, 409);
  assert.is((await ask(root, 'reconcile')).code, 0);
});

test.run();
