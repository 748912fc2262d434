// Uses PostgreSQL and anvil: products whose columns have other types than ours, each honest in its way.
import { runTaskForTest } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { getAddress, keccak256, stringToBytes } from 'viem';
import inspectTask from '../scripts/inspect.ts';
import reconcileTask from '../scripts/reconcile.ts';
import retryTask from '../scripts/retry.ts';
import rollbackTask from '../scripts/rollback.ts';
import statusTask from '../scripts/status.ts';
import sweepTask from '../scripts/sweep.ts';
import { cloneCodeHash, create2Address } from '../src/chain/address.ts';
import { sinceOf } from '../src/jobs/typed.ts';
import { abis, accountOf, productOf, startWorld, type World } from './world.ts';

const test = suite('columns of any honest type');
let world: World;
let implementation: `0x${string}`;
test.before(async () => {
  world = await startWorld();
  const contract = { address: world.factory, abi: abis.factory } as const;
  implementation = (await world.chain.readContract({ ...contract, functionName: 'implementation' })) as `0x${string}`;
});
test.after(() => world.stop());

const at = (id: string) =>
  getAddress(create2Address(world.factory, keccak256(stringToBytes(id)), cloneCodeHash(implementation)));
const run = (task: Parameters<typeof runTaskForTest>[0], root: string, ...args: string[]) =>
  runTaskForTest(task, root, ['--env', 'staging', ...args]);

interface Types {
  flag: string;
  yes: string;
  no: string;
  since: string;
  asked: string;
  text: string;
  wallet(address: string): string;
  amount: string;
  wei: string;
}
/** As ours has them, but for the ids. */
const OURS: Types = {
  flag: 'boolean',
  yes: 'true',
  no: 'false',
  since: 'timestamptz',
  asked: `now() - interval '1 hour'`,
  text: 'text',
  wallet: (address) => `'${address}'`,
  amount: 'numeric(78)',
  wei: '5000',
};
const bytes = (address: string) => `decode('${address.slice(2)}', 'hex')`;
const hourAgo = (unit: string) => `((extract(epoch FROM now()) - 3600) * ${unit})`;
let made = 0;

/** A product of one table, with one job that is stuck. */
async function productWith(types: Partial<Types>): Promise<{
  root: string;
  name: string;
  id: string;
  insert(id: string, change?: Partial<Types>): Promise<void>;
  flags(id: string): Promise<unknown>;
}> {
  const t = { ...OURS, ...types };
  const name = `typed_${++made}`;
  await world.query(
    `CREATE TABLE ${name} (id text PRIMARY KEY, waiting ${t.flag}, live ${t.flag}, addr ${t.text}, tx ${t.text}, asked ${t.since}, payer ${t.text}, payee ${t.text}, wei ${t.amount})`,
  );
  const insert = async (id: string, change: Partial<Types> = {}) => {
    const { yes, no, asked, wallet, wei } = { ...t, ...change };
    await world.query(
      `INSERT INTO ${name} VALUES ('${id}', ${yes}, ${no}, NULL, NULL, ${asked}, ${wallet(accountOf(4).address)}, ${wallet(accountOf(5).address)}, ${wei})`,
    );
  };
  const id = `deal-${made}`;
  await insert(id);
  const database = {
    jobs: name,
    columns: { id: 'id', pending: 'waiting', deployed: 'live', address: 'addr', txHash: 'tx', since: 'asked' },
    client: { column: 'payer' },
    freelancer: { column: 'payee' },
    amounts: { column: 'wei' },
    whenDeployed: null,
  };
  return {
    ...{ root: productOf(world, { escrow: { database } }), name, id, insert },
    flags: async (job) => (await world.query(`SELECT waiting::text, live::text FROM ${name} WHERE id = $1`, [job]))[0],
  };
}

const KINDS: Record<string, [Partial<Types>, { waiting: string; live: string }]> = {
  'numeric with a scale, integer flags, seconds': [
    { amount: 'numeric(40,2)', wei: '5000', flag: 'integer', yes: '1', no: '0', since: 'bigint', asked: hourAgo('1') },
    { waiting: '0', live: '1' },
  ],
  'a float, t and f, milliseconds, bytea': [
    {
      amount: 'double precision',
      wei: '5000',
      flag: 'char(1)',
      yes: `'t'`,
      no: `'f'`,
      since: 'bigint',
      asked: hourAgo('1000'),
      text: 'bytea',
      wallet: bytes,
    },
    { waiting: 'f', live: 't' },
  ],
  'numeric of any scale, yes and no, ISO 8601': [
    {
      amount: 'numeric',
      wei: '5000.000',
      flag: 'text',
      yes: `'Yes'`,
      no: `'No'`,
      since: 'text',
      asked: `to_char((now() - interval '1 hour') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`,
    },
    { waiting: 'No', live: 'Yes' },
  ],
  'text, an enum, seconds in an integer, char(66)': [
    {
      amount: 'text',
      wei: `'5000'`,
      flag: 'answer',
      yes: `'y'`,
      no: `'n'`,
      since: 'integer',
      asked: hourAgo('1'),
      text: 'char(66)',
    },
    { waiting: 'n', live: 'y' },
  ],
};

for (const [name, [types, after]] of Object.entries(KINDS))
  test(`${name}: status, retry, inspect, reconcile and rollback`, async () => {
    if (types.flag === 'answer') await world.query(`CREATE TYPE answer AS ENUM ('n', 'y')`);
    const { root, id, flags, name: table } = await productWith(types);
    const status = await run(statusTask, root);
    assert.is(status.error, undefined, status.error?.message);
    const [job] = ((status.outcome?.data ?? {}) as unknown as { jobs: { verdict: string; since: string }[] }).jobs;
    assert.is(job?.verdict, 'stuck');
    assert.ok(Math.abs(Date.parse(job?.since ?? '') - (Date.now() - 3_600_000)) < 60_000, job?.since);
    const retry = await run(retryTask, root, '--job', id);
    assert.is(retry.error, undefined, retry.error?.message);
    assert.is(await world.chain.getBalance({ address: at(id) }), 5000n);
    assert.equal(await flags(id), after);
    const inspect = await run(inspectTask, root, '--job', id);
    assert.is(inspect.outcome?.ok, true, inspect.error?.message ?? inspect.outcome?.verdict);
    // What the database does not say is set to what the chain says.
    await world.query(`UPDATE ${table} SET waiting = live, live = waiting, addr = NULL`);
    const fix = await run(reconcileTask, root, '--fix', '--yes');
    assert.is(fix.error, undefined, fix.error?.message);
    assert.equal(await flags(id), after);
    const rollback = await run(rollbackTask, root, '--job', id, '--reason', 'a test', '--yes');
    assert.is(rollback.error, undefined, rollback.error?.message);
    assert.equal(await flags(id), { waiting: after.waiting, live: after.waiting });
    assert.is(await world.chain.getBalance({ address: at(id) }), 0n);
  });

test('a bad row is told with its job and column, and stops nobody else', async () => {
  const bad: [Partial<Types>, Partial<Types>, string][] = [
    [{ amount: 'numeric(40,2)' }, { wei: '5000.50' }, 'its amount 5000.50 is no whole number of wei'],
    [{ amount: 'double precision' }, { wei: '1e21' }, '(double precision)'],
    [{ amount: 'text', wei: `'5000'` }, { wei: `'five'` }, '(text)'],
    [{ flag: 'text', yes: `'Y'`, no: `'N'` }, { yes: `'maybe'` }, '(text) is maybe, which says neither yes nor no'],
    [{ since: 'bigint', asked: hourAgo('1') }, { asked: '42' }, '(bigint)'],
  ];
  for (const [types, row, why] of bad) {
    const { root, id, insert, name } = await productWith(types);
    await insert('bad', row);
    const status = await run(statusTask, root);
    assert.is(status.error, undefined, status.error?.message);
    const { findings = [], ok } = status.outcome ?? {};
    assert.equal([ok, findings.map(({ code }) => code)], [false, ['JOB_INCOMPLETE']]);
    assert.match(findings[0]?.message ?? '', 'Job bad: ');
    assert.match(findings[0]?.message ?? '', why);
    assert.match(findings[0]?.message ?? '', `of ${name}`);
    for (const task of [retryTask, inspectTask])
      assert.is((await run(task, root, '--job', 'bad')).error?.code, 'JOB_INCOMPLETE');
    const sweep = await run(sweepTask, root, '--yes');
    assert.is(sweep.error, undefined, sweep.error?.message);
    assert.equal([sweep.outcome?.ok, sweep.outcome?.findings?.map(({ code }) => code)], [false, ['JOB_INCOMPLETE']]);
    assert.is(await world.chain.getBalance({ address: at(id) }), 5000n, 'the others go on');
    await world.query(`UPDATE ${name} SET addr = NULL WHERE id = '${id}'`);
    const fix = await run(reconcileTask, root, '--fix', '--yes');
    assert.equal([fix.outcome?.ok, fix.outcome?.findings?.map(({ code }) => code)], [false, ['JOB_INCOMPLETE']]);
    assert.equal((await world.query(`SELECT addr FROM ${name} WHERE id = '${id}'`))[0], { addr: at(id) });
    const reconcile = await run(reconcileTask, root);
    // Escrows of the other products here are of the same factory.
    const told = reconcile.outcome?.findings?.map(({ code }) => code).filter((code) => code !== 'STRAY');
    assert.equal([reconcile.outcome?.ok, told], [false, ['JOB_INCOMPLETE']]);
    assert.match(reconcile.outcome?.verdict ?? '', '1 cannot be compared');
  }
});

test('a type that cannot be what it is said to be is named', async () => {
  const types: [Partial<Types>, string][] = [
    [{ amount: 'money', wei: '5000' }, 'wei of typed_'],
    [{ flag: 'uuid', yes: 'NULL', no: 'NULL' }, 'is of type uuid, which says neither yes nor no'],
    [{ since: 'interval', asked: 'NULL' }, 'is of type interval, which is no point in time'],
  ];
  for (const [change, why] of types) {
    const { root } = await productWith(change);
    const { error } = await run(statusTask, root);
    assert.equal([error?.code, error?.exit], ['COLUMN_UNREADABLE', 2]);
    assert.match(error?.message ?? '', why);
  }
  // Ids of two types that cannot be compared: PostgreSQL's own word, and the config's.
  const { root } = await productWith({});
  const { error } = await run(
    statusTask,
    productOf(world, { escrow: { database: { client: { column: 'escrowPending' } } } }),
  );
  assert.is(error, undefined);
  const order = await run(
    retryTask,
    productOf(world, {
      escrow: { database: { client: { column: 'escrowSince', in: { table: 'User', wallet: 'wallet' } } } },
    }),
    '--job',
    await world.addJob(),
  );
  assert.is(order.error?.code, 'TABLES_DIFFER');
  assert.match(order.error?.message ?? '', 'operator does not exist');
  assert.is((await run(statusTask, root)).error, undefined);
});

test('a wallet in capitals is an address, and an id that the salt rule does not take stops nobody else', async () => {
  const { root, id } = await productWith({ wallet: (address) => `'0x${address.slice(2).toUpperCase()}'` });
  assert.is((await run(retryTask, root, '--job', id)).error, undefined);
  const job = await world.addJob({ id: '9e0a5777-15c8-444b-a718-ed7926aa9c93' });
  const uuids = await run(statusTask, productOf(world, { escrow: { salt: 'uuid' } }));
  assert.is(uuids.error, undefined, uuids.error?.message);
  const { jobs, incomplete } = (uuids.outcome?.data ?? {}) as unknown as {
    jobs: { job: string }[];
    incomplete: { why: string }[];
  };
  assert.equal(
    jobs.map((one) => one.job),
    [job],
  );
  assert.match(incomplete[0]?.why ?? '', 'its id is not a UUID');
});

test('times: by the size of a number, and as ISO 8601', () => {
  const ms = Date.UTC(2026, 10, 27, 6, 0, 0);
  for (const said of [
    String(ms / 1_000),
    `${ms / 1_000}.0`,
    String(ms),
    `${ms}000`,
    `${ms}000000`,
    '2026-11-27T06:00:00Z',
    '2026-11-27 06:00:00',
    '2026-11-27T06:00:00.000',
    '2026-11-27 08:00:00+02',
    '2026-11-27T08:00:00+0200',
    '2026-11-27T08:00:00+02:00',
  ])
    assert.is(sinceOf(said), ms, said);
  assert.is(sinceOf('2026-11-27'), Date.UTC(2026, 10, 27));
  for (const said of [null, '', '0', ' ']) assert.is(sinceOf(said), null);
  for (const said of ['42', 'yesterday', '27.11.2026', '1e30', '-5']) assert.is(sinceOf(said), undefined, said);
});

test.run();
