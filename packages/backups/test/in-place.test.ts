// Uses PostgreSQL; the tasks run as processes, as an operator who is no superuser.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readMatters, Secret, withPostgres } from '@drydock/kit';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import pg from 'pg';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { pauseForThem } from '../src/restore/in-the-way.ts';
import { swapDatabases } from '../src/restore/swap.ts';
import { type Keys, makeKeys, makeProduct, query } from './world.ts';

const test = suite('in place, and what is around it');
let postgres: TestPostgres;
let keys: Keys;
test.before(async () => {
  postgres = await startTestPostgres({
    own: true,
    settings: { wal_level: 'logical', max_replication_slots: '8', max_prepared_transactions: '4' },
  });
  keys = await makeKeys();
  await query(
    postgres.adminUrl,
    `CREATE ROLE owner LOGIN CREATEDB PASSWORD 'p'; CREATE ROLE app LOGIN PASSWORD 'p'; CREATE ROLE dba LOGIN SUPERUSER PASSWORD 'p'; GRANT pg_signal_backend TO owner`,
  );
});
test.after(() => postgres.stop());

const as = (user: string, name: string) => postgres.urlOf(name, { user, password: 'p' });

async function shop(
  name: string,
  {
    given = '',
    config = {},
    env = {},
    backups = {},
  }: { given?: string; config?: object; env?: Record<string, string>; backups?: object } = {},
) {
  await query(postgres.adminUrl, `CREATE DATABASE ${name} OWNER owner`);
  const url = as('owner', name);
  await query(url, 'CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1); GRANT SELECT ON t TO app');
  if (given) await query(as('dba', name), given);
  const product = makeProduct(url, keys, { config, env, backups });
  const backup = await product.ask('db:backup');
  assert.is(backup.code, 0, backup.error?.message);
  return { url, product };
}

async function sitsIn(url: string, name: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: name });
  client.on('error', () => {});
  await client.connect();
  return client;
}

test('who stands in the way is named before anything is begun or anybody sent away; who may be sent away goes', async () => {
  const { url, product } = await shop('held', {
    given: `SELECT pg_create_logical_replication_slot('cdc_held', 'pgoutput');
      CREATE SUBSCRIPTION live_held CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p WITH (connect = false, slot_name = 'away')`,
  });
  const [monitor, customer] = [await sitsIn(as('dba', 'held'), 'monitoring'), await sitsIn(as('app', 'held'), 'shop')];
  await query(as('owner', 'held'), `BEGIN; INSERT INTO t VALUES (2); PREPARE TRANSACTION 'half done'`);
  await query(as('dba', 'held'), 'ALTER SUBSCRIPTION live_held ENABLE');
  const refused = await product.ask('db:restore', '--in-place', '--yes');
  assert.equal([refused.code, refused.error.code], [1, 'DATABASE_BUSY']);
  assert.match(refused.error.message, /session \d+ \(monitoring, dba, .+\)/);
  assert.match(refused.error.message, /the subscription live_held.*the prepared transaction half done of owner/);
  assert.not.match(refused.error.message, 'shop');
  assert.match(refused.error.hint, /ALTER SUBSCRIPTION "live_held" DISABLE; .*'half done'/);
  assert.equal((await customer.query('SELECT 1 AS one')).rows, [{ one: 1 }], 'nobody was sent away');
  await monitor.end();
  await query(as('dba', 'held'), 'ALTER SUBSCRIPTION live_held DISABLE');
  await query(url, `ROLLBACK PREPARED 'half done'`);
  const done = await product.ask('db:restore', '--in-place', '--yes');
  assert.is(done.code, 0, done.error?.message);
  assert.ok((await customer.query('SELECT 1').catch((error) => error)) instanceof Error, 'who may be sent away went');
  assert.equal(done.data.told, [
    'the replication slot cdc_held stays with the database before: whoever reads from it begins anew',
    'the subscription live_held stays with the database before, and nothing takes its place',
  ]);
  assert.equal(
    done.data.matters.map(({ key }: { key: string }) => key),
    ['slot cdc_held', 'subscription live_held'],
  );
  const held = await product.ask('db:drop-old', '--run', done.run, '--yes');
  assert.equal([held.code, held.error.code], [1, 'DATABASE_BUSY']);
  assert.match(
    held.error.hint,
    'ALTER SUBSCRIPTION "live_held" SET (slot_name = NONE); DROP SUBSCRIPTION "live_held";',
  );
  await query(
    as('dba', done.data.before),
    'ALTER SUBSCRIPTION live_held SET (slot_name = NONE); DROP SUBSCRIPTION live_held',
  );
  const dropped = await product.ask('db:drop-old', '--run', done.run, '--yes');
  assert.is(dropped.code, 0, dropped.error?.message);
  assert.equal(dropped.data.slots, ['cdc_held']);
});

test('one that comes while traffic is stopped costs no restore: traffic is let in again, and the run goes on with what it has', async () => {
  const wait = 'echo closed >> hooks; while [ ! -e go ]; do touch here; sleep 0.05; done';
  const { url, product } = await shop('late', {
    backups: { drain: { before: ['sh', '-c', wait], after: ['sh', '-c', 'echo open >> hooks'] } },
  });
  await query(url, 'INSERT INTO t VALUES (2)');
  const at = (name: string) => join(product.root, name);
  const restoring = product.ask('db:restore', '--in-place', '--yes');
  while (!existsSync(at('here'))) await sleep(20);
  const monitor = await sitsIn(as('dba', 'late'), 'late at night');
  writeFileSync(at('go'), '');
  const waits = await restoring;
  assert.equal([waits.code, waits.error.code], [3, 'PAUSED'], waits.error.message);
  assert.match(waits.error.message, /\(late at night, dba, .*What was restored stays, and traffic is let in again/);
  assert.match(waits.error.hint, /pg_terminate_backend\(\d+\).*--resume/);
  assert.equal(await query(url, 'SELECT id FROM t ORDER BY 1'), [{ id: 1 }, { id: 2 }], 'nothing was renamed');
  await monitor.end();
  const done = await product.ask('db:restore', '--resume', '--yes');
  assert.is(done.code, 0, done.error?.message);
  assert.equal(await query(url, 'SELECT id FROM t'), [{ id: 1 }]);
  assert.is(readFileSync(at('hooks'), 'utf8'), 'closed\nopen\nclosed\nopen\n', 'stopped again for the second try');
  const steps = product.journal().filter(({ event }) => event === 'step.started');
  assert.is(steps.filter(({ step }) => step === 'restore').length, 1, 'restored once');
});

test('one that comes at the last moment is named as well, and the two databases are what they were', async () => {
  await query(postgres.adminUrl, 'CREATE DATABASE last OWNER owner');
  await query(postgres.adminUrl, 'CREATE DATABASE last_new OWNER owner');
  const monitor = await sitsIn(as('dba', 'last'), 'late');
  const looked = await withPostgres(new Secret(as('owner', 'postgres')), 'test', (client) =>
    pauseForThem(client, 'last', AbortSignal.timeout(60_000)),
  ).catch((cause) => cause);
  assert.equal([looked.code, looked.exit], ['PAUSED', 3], 'after hours of restoring the run waits');
  assert.match(`${looked.message} ${looked.hint}`, /\(late, dba, .*what was restored stays.*--resume/);
  const swap = { name: 'last', fresh: 'last_new', before: 'last_old' };
  const error = await swapDatabases(new Secret(as('owner', 'last')), swap, async () => {}).catch((cause) => cause);
  assert.is(error.code, 'DATABASE_BUSY');
  assert.match(error.message, /session \d+ \(late, dba/);
  await monitor.end();
  const failed = await swapDatabases(
    new Secret(as('owner', 'last')),
    { ...swap, before: 'postgres' },
    async () => {},
  ).catch((cause) => cause);
  assert.is(failed.code, 'SWAP_FAILED');
  assert.ok((await swapDatabases(new Secret(as('owner', 'last')), swap, async () => {})) > 0);
});

test('what then differs from the world is told, lies in the database, and is shown until it is settled', async () => {
  const { url, product } = await shop('world', {
    config: { chain: { chainId: 31337 } },
    env: { REDIS_URL: 'redis://127.0.0.1:1' },
    given: `SET ROLE owner; CREATE TABLE _prisma_migrations (migration_name text, finished_at timestamptz, rolled_back_at timestamptz); INSERT INTO _prisma_migrations VALUES ('1_init', now())`,
  });
  await query(as('dba', 'world'), `SELECT pg_create_logical_replication_slot('cdc_world', 'pgoutput')`);
  await query(url, `INSERT INTO _prisma_migrations VALUES ('2_more', now())`);
  const done = await product.ask('db:restore', '--in-place', '--yes');
  assert.is(done.code, 0, done.error?.message);
  assert.equal(
    done.data.matters.map(({ key }: { key: string }) => key),
    ['chain', 'migrations', 'caches', 'slot cdc_world'],
  );
  const told = done.findings.filter(({ code }: { code: string }) => code === 'TO_SETTLE');
  assert.match(JSON.stringify(told), /escrow:reconcile.*db:status.*ops:settle/);
  const open = async () => (await withPostgres(new Secret(url), 'test', readMatters)).map(({ key }) => key);
  assert.equal(await open(), ['chain', 'migrations', 'caches', 'slot cdc_world']);
  const health = await product.ask('health:check');
  assert.match(JSON.stringify(health.data.parts), /to settle: chain.*The chain is ahead/);
  const settled = await product.ask('ops:settle', '--matter', 'caches', '--yes');
  assert.is(settled.code, 0, settled.error?.message);
  await query(url, `INSERT INTO _prisma_migrations VALUES ('2_more', now())`);
  await query(postgres.adminUrl, `SELECT pg_drop_replication_slot('cdc_world')`);
  await query(as('dba', 'world'), `SELECT pg_create_logical_replication_slot('cdc_world', 'pgoutput')`);
  assert.equal(await open(), ['chain'], 'the database tells by itself what is there again');
});

test('beside a database that is frozen; one called postgres; a server that has none of that name', async () => {
  const { product } = await shop('frozen');
  await query(postgres.adminUrl, 'ALTER DATABASE frozen SET default_transaction_read_only = on');
  const beside = await product.ask('db:restore', '--to', 'frozen_look', '--yes');
  assert.is(beside.code, 0, beside.error?.message);
  assert.equal(
    await query(as('owner', 'frozen'), `SELECT DISTINCT event FROM drydock."AuditEvent"`),
    [{ event: 'db:backup' }],
    'nothing was written there',
  );
  await withPostgres(new Secret(as('dba', 'template1')), 'test', (client) =>
    client.query('ALTER DATABASE postgres RENAME TO set_aside'),
  );
  try {
    const { product: other } = await shopBy('dba', 'bare');
    const { code, error } = await other.ask('db:restore', '--in-place', '--yes');
    assert.is(code, 0, error?.message);
    const drill = await other.ask('backup:drill');
    assert.is(drill.code, 0, drill.error?.message ?? JSON.stringify(drill.findings));
    const { product: called } = await shopBy('dba', 'postgres');
    const inPlace = await called.ask('db:restore', '--in-place', '--yes');
    assert.is(inPlace.code, 0, inPlace.error?.message);
    assert.equal(await query(as('owner', 'postgres'), 'SELECT id FROM t'), [{ id: 1 }]);
  } finally {
    await withPostgres(new Secret(as('dba', 'template1')), 'test', async (client) => {
      const { rows } = await client.query(`SELECT datname FROM pg_database WHERE datname LIKE 'postgres%'`);
      for (const { datname } of rows) await client.query(`DROP DATABASE "${datname}" WITH (FORCE)`);
      await client.query('ALTER DATABASE set_aside RENAME TO postgres');
    });
  }
});

/** Where there is no database of the administrator's. */
async function shopBy(admin: string, name: string) {
  await query(as(admin, 'template1'), `CREATE DATABASE ${name} OWNER owner`);
  const url = as('owner', name);
  await query(url, 'CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)');
  const product = makeProduct(url, keys);
  const backup = await product.ask('db:backup');
  assert.is(backup.code, 0, backup.error?.message);
  return { product };
}

test.run();
