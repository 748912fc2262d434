// Uses PostgreSQL and anvil; the tasks run in this process.
import { raiseMatters, readMatters, Secret, withPostgres } from '@drydock/kit';
import { runTaskForTest } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Hex } from 'viem';
import inspectTask from '../scripts/inspect.ts';
import reconcileTask from '../scripts/reconcile.ts';
import statusTask from '../scripts/status.ts';
import { accountOf, admin, productOf, startWorld, type World } from './world.ts';

const test = suite('escrow:status, inspect, reconcile');
let world: World;
let root: string;
const jobs: Record<string, string> = {};
test.before(async () => {
  world = await startWorld();
  root = productOf(world);
  jobs.stuck = await world.addJob({ id: 'stuck', txHash: `0x${'11'.repeat(32)}` });
  jobs.young = await world.addJob({ id: 'young', ageMs: 1_000 });
  jobs.idle = await world.addJob({ id: 'idle', pending: false });
  await made('healthy');
  await made('orphan', { pending: true });
  await made('lost', { pending: false });
  await made('rolled', { deployed: true });
  await world.mined(world.callEscrow('rolled', 'rollback'));
  await made('paid', { deployed: true });
  await world.mined(world.callEscrow('paid', 'release', [1n]));
  await world.query(`UPDATE "Job" SET "escrowDeployed" = true, "escrowAddress" = $1 WHERE id = 'healthy'`, [
    world.escrowOf('healthy'),
  ]);
  await world.query(`UPDATE "Job" SET "escrowAddress" = $1 WHERE id = 'paid'`, [world.escrowOf('paid')]);
  await world.addJob({ id: 'imagined', pending: false, deployed: true, address: accountOf(8).address });
  await made('other-amounts', { deployed: true }, [999n]);
  await world.query(`UPDATE "Job" SET "escrowAddress" = $1 WHERE id = 'other-amounts'`, [
    world.escrowOf('other-amounts'),
  ]);
  await made('stray');
  await world.query(`DELETE FROM "Milestone" WHERE "jobId" = 'stray'`);
  await world.query(`DELETE FROM "Job" WHERE id = 'stray'`);
});
test.after(() => world.stop());

async function made(
  id: string,
  flags: { pending?: boolean; deployed?: boolean } = {},
  amounts?: bigint[],
): Promise<void> {
  jobs[id] = await world.addJob({ id, pending: false, ...flags });
  await world.mined(world.createOnChain(id, amounts ? { amounts } : {}));
}

const look = async (task: Parameters<typeof runTaskForTest>[0], ...args: string[]) => {
  const { outcome, error, said } = await runTaskForTest(task, root, ['--env', 'staging', ...args]);
  if (error) throw error;
  return { ...outcome, data: outcome?.data as never, said };
};
interface Listed {
  job: string;
  verdict: string;
  chain: string;
  transaction: string | null;
  why: string | null;
}

test('status lists what is not settled, the worst first, each with its verdict', async () => {
  const { data, ok, next } = await look(statusTask);
  const listed = (data as { jobs: Listed[] }).jobs.map(({ job, verdict, chain }) => [job, verdict, chain]);
  assert.equal(
    listed.filter(([, verdict]) => verdict !== 'drifted'),
    [
      ['stuck', 'stuck', 'no code'],
      ['orphan', 'orphaned', 'funded'],
      ['young', 'pending', 'no code'],
      ['healthy', 'ok', 'funded'],
    ],
  );
  assert.equal(listed.filter(([, verdict]) => verdict === 'drifted').sort(), [
    ['imagined', 'drifted', 'no code'],
    ['other-amounts', 'drifted', 'funded'],
    ['paid', 'drifted', 'funded'],
    ['rolled', 'drifted', 'rolled back'],
  ]);
  assert.is(ok, false);
  assert.match(next ?? '', 'escrow:retry -- --env staging --job stuck');
  const stuck = (data as { jobs: Listed[] }).jobs[0];
  assert.is(stuck?.transaction, 'dropped');
});

test('--stuck and --older-than choose', async () => {
  const only = await look(statusTask, '--stuck');
  assert.equal(
    (only.data as { jobs: Listed[] }).jobs.map(({ job }) => job),
    ['stuck'],
  );
  const younger = await look(statusTask, '--stuck', '--older-than', '500ms');
  assert.equal(
    (younger.data as { jobs: Listed[] }).jobs.map(({ job }) => job),
    ['stuck', 'young'],
  );
  const none = await look(statusTask, '--stuck', '--older-than', '2d');
  assert.equal((none.data as { jobs: Listed[] }).jobs, []);
  assert.is(none.ok, true);
});

test('inspect shows both sides, events, transactions, and who may roll back', async () => {
  const { data, said, next } = await look(inspectTask, '--job', 'paid');
  const found = data as unknown as {
    chain: Record<string, string>;
    database: Record<string, unknown>;
    events: { event: string; args: Record<string, string> }[];
    transactions: { hash: string; state: string; nonce: number; from: string; source: string }[];
    admins: { address: string }[];
  };
  assert.is(found.chain.unreleased, '100');
  assert.is(found.chain.balance, '100');
  assert.is(found.database.unreleased, '350');
  assert.equal(
    found.events.map(({ event }) => event),
    ['EscrowCreated', 'Funded', 'Initialized', 'MilestoneReleased'],
  );
  assert.is(found.events.at(-1)?.args.amount, '250');
  assert.equal(
    found.admins.map(({ address }) => address),
    [admin.address],
  );
  assert.is(found.transactions.length, 2);
  assert.ok(found.transactions.every(({ state, from }) => state === 'mined' && from === admin.address));
  assert.match(said.join('\n'), 'may roll back: ');
  assert.match(next ?? '', 'escrow:reconcile');
});

test('inspect tells a transaction that offers too little from one that waits', async () => {
  await world.addJob({ id: 'waits' });
  await world.chain.setAutomine(false);
  const hash = await world.createOnChain('waits');
  await world.query(`UPDATE "Job" SET "escrowTxHash" = $1 WHERE id = 'waits'`, [hash]);
  const { data, verdict, next } = await look(inspectTask, '--job', 'waits');
  const [one] = (data as unknown as { transactions: { state: string; nonce: number; note: string }[] }).transactions;
  assert.is(one?.state, 'pending');
  assert.match(one?.note ?? '', 'pays the base fee of');
  assert.match(verdict ?? '', `Transaction ${hash} waits in the mempool`);
  assert.match(next ?? '', 'escrow:retry');
  await world.chain.dropTransaction({ hash });
  await world.chain.setAutomine(true);
  await world.query(`DELETE FROM "Milestone" WHERE "jobId" = 'waits'`);
  await world.query(`DELETE FROM "Job" WHERE id = 'waits'`);
});

test('reconcile finds every difference at one block, also jobs that were never marked, and escrows without a job', async () => {
  const before = await world.query('SELECT * FROM "Job" ORDER BY id');
  const { data, ok, findings = [] } = await look(reconcileTask);
  const found = data as unknown as {
    drift: Listed[];
    strays: { job: string }[];
    counts: Record<string, number>;
    block: string;
  };
  assert.is(ok, false);
  assert.equal(found.drift.map(({ job }) => job).sort(), [
    'imagined',
    'lost',
    'orphan',
    'other-amounts',
    'paid',
    'rolled',
  ]);
  assert.equal(
    found.strays.map(({ job }) => job),
    ['stray'],
  );
  assert.is(found.counts.ok, 2, 'healthy and idle');
  assert.is(findings.length, 7);
  assert.is(found.block, String(await world.chain.getBlockNumber()));
  assert.equal(await world.query('SELECT * FROM "Job" ORDER BY id'), before, 'it only looks');
});

test("--fix writes the chain's truth, once, and leaves to a person what the chain cannot tell", async () => {
  const nonce = await world.chain.getTransactionCount({ address: admin.address });
  const { outcome, error } = await runTaskForTest(reconcileTask, root, ['--env', 'staging', '--fix', '--yes']);
  assert.is(error, undefined);
  assert.is(outcome?.ok, false);
  const data = outcome?.data as unknown as { written: number; left: { job: string; why: string }[] };
  assert.is(data.written, 5);
  assert.equal(
    data.left.map(({ job }) => job),
    ['other-amounts'],
  );
  assert.match(data.left[0]?.why ?? '', '999 wei are unreleased on chain, 350 wei in the database');
  const flags = async (id: string) => {
    const { pending, deployed, address, status } = await world.job(id);
    return { pending, deployed, address, status };
  };
  const there = (id: string) => ({ pending: false, deployed: true, address: world.escrowOf(id), status: 'FUNDED' });
  assert.equal(await flags('orphan'), there('orphan'));
  assert.equal(await flags('lost'), there('lost'));
  const receipt = await world.chain.getTransactionReceipt({ hash: (await world.job('orphan')).txHash as Hex });
  assert.is(receipt.status, 'success', 'the transaction that made it is written too');
  assert.is((await flags('rolled')).deployed, false);
  assert.is((await flags('imagined')).deployed, false);
  const [first, second] = await world.query(
    `SELECT "releasedAt", "releaseTxHash" FROM "Milestone" WHERE "jobId" = 'paid' ORDER BY position`,
  );
  assert.is(first.releasedAt, null);
  assert.ok(second.releasedAt);
  assert.is((await world.chain.getTransactionReceipt({ hash: second.releaseTxHash })).status, 'success');
  const block = await world.chain.getBlock({
    blockNumber: (await world.chain.getTransactionReceipt({ hash: second.releaseTxHash })).blockNumber,
  });
  const [{ at }] = await world.query(
    `SELECT extract(epoch from "releasedAt")::int AS at FROM "Milestone" WHERE "jobId" = 'paid' AND position = 1`,
  );
  assert.is(at, Number(block.timestamp));
  assert.is(await world.chain.getTransactionCount({ address: admin.address }), nonce, 'nothing is sent');
  const [event] = await world.query(`SELECT metadata FROM drydock."AuditEvent" WHERE event = 'escrow.reconcile'`);
  assert.is(event.metadata.written.length, 5);
  const again = await look(reconcileTask);
  assert.equal(
    (again.data as unknown as { drift: Listed[] }).drift.map(({ job }) => job),
    ['other-amounts'],
  );
});

test('a payment that the database imagines is taken back', async () => {
  await world.query(
    `UPDATE "Milestone" SET "releasedAt" = now(), "releaseTxHash" = '0x1' WHERE "jobId" = 'healthy' AND position = 0`,
  );
  const { outcome } = await runTaskForTest(reconcileTask, root, ['--env', 'staging', '--fix', '--yes']);
  assert.is(((outcome?.data ?? {}) as unknown as { written: number }).written, 1);
  const rows = await world.query(
    `SELECT "releasedAt", "releaseTxHash" FROM "Milestone" WHERE "jobId" = 'healthy' ORDER BY position`,
  );
  assert.equal(rows, [
    { releasedAt: null, releaseTxHash: null },
    { releasedAt: null, releaseTxHash: null },
  ]);
});

test('what is not as deep as the config wants is left for the next run', async () => {
  const deep = productOf(world, { chain: { confirmations: 5 } });
  await made('fresh', { pending: true });
  const fix = () => runTaskForTest(reconcileTask, deep, ['--env', 'staging', '--fix', '--yes']);
  const { outcome } = await fix();
  const { skipped } = (outcome?.data ?? {}) as unknown as { skipped: string[] };
  assert.ok(skipped.includes('fresh'));
  assert.is((await world.job('fresh')).deployed, false);
  await world.chain.mine({ blocks: 5 });
  await fix();
  assert.is((await world.job('fresh')).deployed, true);
});

test('that a restore left the chain ahead is settled once nothing is left to put right, nor to tell', async () => {
  const asked = <T>(ask: Parameters<typeof withPostgres<T>>[2]) =>
    withPostgres(new Secret(world.databaseUrl), 'test', ask);
  await asked((client) => raiseMatters(client, 'RUN', [{ key: 'chain', says: 'It is ahead.', next: 'Compare.' }]));
  const fix = async (of: string) => {
    await runTaskForTest(reconcileTask, of, ['--env', 'staging', '--fix', '--yes']);
    return (await asked(readMatters)).map(({ key }) => key);
  };
  assert.equal(await fix(root), ['chain'], 'a job is left to a person, and an escrow has no job');
  await world.query(`DELETE FROM "Milestone" WHERE "jobId" = 'other-amounts'`);
  await world.query(`DELETE FROM "Job" WHERE id = 'other-amounts'`);
  assert.equal(await fix(root), ['chain'], 'escrows without a job are not put right');
  const later = Number(await world.chain.getBlockNumber()) + 1;
  await world.chain.mine({ blocks: 2 });
  assert.equal(await fix(productOf(world, { chain: { startBlock: later } })), []);
});

test.run();
