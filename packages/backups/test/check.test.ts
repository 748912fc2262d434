// Uses PostgreSQL; the tasks run whole, in this process.
import { runTaskForTest } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import backupTask from '../scripts/backup.ts';
import checkTask from '../scripts/check.ts';
import { type Keys, makeKeys, makeProduct, query } from './world.ts';

const test = suite('backup:check');
let postgres: TestPostgres;
let keys: Keys;
test.before(async () => {
  postgres = await startTestPostgres();
  keys = await makeKeys();
});
test.after(() => postgres.stop());

const HISTORY = `CREATE TABLE _prisma_migrations (id text, migration_name text, finished_at timestamptz, rolled_back_at timestamptz);
  INSERT INTO _prisma_migrations VALUES ('1', '20260101000000_first', now(), NULL);`;

async function shop(sql: string, backups: object = {}) {
  const url = await postgres.createDatabase();
  await query(url, sql);
  const product = makeProduct(url, keys, { backups });
  const run = (task: Parameters<typeof runTaskForTest>[0]) => runTaskForTest(task, product.root, ['--env', 'staging']);
  const check = async () => {
    const { outcome, error } = await run(checkTask);
    if (error) throw error;
    return [outcome?.ok !== false, ...(outcome?.findings ?? []).map(({ code }) => code)];
  };
  return { url, run, check };
}

test('the newest backup has what the database has, and what it does not have is named', async () => {
  const { url, run, check } = await shop(`${HISTORY} CREATE TABLE t (n int); INSERT INTO t VALUES (1)`);
  assert.equal(await check(), [false, 'BACKUP_OVERDUE']);
  assert.is((await run(backupTask)).error, undefined);
  assert.equal(await check(), [true]);
  for (const [change, back] of [
    ['CREATE INDEX i ON t (n)', 'DROP INDEX i'],
    ['ALTER TABLE t ALTER n SET DEFAULT 7', 'ALTER TABLE t ALTER n DROP DEFAULT'],
    ['GRANT SELECT ON t TO PUBLIC', 'REVOKE ALL ON t FROM PUBLIC'],
  ] as const) {
    await query(url, change);
    assert.equal(await check(), [false, 'BACKUP_DIFFERS'], change);
    await query(url, back);
  }
  await query(url, 'CREATE TABLE u (n int)');
  assert.equal([...new Set(await check())], [false, 'BACKUP_DIFFERS']);
  // A migration makes it another database: there the backup is not compared, and that is said.
  await query(url, `INSERT INTO _prisma_migrations VALUES ('2', '20260102000000_u', now(), NULL)`);
  assert.equal(await check(), [true, 'BACKUP_BEHIND']);
});

test('a table of which far fewer rows were backed up than there are is named, by the statistics alone', async () => {
  const { url, run, check } = await shop('CREATE TABLE t (n int)');
  await run(backupTask);
  await query(url, 'INSERT INTO t SELECT generate_series(1, 5000)');
  // Statistics arrive when the session that made them has ended.
  while ((await query(url, `SELECT n_live_tup::int AS n FROM pg_stat_user_tables WHERE relname = 't'`))[0].n < 5000)
    await new Promise((done) => setTimeout(done, 50));
  const [{ scans }] = await query(url, `SELECT seq_scan::int AS scans FROM pg_stat_user_tables WHERE relname = 't'`);
  assert.equal(await check(), [true, 'ROWS_FEWER']);
  const [after] = await query(url, `SELECT seq_scan::int AS scans FROM pg_stat_user_tables WHERE relname = 't'`);
  assert.is(after.scans, scans, 'no row is read');
});

test.run();
