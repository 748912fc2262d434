// Uses PostgreSQL and anvil: a stranger's product whose money is an ERC-20 in milestones, reached by config alone.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Secret, withPostgres } from '@drydock/kit';
import { runTaskForTest } from '@drydock/kit/testing';
import { startTestAnvil, startTestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Abi, type Address, getAddress, type Hex, pad } from 'viem';
import checkConfigTask from '../scripts/check-config.ts';
import inspectTask from '../scripts/inspect.ts';
import reconcileTask from '../scripts/reconcile.ts';
import retryTask from '../scripts/retry.ts';
import rollbackTask from '../scripts/rollback.ts';
import { compileSources } from '../src/contracts/compile.ts';
import { accountOf, admin, connect, productOf } from './world.ts';

const test = suite('a stranger’s escrows of a token');
const [payer, worker] = [accountOf(4).address, accountOf(5).address];
const ORDERS = [1, 2, 3].map((n) => `9e0a5777-15c8-444b-a718-ed7926aa9c0${n}`) as [string, string, string];
let services: { stop(): Promise<void> }[] = [];
let chain: ReturnType<typeof connect>;
let root: string;
let databaseUrl: string;
let compiled: { contractName: string; abi: unknown[]; bytecode: Hex }[];
let token: Address;
let desk: Address;

const sql = (text: string, values: unknown[] = []) =>
  withPostgres(new Secret(databaseUrl), 'test', async (client) => (await client.query(text, values)).rows);
const mined = async (hash: Promise<Hex>) => chain.waitForTransactionReceipt({ hash: await hash });
const artifact = (name: string) => compiled.find((one) => one.contractName === name) as { abi: Abi; bytecode: Hex };
const deploy = async (name: string, args: unknown[]) =>
  (await mined(chain.deployContract({ ...artifact(name), args, account: admin, chain: null } as never)))
    .contractAddress as Address;
const call = (address: Address, name: string, functionName: string, args: unknown[]) =>
  mined(
    chain.writeContract({ address, abi: artifact(name).abi, functionName, args, account: admin, chain: null } as never),
  );
const tokensOf = (owner: Address) =>
  chain.readContract({ address: token, abi: artifact('TestToken').abi, functionName: 'balanceOf', args: [owner] });
const run = (task: Parameters<typeof runTaskForTest>[0], args: string[] = []) =>
  runTaskForTest(task, root, ['--env', 'staging', ...args]);
const order = async (id: string) => (await sql('SELECT waiting, live, vault, tx FROM orders WHERE id = $1', [id]))[0];

test.before(async () => {
  const [postgres, anvil] = await Promise.all([startTestPostgres(), startTestAnvil()]);
  services = [postgres, anvil];
  databaseUrl = await postgres.createDatabase();
  chain = connect(anvil.rpcUrl);
  const text = readFileSync(join(import.meta.dirname, 'fixtures/Tokens.sol'), 'utf8');
  compiled = await compileSources({ 'Tokens.sol': text }, import.meta.dirname);
  token = await deploy('TestToken', [admin.address]);
  desk = await deploy('TokenDesk', [token, admin.address]);
  await sql(
    `CREATE TABLE orders (id uuid PRIMARY KEY, waiting boolean NOT NULL DEFAULT true, live boolean NOT NULL DEFAULT false, vault text, tx text,
       asked timestamptz NOT NULL DEFAULT now() - interval '1 hour', payer text NOT NULL, worker text NOT NULL)`,
  );
  await sql(`CREATE TABLE parts (of uuid NOT NULL, n int NOT NULL, units numeric(78) NOT NULL)`);
  for (const id of ORDERS) {
    await sql('INSERT INTO orders (id, payer, worker) VALUES ($1, $2, $3)', [id, payer, worker]);
    await sql('INSERT INTO parts VALUES ($1, 0, 1000000), ($1, 1, 2500000)', [id]);
  }
  root = productOf({ databaseUrl, rpcUrl: anvil.rpcUrl, factory: desk }, { escrow: ESCROW });
  mkdirSync(join(root, 'abi'));
  writeFileSync(
    join(root, 'abi/desk.json'),
    JSON.stringify([...artifact('TokenDesk').abi, ...artifact('TestToken').abi.filter(({ type }) => type === 'error')]),
  );
  writeFileSync(join(root, 'abi/escrow.json'), JSON.stringify(artifact('TokenEscrow').abi));
});
test.after(async () => {
  for (const service of services) await service.stop();
});

/** All that the toolkit is told of this product. */
const ESCROW = {
  abi: { factory: 'abi/desk.json', escrow: 'abi/escrow.json' },
  salt: 'uuid',
  address: { kind: 'clone', implementation: 'template' },
  create: { function: 'openOrder', args: ['salt', 'client', 'freelancer', 'amounts'] },
  rollback: { function: 'refund' },
  created: { event: 'OrderOpened', jobId: null, escrow: 'escrow' },
  reads: {
    unreleased: 'remaining',
    rolledBack: { function: 'stage', equals: 2 },
    client: 'payer',
    freelancer: 'worker',
    amounts: 'parts',
    released: 'paid',
    rolledBackEvent: 'Refunded',
    releasedEvent: 'PartPaid',
  },
  roles: { create: 'CASHIER', rollback: 'JUDGE' },
  sendLock: null,
  database: {
    jobs: 'orders',
    columns: { id: 'id', pending: 'waiting', deployed: 'live', address: 'vault', txHash: 'tx', since: 'asked' },
    client: { column: 'payer' },
    freelancer: { column: 'worker' },
    amounts: { table: 'parts', job: 'of', position: 'n', amount: 'units' },
    whenDeployed: null,
  },
};

test('its config is checked without a key; as long as there is no escrow, none is asked', async () => {
  const { outcome, error } = await run(checkConfigTask);
  assert.is(error, undefined);
  assert.is(outcome?.ok, true);
  assert.equal(
    outcome?.findings?.map(({ code }) => code),
    ['ESCROW_NOT_ASKED'],
  );
});

test('an allowance that is missing is told by the token’s own error; with it the escrow is made, and no ether goes along', async () => {
  const [first] = ORDERS;
  const refused = await run(retryTask, ['--job', first, '--yes']);
  assert.is(refused.error?.code, 'WOULD_REVERT');
  assert.match(refused.error?.message ?? '', `ERC20InsufficientAllowance(${getAddress(desk)}, 0, 3500000)`);
  await call(token, 'TestToken', 'approve', [desk, 10n ** 18n]);
  assert.is((await run(retryTask, ['--job', first, '--yes'])).error, undefined);
  const { vault, tx, ...left } = await order(first);
  assert.equal(left, { waiting: false, live: true });
  assert.is(await tokensOf(vault), 3_500_000n);
  assert.is((await chain.getTransaction({ hash: tx })).value, 0n);
  const seen = await run(inspectTask, ['--job', first]);
  assert.match(seen.outcome?.verdict ?? '', `Job ${first} of staging: ok`);
  assert.not.match(seen.said.join('\n').split('may roll back')[0] ?? '', /ETH/);
});

test('a rollback returns the tokens that are left, and what was paid is told', async () => {
  const [first] = ORDERS;
  const { vault } = await order(first);
  await call(vault, 'TokenEscrow', 'pay', [0n]);
  const args = ['--job', first, '--reason', 'a test', '--yes'];
  assert.is((await run(rollbackTask, args)).error?.code, 'PARTLY_RELEASED');
  const { outcome, error } = await run(rollbackTask, [...args, '--accept-released']);
  assert.is(error, undefined);
  assert.equal((outcome?.data as { amounts?: unknown } | undefined)?.amounts, {
    returned: '2500000',
    released: '1000000',
  });
  assert.is(await tokensOf(payer), 2_500_000n);
  assert.equal(await order(first).then(({ waiting, live }) => [waiting, live]), [false, false]);
});

test('reconcile finds an escrow that the database does not know, and writes it', async () => {
  const [, second] = ORDERS;
  const parts = [1_000_000n, 2_500_000n];
  await call(desk, 'TokenDesk', 'openOrder', [pad(`0x${second.replaceAll('-', '')}`), payer, worker, parts]);
  const seen = await run(reconcileTask);
  assert.match(
    JSON.stringify(seen.outcome?.findings),
    `Job ${second}: the escrow is there, and the database does not know`,
  );
  assert.is((await run(reconcileTask, ['--fix', '--yes'])).error, undefined);
  assert.is((await order(second)).live, true);
  const { outcome } = await run(checkConfigTask);
  assert.match(outcome?.verdict ?? '', 'The config fits the contracts');
  assert.equal(outcome?.findings, [], 'an escrow was asked');
});

test.run();
