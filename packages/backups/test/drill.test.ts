// Uses PostgreSQL; the tasks run as processes.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { databaseOf, Secret } from '@drydock/kit';
import { taskProcesses } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Drill, drillTable } from '../src/drill/log.ts';
import { DUMP } from '../src/names.ts';
import { type Keys, keyOf, makeKeys, makeProduct, query } from './world.ts';

const test = suite('backup drill');
let postgres: TestPostgres;
let keys: Keys;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
  keys = await makeKeys();
});
test.after(() => postgres.stop());

async function shop(env: Record<string, string> = {}) {
  const url = await postgres.createDatabase();
  await query(url, `CREATE TABLE orders AS SELECT n AS id FROM generate_series(1, 500) n`);
  const product = makeProduct(url, keys, { env });
  mkdirSync(join(product.root, 'drills'));
  writeFileSync(join(product.root, 'drills/orders.sql'), 'SELECT id FROM orders LIMIT 1');
  return { url, product };
}
/** What is recorded of each drill, and what the document will say of it. */
async function drills(url: string) {
  const events = await query(
    url,
    `SELECT metadata FROM drydock."AuditEvent" WHERE event = 'backup.drill' ORDER BY seq`,
  );
  return events.map(({ metadata }: { metadata: Drill }) => ({
    ...metadata,
    cells: drillTable.cells('staging', metadata).join(' | '),
  }));
}
const scratches = () => query(postgres.adminUrl, `SELECT datname FROM pg_database WHERE datname LIKE '%_drill_%'`);

test('a drill restores, proves, measures, records it in the database alone, and drops its copy', async () => {
  const { url, product } = await shop();
  assert.is((await product.ask('backup:status')).code, 3);
  const backup = await product.ask('db:backup');
  const drill = await product.ask('backup:drill');
  assert.is(drill.code, 0, JSON.stringify(drill.error));
  const { rto, rpo, tables, rows, queries } = drill.data;
  assert.ok(rto > 0 && rpo >= 0);
  assert.equal([tables, rows, queries], [1, 500, 1]);
  const [recorded] = await drills(url);
  assert.equal([recorded?.passed, recorded?.rows], [true, 500]);
  assert.match(
    recorded?.cells ?? '',
    new RegExp(`^20\\S+ \\S+ \\| staging \\| ${backup.data.id} \\|.* \\| 1 \\| 500 \\| 1 \\| passed$`),
  );
  assert.not(existsSync(join(product.root, 'docs')), 'the checkout stays as it was');
  assert.equal(await scratches(), []);
  const status = await product.ask('backup:status');
  assert.is(status.code, 0, JSON.stringify(status.findings));
  assert.ok(status.data.stores[0].nextDrill > new Date(Date.now() + 89 * 86_400_000).toISOString());
  assert.match(JSON.stringify((await product.ask('backup:prune', '--plan')).data), 'proved by a drill');
});

test('a damaged backup, and a query that brings nothing, are the answer no, and are written down', async () => {
  const { url, product } = await shop();
  const { data } = await product.ask('db:backup');
  writeFileSync(join(product.root, 'drills/nothing.sql'), 'SELECT 1 WHERE false');
  const empty = await product.ask('backup:drill');
  assert.is(empty.code, 3);
  assert.is(empty.findings[0].code, 'DRILL_FAILED');
  assert.match(empty.findings[0].message, 'nothing.sql brings no row');
  const file = product.store.pathOf(keyOf('staging', data.id, DUMP));
  const bytes = readFileSync(file);
  writeFileSync(file, bytes.fill(0, bytes.length - 20));
  // Another process: one that has held it once goes on with what it held.
  const damaged = await taskProcesses(product.root).ask('backup:drill');
  assert.is(damaged.code, 3);
  const [nothing, broken] = await drills(url);
  assert.match(nothing?.cells ?? '', /FAILED: The query nothing\.sql/);
  assert.match(broken?.cells ?? '', /FAILED: The backup .* is damaged: its stored bytes have another SHA-256/);
  assert.equal(await scratches(), []);
  assert.is((await product.ask('backup:status')).code, 3, 'no drill has passed');
});

test('a backup that there is nothing to compare with is not proved: exit 3 with the reason, no mark, and it is written down so', async () => {
  const { url, product } = await shop();
  const { data } = await product.ask('db:backup', '--checksums', 'off');
  const drill = await product.ask('backup:drill');
  assert.is(drill.code, 3);
  assert.equal(
    drill.findings.map(({ code }: { code: string }) => code),
    ['DRILL_UNPROVED'],
  );
  assert.match(drill.findings[0].message, 'was made with --checksums off');
  assert.match((await drills(url))[0]?.cells ?? '', 'NOT PROVED: The backup was made with --checksums off');
  assert.is((await product.ask('backup:status')).findings[0].code, 'DRILL_OVERDUE');
  const marks = (await product.store.list(`strange/staging/${data.id}/`)).filter(({ key }) => key.includes('drill-'));
  assert.equal(marks, []);
});

test('queries of a drill only read: what else a file holds is refused before anything is restored', async () => {
  const { url, product } = await shop();
  await product.ask('db:backup');
  const name = databaseOf(new Secret(url));
  const file = join(product.root, 'drills/zz.sql');
  for (const sql of [
    `SET TRANSACTION READ WRITE; CREATE TABLE wrote (id int); COMMIT; ALTER DATABASE ${name} SET work_mem = '9MB'; SELECT 1;`,
    `COMMIT; BEGIN READ WRITE; DELETE FROM orders; COMMIT; SELECT 1;`,
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`,
  ]) {
    writeFileSync(file, sql);
    const drill = await product.ask('backup:drill');
    assert.is(drill.error.code, 'READ_ONLY_ONLY', sql);
  }
  // What writes from within a query is refused by the server, and is the query's fault.
  writeFileSync(file, `SELECT setval('s', 7)`);
  await query(url, 'CREATE SEQUENCE s');
  await product.ask('db:backup');
  const drill = await product.ask('backup:drill');
  assert.is(drill.code, 3);
  assert.match(drill.findings[0].message, 'zz.sql fails: cannot execute setval() in a read-only transaction');
  assert.equal(await query(url, 'SHOW work_mem'), [{ work_mem: '4MB' }]);
  assert.equal(await scratches(), []);
});

test('queries of a drill run as the role that may only read, where there is one', async () => {
  const read = await postgres.createDatabase('readable');
  // One of two logins that work as one role.
  await query(
    postgres.adminUrl,
    `CREATE ROLE reader; CREATE ROLE reader_a LOGIN PASSWORD 'reader-password' IN ROLE reader; ALTER ROLE reader_a SET role = 'reader'`,
  );
  const reader = new URL(read);
  Object.assign(reader, { username: 'reader_a', password: 'reader-password' });
  const { product } = await shop({ READ_DATABASE_URL: reader.href });
  await product.ask('db:backup');
  writeFileSync(
    join(product.root, 'drills/who.sql'),
    `SELECT id FROM orders WHERE current_user = 'reader' AND NOT has_table_privilege('orders', 'DELETE') LIMIT 1`,
  );
  const drill = await product.ask('backup:drill');
  assert.is(drill.code, 0, JSON.stringify(drill.findings));
});

test('a drill on another server, named by a variable; a URL on the command line is refused', async () => {
  const elsewhere = await startTestPostgres({ own: true });
  try {
    const { product } = await shop({ DRILL_DATABASE_URL: await elsewhere.createDatabase('drills') });
    await product.ask('db:backup');
    const drill = await product.ask('backup:drill', '--target-url', 'DRILL_DATABASE_URL');
    assert.is(drill.code, 0, JSON.stringify(drill.error ?? drill.findings));
    const url = await product.ask('backup:drill', '--target-url', 'postgresql://a:b@127.0.0.1/c');
    assert.equal([url.code, url.error.code], [2, 'TARGET_URL_MALFORMED']);
  } finally {
    await elsewhere.stop();
  }
});

test('without the private key nothing was tried, and nothing is written down', async () => {
  const { product } = await shop();
  await product.ask('db:backup');
  const env = join(product.root, '.env.staging');
  writeFileSync(env, readFileSync(env, 'utf8').replace(/BACKUP_IDENTITY.*\n/, ''));
  const drill = await product.ask('backup:drill');
  assert.ok([1, 2].includes(drill.code));
  assert.match(drill.error.message, 'BACKUP_IDENTITY');
  assert.equal(await scratches(), []);
});

test.run();
