// Uses PostgreSQL.
import { databaseOf, Secret, withPostgres } from '@drydock/kit';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startTestPostgres, type TestPostgres } from '../src/testing/index.ts';

const test = suite('shared PostgreSQL');
let server: TestPostgres;
const before = process.env.DRYDOCK_TEST_POSTGRES;
test.before(async () => {
  server = await startTestPostgres({ own: true });
  process.env.DRYDOCK_TEST_POSTGRES = server.adminUrl;
});
test.after(async () => {
  if (before) process.env.DRYDOCK_TEST_POSTGRES = before;
  else delete process.env.DRYDOCK_TEST_POSTGRES;
  await server.stop();
});

const query = (url: string, sql: string) =>
  withPostgres(new Secret(url), 'test', async (client) => (await client.query(sql)).rows);
const what = () =>
  query(server.adminUrl, 'SELECT datname AS name FROM pg_database UNION ALL SELECT rolname FROM pg_roles ORDER BY 1');

test('who shares a server has databases and a superuser that nobody else has', async () => {
  const [one, other] = await Promise.all([startTestPostgres(), startTestPostgres()]);
  assert.is(one.port, server.port);
  const [first, second, third] = [
    await one.createDatabase(),
    await other.createDatabase(),
    await one.createDatabase('shop'),
  ];
  assert.is(new Set([first, second, third].map((url) => databaseOf(new Secret(url)))).size, 3);
  const me = 'SELECT current_user AS me, rolsuper AS super FROM pg_roles WHERE rolname = current_user';
  const [[a], [b]] = [await query(first, me), await query(second, me)];
  assert.ok(a?.super && b?.super && a.me !== b.me);
  assert.equal(await query(one.adminUrl, me), [a]);
  await Promise.all([one.stop(), other.stop()]);
});

test('one that stops takes along all it made, sessions included, and leaves what others made', async () => {
  const others = await startTestPostgres();
  await others.createDatabase();
  const left = await what();
  const lease = await startTestPostgres();
  const [url, copied] = [await lease.createDatabase(), await lease.createDatabase('a "b"')];
  await query(lease.adminUrl, 'CREATE DATABASE scratch_of_a_task');
  const session = withPostgres(new Secret(url), 'test', (client) => client.query('SELECT pg_sleep(60)'));
  const ended = session.then(
    () => 'well',
    (error: Error) => error.message,
  );
  await query(copied, 'SELECT 1');
  await lease.stop();
  assert.match(await ended, /terminat/);
  assert.equal(await what(), left);
  await others.stop();
});

test('a copy has the rows of its template', async () => {
  const lease = await startTestPostgres();
  const url = await lease.createDatabase();
  await query(url, 'CREATE TABLE kept AS SELECT 7 AS n');
  const copy = await lease.createDatabase('copy', databaseOf(new Secret(url)));
  assert.equal(await query(copy, 'SELECT n FROM kept'), [{ n: 7 }]);
  await lease.stop();
});

test('what fills a database is done once for all who share the server, and each has a copy', async () => {
  const leases = await Promise.all([startTestPostgres(), startTestPostgres()]);
  let filled = 0;
  const fill = async (url: string) => {
    filled++;
    await query(url, 'CREATE TABLE kept AS SELECT 7 AS n');
  };
  const urls = await Promise.all(leases.map((lease) => lease.createFilled('kept', fill)));
  for (const url of urls) {
    assert.equal(await query(url, 'SELECT n FROM kept'), [{ n: 7 }]);
    await query(url, 'DROP TABLE kept');
  }
  await Promise.all(leases.map((lease) => lease.stop()));
  const [later, own] = [await startTestPostgres(), server];
  assert.equal(await query(await later.createFilled('kept', fill), 'SELECT n FROM kept'), [{ n: 7 }]);
  assert.is(filled, 1);
  assert.equal(await query(await own.createFilled('kept', fill), 'SELECT n FROM kept'), [{ n: 7 }]);
  await later.stop();
});

test('who wants a server of its own, or settings, has one', async () => {
  const [own, set] = await Promise.all([
    startTestPostgres({ own: true }),
    startTestPostgres({ settings: { work_mem: '1MB' } }),
  ]);
  assert.is(new Set([own.port, set.port, server.port]).size, 3);
  assert.equal(await query(set.adminUrl, 'SHOW work_mem'), [{ work_mem: '1MB' }]);
  await Promise.all([own.stop(), set.stop()]);
});

test.run();
