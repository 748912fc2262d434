// Uses PostgreSQL. The operator owns the databases, and is no superuser.
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { dropDatabase, Secret, withPostgres } from '../../src/index.ts';
import { sampleRounds } from '../../src/testing/index.ts';

const test = suite('dropping a database of ours');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres({
    settings: {
      autovacuum_naptime: '1s',
      autovacuum_max_workers: '8',
      autovacuum_vacuum_cost_delay: '100ms',
      autovacuum_vacuum_cost_limit: '1',
      autovacuum_vacuum_threshold: '1',
    },
  });
  await query(postgres.adminUrl, `CREATE ROLE ops LOGIN CREATEDB PASSWORD 'ops'; CREATE ROLE app LOGIN PASSWORD 'app'`);
});
test.after(() => postgres.stop());

const query = (url: string, sql: string) =>
  withPostgres(new Secret(url), 'test', async (client) => (await client.query(sql)).rows);
const as = (user: string, database = 'postgres') => postgres.urlOf(database, { user, password: user });
const drop = (name: string, options = {}) =>
  withPostgres(new Secret(as('ops')), 'test', (client) => dropDatabase(client, name, options));
const isThere = async (name: string) =>
  (await query(postgres.adminUrl, `SELECT 1 FROM pg_database WHERE datname = '${name}'`)).length > 0;
const until = async (what: string, sql: string) => {
  for (let n = 0; (await query(postgres.adminUrl, sql)).length === 0; n++) {
    assert.ok(n < 600, `${what} did not come`);
    await new Promise((done) => setTimeout(done, 50));
  }
};

test('autovacuum is at work in each of fifty, and all of them go', async () => {
  const names = sampleRounds(
    Array.from({ length: 50 }, (_, n) => `churned_${n}`),
    6,
  );
  for (const name of names) {
    await query(as('ops'), `CREATE DATABASE ${name}`);
    await query(
      as('ops', name),
      'CREATE TABLE t AS SELECT n, repeat(md5(n::text), 10) s FROM generate_series(1, 20000) n; DELETE FROM t WHERE n % 2 = 0',
    );
  }
  let met = 0;
  for (const name of names) {
    await until(
      'autovacuum',
      `SELECT 1 FROM pg_stat_activity WHERE datname = '${name}' AND backend_type = 'autovacuum worker'`,
    );
    if (met++ === 0) {
      const forced = await query(as('ops'), `DROP DATABASE ${name} WITH (FORCE)`).catch((error: Error) => error);
      assert.instance(forced, Error, 'with FORCE it would not');
    }
    await drop(name);
    assert.not.ok(await isThere(name), name);
  }
  assert.is(met, names.length);
});

test('sessions of the operator are ended, and nobody comes in between', async () => {
  await query(as('ops'), 'CREATE DATABASE busy');
  let going = true;
  let inside = 0;
  const pool = Array.from({ length: 3 }, async () => {
    while (going)
      await withPostgres(new Secret(as('ops', 'busy')), 'test', async (client) => {
        inside++;
        await client.query('SELECT pg_sleep(30)');
      }).catch(() => new Promise((done) => setTimeout(done, 5)));
  });
  await until(
    'a session',
    `SELECT 1 FROM pg_stat_activity WHERE datname = 'busy' AND usename = 'ops' AND state = 'active'`,
  );
  await drop('busy');
  going = false;
  await Promise.all(pool);
  assert.ok(inside > 0);
  assert.not.ok(await isThere('busy'));
});

test('a session that is not ours to end is waited for; then it is said, and the database is as it was', async () => {
  await query(as('ops'), 'CREATE DATABASE watched');
  await withPostgres(new Secret(postgres.urlOf('watched')), 'test', async () => {
    const error = await drop('watched', { waitMs: 0 }).catch((thrown: Error) => thrown);
    assert.match((error as Error).message, 'is being accessed by other users');
    assert.equal(await query(as('ops', 'watched'), 'SELECT 1 AS n'), [{ n: 1 }], 'it lets people in again');
  });
  await drop('watched');
  assert.not.ok(await isThere('watched'));
  await drop('watched');
});

test('what a subscription keeps is told at once', async () => {
  await query(as('ops'), 'CREATE DATABASE subscribed');
  await query(
    postgres.urlOf('subscribed'),
    `CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p WITH (connect = false, slot_name = NONE)`,
  );
  const started = performance.now();
  const error = await drop('subscribed').catch((thrown: Error) => thrown);
  assert.match((error as Error).message, 'subscription');
  assert.ok(performance.now() - started < 20_000);
  await query(postgres.urlOf('subscribed'), 'DROP SUBSCRIPTION s');
  await drop('subscribed');
});

test.run();
