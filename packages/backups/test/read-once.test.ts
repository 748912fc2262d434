// Uses PostgreSQL, and pg_stat_statements; pg_dump is stood in for by scripts around the real one.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { databaseOf, requireTool, Secret } from '@drydock/kit';
import { runTaskForTest, whenThorough } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import backupTask from '../scripts/backup.ts';
import drillTask from '../scripts/drill.ts';
import restoreTask from '../scripts/restore.ts';
import type { Manifest } from '../src/manifest.ts';
import { compareRestored } from '../src/restore/compare.ts';
import { type Keys, makeKeys, makeProduct, query, temporaryFolder } from './world.ts';

const test = suite('one reading');
let postgres: TestPostgres;
let keys: Keys;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
  keys = await makeKeys();
});
test.after(() => postgres.stop());

async function shop(content: string, shell: Record<string, string> = {}) {
  const url = await postgres.createDatabase();
  await query(url, content);
  const name = databaseOf(new Secret(url));
  const product = makeProduct(url, keys, { shell });
  /** In this process: most of what is tried here needs none of its own. */
  const run = async (task: Parameters<typeof runTaskForTest>[0], ...argv: string[]) => {
    const { outcome, error } = await runTaskForTest(task, product.root, ['--env', 'staging', ...argv]);
    // biome-ignore lint/suspicious/noExplicitAny: what a task tells is its own.
    return { error, ok: error === undefined && outcome?.ok !== false, data: outcome?.data as any };
  };
  return { url, name, product, run, other: (to: string) => url.replace(/[^/]+$/, to) };
}

const MIGRATIONS = `CREATE TABLE _prisma_migrations (id text PRIMARY KEY, checksum text, finished_at timestamptz, "odd, (name)" text, migration_name text NOT NULL, logs text, rolled_back_at timestamptz);
  INSERT INTO _prisma_migrations VALUES ('1', 'x', now(), NULL, '20260101000000_first', NULL, NULL), ('2', 'x', now(), E'a\\tb', E'20260102000000_b\\\\c', E'x\\ny', NULL),
    ('3', 'x', NULL, NULL, '20260103000000_failed', NULL, NULL), ('4', 'x', now(), NULL, '20260104000000_undone', NULL, now());`;
/** Of every form in which rows lie. */
const FORMS = `CREATE SCHEMA "Odd one"; CREATE TABLE "Odd one"."a.b" (id int PRIMARY KEY, s text); INSERT INTO "Odd one"."a.b" SELECT n, repeat('x', n % 300) || E'\\n' FROM generate_series(1, 3000) n;
  CREATE TABLE parts (id int, k text) PARTITION BY LIST (k); CREATE TABLE parts_a PARTITION OF parts FOR VALUES IN ('a'); CREATE TABLE parts_rest PARTITION OF parts DEFAULT; INSERT INTO parts SELECT n, chr(97 + n % 3) FROM generate_series(1, 200) n;
  CREATE TABLE parent (n int); CREATE TABLE child (m int) INHERITS (parent); INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2, 3);
  CREATE TABLE nothing (); INSERT INTO nothing DEFAULT VALUES; CREATE TABLE empty (n int); CREATE VIEW v AS SELECT * FROM parts; CREATE MATERIALIZED VIEW m AS SELECT count(*) FROM parts;
  CREATE TABLE serials (id serial PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED); INSERT INTO serials SELECT FROM generate_series(1, 50);
  SELECT lo_from_bytea(0, decode(repeat('ab', 100000), 'hex')) FROM generate_series(1, 3);`;

test("a backup reads each table's rows by COPY once, and by nothing else", async () => {
  const { url, product } = await shop(`${MIGRATIONS}${FORMS} CREATE EXTENSION pg_stat_statements; ANALYZE`);
  // The run's own tables are made, and looked at, by the first.
  assert.is((await product.ask('db:backup')).code, 0);
  await query(url, 'SELECT pg_stat_reset(); SELECT pg_stat_statements_reset()');
  const { data, code } = await product.ask('db:backup');
  assert.is(code, 0);
  assert.is(data.migrationHead, '20260102000000_b\\c');
  const OURS = `schemaname NOT IN ('drydock', 'pg_catalog', 'information_schema', 'pg_toast')`;
  const scans = await query(
    url,
    `SELECT relname AS name, seq_scan::int AS scans, seq_tup_read::int AS rows, coalesce(idx_scan, 0)::int AS by_index FROM pg_stat_all_tables WHERE ${OURS} ORDER BY 1`,
  );
  const rows = new Map<string, number>(
    data.tables.map((table: { name: string; rows: number }) => [table.name, table.rows]),
  );
  const names = [
    '_prisma_migrations',
    'a.b',
    'child',
    'empty',
    'nothing',
    'parent',
    'parts_a',
    'parts_rest',
    'serials',
  ];
  const nameOf = (name: string) => (name === 'a.b' ? '"Odd one"."a.b"' : `public.${name}`);
  assert.equal(
    scans.filter(({ name }: { name: string }) => name !== 'm' && name !== 'parts'),
    names.map((name) => ({ name, scans: 1, rows: rows.get(nameOf(name)), by_index: 0 })),
  );
  const statements = (await query(
    url,
    `SELECT query, calls::int AS calls FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND query ~ '(a\\.b|_prisma_migrations|child|empty|nothing|parent|parts|serials)' AND query !~* '(pg_|^lock|serials_id_seq|to_regclass)'`,
  )) as { query: string; calls: number }[];
  assert.is(statements.length, 9, JSON.stringify(statements));
  for (const statement of statements) assert.match(statement.query, /^COPY /);
  assert.equal([...new Set(statements.map(({ calls }) => calls))], [1]);
});

test('what was dumped comes back equal, by the stream in a restore and by reading it again in a drill, with one job and with two', async () => {
  const { name, run } = await shop(
    `${FORMS} CREATE TABLE wide (id int PRIMARY KEY, s text); ALTER TABLE wide ALTER s SET STORAGE PLAIN;
     INSERT INTO wide SELECT n, repeat('x', (n * 7919) % 5000) FROM generate_series(1, 2000) n; UPDATE wide SET s = s || 'y' WHERE id % 5 = 0`,
  );
  assert.ok((await run(backupTask)).ok);
  const rows = 3000 + 200 + 3 - 1 + 1 + 50 + 2000;
  for (const jobs of ['1', '2']) {
    const restored = await run(restoreTask, '--to', `${name}_${jobs}`, '--jobs', jobs, '--yes');
    assert.equal([restored.error, restored.data?.provedBy, restored.data?.rows], [undefined, 'checksums', rows]);
    const drill = await run(drillTask, '--jobs', jobs);
    assert.equal([drill.ok, drill.data?.rows, drill.data?.faults], [true, rows, []], jobs);
  }
});

test('a table whose rows lie in another order is the same, and one of other rows is not', async () => {
  const { url, name, run, other } = await shop(
    'CREATE TABLE t (n int, s text); INSERT INTO t SELECT n, n::text FROM generate_series(1, 100) n',
  );
  const { data } = await run(backupTask);
  await run(restoreTask, '--to', `${name}_again`, '--yes');
  const copy = other(`${name}_again`);
  const manifest = data as Manifest;
  const plain = async function* () {
    yield await dumpOf(url);
  };
  const look = async (change: string) => {
    await query(copy, change);
    const { findings } = await compareRestored(new Secret(copy), manifest, { jobs: 2, plain });
    return findings.map(({ code }) => code);
  };
  assert.equal(
    await look(
      'CREATE TABLE x AS SELECT * FROM t ORDER BY n DESC; TRUNCATE t; INSERT INTO t SELECT * FROM x; DROP TABLE x',
    ),
    [],
  );
  assert.equal(await look(`UPDATE t SET s = 'other' WHERE n = 7`), ['CHECKSUM_DIFFERS']);
  assert.equal(await look('DELETE FROM t WHERE n = 7'), ['ROWS_DIFFER']);
  assert.equal(
    await look('INSERT INTO t SELECT 8, s FROM t WHERE n = 8'),
    ['CHECKSUM_DIFFERS'],
    'one twice, another gone',
  );
});

async function dumpOf(url: string): Promise<Buffer> {
  const { execFileSync } = await import('node:child_process');
  return execFileSync(requireTool('pg_dump'), ['-Fc', '-Z0', url], { maxBuffer: 1 << 28 });
}

test('dates beyond any timestamp, what a function made before it was another, money, other settings of the database', async () => {
  const { name, run } = await shop(
    `CREATE TABLE d (d date, t timestamptz); INSERT INTO d VALUES ('999999-01-01', 'infinity'), ('4713-01-01 BC', '2026-07-01 12:00+02');
     CREATE FUNCTION vat(net numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT net * 1.19'; CREATE TABLE vats (net numeric, gross numeric GENERATED ALWAYS AS (vat(net)) STORED);
     INSERT INTO vats VALUES (100); CREATE OR REPLACE FUNCTION vat(net numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT net * 1.16';
     CREATE DOMAIN price AS money; CREATE TABLE prices (p price, m money[]); INSERT INTO prices VALUES ('1234.5', ARRAY['2'::money]); CREATE TABLE b (b bytea); INSERT INTO b VALUES ('\\x00ff41')`,
  );
  await query(
    postgres.adminUrl,
    `ALTER DATABASE ${name} SET bytea_output = 'escape'; ALTER DATABASE ${name} SET timezone = 'Asia/Tokyo'`,
  );
  assert.is((await run(backupTask)).error, undefined);
  assert.is((await run(restoreTask, '--to', `${name}_again`, '--yes')).error, undefined);
  const drill = await run(drillTask);
  assert.equal([drill.error, drill.data?.faults], [undefined, []]);
});

const large = whenThorough(test);
large('a large object of more than a gigabyte', async () => {
  const { name, run } = await shop(`SELECT lo_put(lo_create(1), 1200000000, 'x')`);
  assert.is((await run(backupTask)).error, undefined);
  assert.is((await run(restoreTask, '--to', `${name}_again`, '--yes')).error, undefined);
  const drill = await run(drillTask);
  assert.equal([drill.error, drill.data?.faults], [undefined, []]);
});

/** A pg_dump that does something else with what the real one is asked, or says. */
function dumping(line: string): Record<string, string> {
  const path = join(temporaryFolder(), 'pg_dump');
  const real = requireTool('pg_dump');
  writeFileSync(
    path,
    `#!/bin/sh\ncase "$1" in --version) exec ${real} --version;; esac\n${line.replaceAll('REAL', real)}\n`,
    { mode: 0o700 },
  );
  return { PG_DUMP_PATH: path };
}

test('a dump that lacks the rows of a table is no backup', async () => {
  const { product } = await shop(
    'CREATE TABLE t AS SELECT 1 AS n; CREATE TABLE u AS SELECT 2 AS n',
    dumping('exec REAL --exclude-table-data=public.u "$@"'),
  );
  const { code, error } = await product.ask('db:backup');
  assert.equal([code, error.code], [1, 'DUMP_SHORT']);
  assert.match(error.message, 'pg_dump has left out the rows of 1 table: public.u.');
  assert.equal((await product.ask('backup:list')).data.stores[0].count, 0);
});

test('a dump of a format to come is a backup that says that its rows were not counted', async () => {
  // The minor version of the archive is its seventh byte.
  const { product } = await shop(
    'CREATE TABLE t AS SELECT 1 AS n',
    dumping(`REAL "$@" | { head -c 6; head -c 1 > /dev/null; printf '\\143'; cat; }`),
  );
  const { code, data, findings } = await product.ask('db:backup');
  assert.equal([code, data.tables, findings.map(({ code: one }: { code: string }) => one)], [0, null, ['NOT_SUMMED']]);
});

test('what pg_dump says of a failure is told', async () => {
  const { url, name } = await shop('CREATE TABLE t (n int)');
  await query(
    url,
    `CREATE ROLE weak_one LOGIN PASSWORD 'p'; GRANT SELECT ON t TO weak_one; ALTER TABLE t ENABLE ROW LEVEL SECURITY; GRANT CREATE ON DATABASE ${name} TO weak_one`,
  );
  const weak = makeProduct(url.replace(/\/\/[^@]+@/, '//weak_one:p@'), keys);
  const { error } = await runTaskForTest(backupTask, weak.root, ['--env', 'staging', '--yes']);
  assert.is(error?.code, 'DUMP_FAILED');
  assert.match(error?.message ?? '', 'query would be affected by row-level security policy for table "t"');
});

test.run();
