// Uses PostgreSQL and anvil: a product that is not ours, reached by config alone. Another factory and escrow, other tables
// and columns, numbers for ids, one amount in the job's row, wallets in place, an enum for a state.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Secret, withPostgres } from '@drydock/kit';
import { whenThorough } from '@drydock/kit/testing';
import { startTestAnvil, startTestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Abi, Address, Hex } from 'viem';
import { compileSources } from '../src/contracts/compile.ts';
import { ask } from './process.ts';
import { accountOf, admin, connect, productOf } from './world.ts';

const test = suite('a stranger’s escrows');
const thoroughly = whenThorough(test);
const [buyer, seller] = [accountOf(4).address, accountOf(5).address];
let services: { stop(): Promise<void> }[] = [];
let chain: ReturnType<typeof connect>;
let root: string;
let databaseUrl: string;
let shop: { address: Address; abi: Abi };
let vaultAbi: Abi;

const sql = (text: string, values: unknown[] = []) =>
  withPostgres(new Secret(databaseUrl), 'test', async (client) => (await client.query(text, values)).rows);
const mined = async (hash: Promise<Hex>) => chain.waitForTransactionReceipt({ hash: await hash });
const call = (functionName: string, args: unknown[], value = 0n) =>
  mined(chain.writeContract({ ...shop, functionName, args, value, account: admin, chain: null } as never));
const vaultOf = (deal: number) =>
  chain.readContract({ ...shop, functionName: 'vaultOf', args: [BigInt(deal)] }) as Promise<Address>;
const deal = async (id: number) =>
  (await sql('SELECT waiting, live, vault, tx, stage FROM trade.deals WHERE deal_no = $1', [id]))[0];

test.before(async () => {
  const [postgres, anvil] = await Promise.all([startTestPostgres(), startTestAnvil()]);
  services = [postgres, anvil];
  databaseUrl = await postgres.createDatabase();
  chain = connect(anvil.rpcUrl);
  const text = readFileSync(join(import.meta.dirname, 'fixtures/Vaults.sol'), 'utf8');
  const compiled = await compileSources({ 'Vaults.sol': text }, import.meta.dirname);
  const artifact = (name: string) =>
    compiled.find(({ contractName }) => contractName === name) as unknown as { abi: Abi; bytecode: Hex };
  const { abi, bytecode } = artifact('VaultShop');
  vaultAbi = artifact('Vault').abi;
  const { contractAddress } = await mined(
    chain.deployContract({ abi, bytecode, args: [admin.address], account: admin, chain: null }),
  );
  shop = { address: contractAddress as Address, abi };
  await sql(`CREATE SCHEMA trade`);
  await sql(
    `CREATE TABLE trade.deals (deal_no bigint PRIMARY KEY, waiting boolean NOT NULL, live boolean NOT NULL, vault text, tx text, "asked at" timestamptz,
       buyer_wallet text NOT NULL, seller_wallet text NOT NULL, wei numeric(78) NOT NULL, stage text NOT NULL)`,
  );
  root = productOf(
    { databaseUrl, rpcUrl: anvil.rpcUrl, factory: shop.address },
    { chain: { escrowFactory: 'VAULT_SHOP' }, escrow: ESCROW, env: { VAULT_SHOP: shop.address } },
  );
  mkdirSync(join(root, 'abi'));
  writeFileSync(join(root, 'abi/VaultShop.json'), JSON.stringify(abi));
  writeFileSync(join(root, 'abi/Vault.json'), JSON.stringify({ abi: vaultAbi }));
});
test.after(async () => {
  for (const service of services) await service.stop();
});

/** All that the toolkit is told of this product. */
const ESCROW = {
  abi: { factory: 'abi/VaultShop.json', escrow: 'abi/Vault.json' },
  salt: 'uint256',
  address: { kind: 'function', function: 'vaultOf', args: ['jobId'] },
  create: { function: 'open', args: ['freelancer', 'client', 'jobId'] },
  rollback: { function: 'giveBack', args: ['jobId'] },
  created: { event: 'VaultOpened', jobId: 'dealId', escrow: 'vault' },
  reads: {
    unreleased: 'held',
    rolledBack: { function: 'state', equals: 2 },
    released: null,
    rolledBackEvent: 'Refunded',
    releasedEvent: null,
  },
  roles: { create: 'CLERK', rollback: 'ARBITER' },
  sendLock: null,
  database: {
    schema: 'trade',
    jobs: 'deals',
    columns: { id: 'deal_no', pending: 'waiting', deployed: 'live', address: 'vault', txHash: 'tx', since: 'asked at' },
    client: { column: 'buyer_wallet' },
    freelancer: { column: 'seller_wallet' },
    amounts: { column: 'wei' },
    whenDeployed: { column: 'stage', from: 'agreed', to: 'locked' },
  },
};

async function newDeal(id: number): Promise<void> {
  await sql(
    `INSERT INTO trade.deals VALUES ($1, true, false, NULL, NULL, now() - interval '1 hour', $2, $3, 5000, 'agreed')`,
    [id, buyer, seller],
  );
  await call('register', [BigInt(id), buyer, seller]);
}

test('status → retry → inspect → rollback, on its own names', async () => {
  await newDeal(41);
  const status = await ask(root, 'status');
  assert.is(status.code, 3);
  assert.equal(
    status.data.jobs.map(({ job, verdict, address }: { job: string; verdict: string; address: string }) => [
      job,
      verdict,
      address,
    ]),
    [['41', 'stuck', await vaultOf(41)]],
  );
  const retry = await ask(root, 'retry', '--job', '41');
  assert.is(retry.code, 0, JSON.stringify(retry.error));
  assert.is(await chain.getBalance({ address: await vaultOf(41) }), 5000n);
  const made = await deal(41);
  assert.equal([made.waiting, made.live, made.vault, made.stage], [false, true, await vaultOf(41), 'locked']);
  const inspect = await ask(root, 'inspect', '--job', '41');
  assert.is(inspect.code, 0, JSON.stringify(inspect.error));
  assert.equal(
    inspect.data.admins.map(({ address }: { address: string }) => address),
    [admin.address],
  );
  const before = await chain.getBalance({ address: buyer });
  const rollback = await ask(root, 'rollback', '--job', '41', '--reason', 'a test', '--yes');
  assert.is(rollback.code, 0, JSON.stringify(rollback.error));
  assert.is((await chain.getBalance({ address: buyer })) - before, 5000n);
  const after = await deal(41);
  assert.equal([after.waiting, after.live, after.stage], [false, false, 'locked']);
  const [event] = await sql(`SELECT metadata FROM drydock."AuditEvent" WHERE event = 'escrow.rollback'`);
  assert.equal(event.metadata.amounts, { returned: '5000', released: '0' });
  assert.is((await ask(root, 'retry', '--job', '41')).error.code, 'ROLLED_BACK');
});

test('who may not is told by its own role, and a call with a parameter is proposed as data', async () => {
  await newDeal(42);
  await call('open', [seller, buyer, 42n], 5000n);
  await sql(`UPDATE trade.deals SET wei = 1 WHERE deal_no = 42`);
  const { error } = await ask(
    root,
    'rollback',
    '--job',
    '42',
    '--reason',
    'x',
    '--propose',
    'safe',
    '--safe',
    accountOf(9).address,
  );
  assert.is(error.code, 'NO_ROLE');
  assert.match(error.message, 'has not the role ARBITER');
  const other = await ask(
    root,
    'rollback',
    '--job',
    '42',
    '--reason',
    'x',
    '--propose',
    'safe',
    '--safe',
    admin.address,
  );
  assert.is(other.code, 0);
  const [transaction] = other.data.batch.transactions;
  assert.is(transaction.contractMethod, null);
  assert.match(transaction.data, /^0x[0-9a-f]{72}$/, 'with a parameter, as data');
});

thoroughly('reconcile and sweep, and an id that its salt rule cannot take', async () => {
  await newDeal(43);
  await newDeal(44);
  const found = await ask(root, 'reconcile');
  assert.equal(
    found.data.drift.map(({ job, verdict }: { job: string; verdict: string }) => [job, verdict]),
    [['42', 'orphaned']],
  );
  const other = await ask(root, 'reconcile', '--fix', '--yes');
  assert.equal(
    [other.code, other.data.written],
    [3, 0],
    'the job says 1 wei, and the vault holds 5000: a person decides',
  );
  await sql(`UPDATE trade.deals SET wei = 5000 WHERE deal_no = 42`);
  assert.is((await ask(root, 'reconcile', '--fix', '--yes')).data.written, 1);
  assert.equal([(await deal(42)).live, (await deal(42)).vault], [true, await vaultOf(42)]);
  const swept = await ask(root, 'sweep', '--yes');
  assert.equal(swept.data.made.map(({ job }: { job: string }) => job).sort(), ['43', '44']);
  const { code, error } = await ask(root, 'inspect', '--job', 'forty-two');
  assert.is(code, 2);
  assert.match(error.message, 'There is no job forty-two in deals');
});

test.run();
