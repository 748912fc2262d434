// Uses PostgreSQL; what is compared was restored by stock tools.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireTool, Secret } from '@drydock/kit';
import { runStepsForTest } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backupStep } from '../src/backup.ts';
import type { Manifest } from '../src/manifest.ts';
import { DUMP } from '../src/names.ts';
import { findingsWithout } from '../src/restore/accept.ts';
import { compareRestored } from '../src/restore/compare.ts';
import type { FileStore } from '../src/store/file.ts';
import type { BackupTarget } from '../src/target.ts';
import { namesText } from '../src/things.ts';
import { type Keys, keyOf, makeKeys, makeTarget, query, readFinished, temporaryFolder } from './world.ts';

const test = suite('the proof of a restore');
let postgres: TestPostgres;
let keys: Keys;
test.before(async () => {
  [postgres, keys] = await Promise.all([startTestPostgres(), makeKeys()]);
});
test.after(() => postgres.stop());

type Target = BackupTarget & { store: FileStore };

async function backup(sql: string): Promise<{ of: Target; manifest: Manifest; again: () => Promise<Manifest> }> {
  const url = await postgres.createDatabase();
  await query(url, sql);
  const of = makeTarget(url, keys);
  const again = async () => {
    const step = backupStep(of);
    const { results } = await runStepsForTest([step]);
    const manifest = await readFinished(of.store, 'staging', results.of(step).id);
    if (!manifest) throw new Error('a manifest');
    return manifest;
  };
  return { of, manifest: await again(), again };
}

/** With stock tools, so that only the comparison is under test. */
async function restored(of: Target, id: string): Promise<string> {
  const key = join(temporaryFolder(), 'key');
  writeFileSync(key, keys.identity);
  const copy = await postgres.createDatabase();
  const PATH = `${requireTool('pg_restore').replace(/\/[^/]+$/, '')}:${process.env.PATH}`;
  const child = spawn(
    'bash',
    ['--norc', '-o', 'pipefail', '-c', 'age -d -i "$KEY" "$FILE" | zstd -d | pg_restore -d "$DATABASE"'],
    {
      env: { PATH, KEY: key, FILE: of.store.pathOf(keyOf('staging', id, DUMP)), DATABASE: copy },
      stdio: 'ignore',
    },
  );
  const code = await new Promise((done) => child.once('close', done));
  if (code !== 0) throw new Error(`restore ended with ${code}`);
  return copy;
}

test('a database that is written to all the while is backed up as of one moment, counts and checksums included', async () => {
  const rows = 'SELECT n FROM generate_series(1, 20000) n';
  const url = await postgres.createDatabase();
  await query(
    url,
    `CREATE TABLE a (id serial PRIMARY KEY, n int); CREATE TABLE b (id serial PRIMARY KEY, a int); INSERT INTO a (n) ${rows}; INSERT INTO b (a) ${rows}`,
  );
  const of = makeTarget(url, keys);
  let writing = true;
  const writers = [1, 2, 3].map(async () => {
    for (let n = 0; writing; n++)
      await query(
        url,
        // Both tables in one transaction: a snapshot has as many of the one as of the other.
        `WITH x AS (INSERT INTO a (n) VALUES (${n}) RETURNING id) INSERT INTO b (a) SELECT id FROM x; UPDATE a SET n = n + 1 WHERE id = ${(n % 20_000) + 1}`,
      );
  });
  const ids: string[] = [];
  for (let n = 0; n < 3; n++) {
    const step = backupStep(of);
    const { results } = await runStepsForTest([step]);
    ids.push(results.of(step).id);
  }
  writing = false;
  await Promise.all(writers);
  for (const id of ids) {
    const manifest = await readFinished(of.store, 'staging', id);
    if (!manifest) throw new Error('a manifest');
    const [a, b] = manifest.tables ?? [];
    assert.is(a?.rows, b?.rows);
    const { findings } = await compareRestored(new Secret(await restored(of, id)), manifest, { jobs: 2 });
    assert.equal(findings, []);
  }
});

test('what differs from the manifest is found and named: a row, a value, a table, an index, a sequence, a large object, the newest migration', async () => {
  const { of, manifest } = await backup(
    `CREATE TABLE t (id serial PRIMARY KEY, s text); INSERT INTO t (s) SELECT 'x' || n FROM generate_series(1, 100) n; CREATE INDEX i ON t (s); CREATE TABLE u (n numeric);
     CREATE TABLE _prisma_migrations (migration_name text, finished_at timestamptz, rolled_back_at timestamptz); INSERT INTO _prisma_migrations VALUES ('1_first', now()), ('2_second', now());
     SELECT lo_from_bytea(4711, 'one'), lo_from_bytea(4712, 'two')`,
  );
  const restoredOnce = decodeURIComponent((await restored(of, manifest.id)).split('/').at(-1) ?? '');
  const look = async (change: string, options: { access?: boolean } = {}) => {
    const copy = await postgres.createDatabase(undefined, restoredOnce);
    await query(copy, change);
    return (await compareRestored(new Secret(copy), manifest, { jobs: 1, ...options })).findings;
  };
  const codes = async (change: string) => (await look(change)).map(({ code }) => code);
  for (const [change, ...expected] of [
    ['SELECT 1'],
    ['DELETE FROM t WHERE id = 7', 'ROWS_DIFFER'],
    [`UPDATE t SET s = 'y' WHERE id = 7`, 'CHECKSUM_DIFFERS'],
    [`UPDATE t SET s = NULL WHERE id = 7`, 'CHECKSUM_DIFFERS'],
    [`UPDATE t SET s = (SELECT s FROM t WHERE id = 2) WHERE id = 1`, 'CHECKSUM_DIFFERS'],
    [`UPDATE t SET id = id + 100 WHERE id = 1`, 'CHECKSUM_DIFFERS'],
    [`SELECT setval('t_id_seq', 99)`, 'SEQUENCE_DIFFERS'],
    [`SELECT setval('t_id_seq', 100, false)`, 'SEQUENCE_DIFFERS'],
    ['ALTER TABLE t ALTER id DROP DEFAULT; DROP SEQUENCE t_id_seq', 'OBJECTS_DIFFER', 'SEQUENCE_DIFFERS'],
    ['DROP TABLE u', 'TABLE_MISSING', 'OBJECTS_DIFFER'],
    ['CREATE TABLE v (n int)', 'TABLE_UNKNOWN', 'OBJECTS_DIFFER'],
    ['DROP INDEX i', 'OBJECTS_DIFFER'],
    [`SELECT lo_put(4711, 1, 'x')`, 'LARGE_OBJECTS_DIFFER'],
    ['SELECT lo_unlink(4712)', 'LARGE_OBJECTS_DIFFER'],
    [`SELECT lo_create(4713)`, 'LARGE_OBJECTS_DIFFER'],
    [
      `UPDATE _prisma_migrations SET rolled_back_at = now() WHERE migration_name = '2_second'`,
      'CHECKSUM_DIFFERS',
      'HEAD_DIFFERS',
    ],
    [`INSERT INTO _prisma_migrations VALUES ('3_third', now())`, 'ROWS_DIFFER', 'HEAD_DIFFERS'],
  ] as const)
    assert.equal(await codes(change), expected, change);
  // As many of each kind, and others: a restore that lost one of these would have passed.
  for (const [change, says] of [
    ['DROP INDEX i; CREATE INDEX i ON t (s DESC)', 'and not the same by index: public.i.'],
    ['ALTER TABLE t ENABLE ROW LEVEL SECURITY', 'table: public.t.'],
    ['GRANT SELECT ON u TO PUBLIC', 'right: public.u.'],
    [
      'DROP INDEX i; CREATE INDEX j ON t (s); GRANT SELECT ON u TO PUBLIC',
      'index, right: public.i, public.j, public.u.',
    ],
  ] as const) {
    const findings = await look(change);
    assert.equal(
      findings.map(({ code }) => code),
      ['OBJECTS_DIFFER'],
      change,
    );
    assert.match(findings[0]?.message ?? '', says);
  }
  const [owned] = await look('DROP INDEX i; CREATE INDEX i ON t (s DESC); GRANT SELECT ON u TO PUBLIC', {
    access: false,
  });
  assert.match(owned?.message ?? '', 'and not the same by index: public.i.', 'without rights none are named');
  const [fewer] = await look(
    'DROP INDEX i; CREATE TABLE a (n int); CREATE TABLE b (n int); CREATE TABLE c (n int); CREATE TABLE d (n int); CREATE TABLE e (n int)',
  ).then((all) => all.filter(({ code }) => code === 'OBJECTS_DIFFER'));
  assert.match(
    fewer?.message ?? '',
    /8 tables are there, the backup has 3.*: public\.a, public\.b, public\.c, public\.d, public\.e and 1 more\./,
  );
});

test('a backup of before names were kept, and one of another major version, name what they can', () => {
  const manifest = { serverVersion: '15.1', things: { 'public.a': '1:', 'public.b': '2:' } } as unknown as Manifest;
  const live = { things: { 'public.a': '9:', 'public.c': '3:' } };
  assert.is(namesText(manifest, { ...live, major: 15 }), ': public.a, public.b, public.c');
  assert.is(namesText(manifest, { ...live, major: 16 }), ': public.b, public.c');
  assert.is(namesText({ serverVersion: '15.1' } as Manifest, { ...live, major: 15 }), '');
});

test('where some objects are left out by --accept, it is said that what there is was not compared', () => {
  const found = [
    { level: 'error', code: 'OBJECTS_DIFFER', message: '' },
    { level: 'error', code: 'ROWS_DIFFER', message: '' },
  ] as const;
  const codes = (out: unknown[]) => findingsWithout([...found], out).map(({ code }) => code);
  assert.equal(codes([]), ['OBJECTS_DIFFER', 'ROWS_DIFFER']);
  assert.equal(codes(['one']), ['ROWS_DIFFER', 'OBJECTS_NOT_COMPARED']);
});

test.run();
