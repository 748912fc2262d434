// Uses no service: files and PostgreSQL's parser.
import '@drydock/kit/testing';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { engineVersion } from '../src/engine/load.ts';
import { compareHistory } from '../src/migrations/compare.ts';
import { readMigrations, readSql } from '../src/migrations/folder.ts';
import type { HistoryRow } from '../src/migrations/history.ts';
import { parseStatements } from '../src/migrations/statements.ts';
import { makeTarget } from './world.ts';

const test = suite('migrations');
const migration = (name: string, checksum = 'c') => ({ name, checksum, file: '', sql: '' });
const row = (name: string, more: Partial<HistoryRow> = {}): HistoryRow => ({
  id: name,
  name,
  checksum: 'c',
  startedAt: new Date(),
  finishedAt: new Date(),
  rolledBackAt: null,
  logs: null,
  steps: 1,
  ...more,
});

test('what the folder and the history say of each other', () => {
  const folder = ['a', 'b', 'c', 'd', 'e'].map((name) => migration(name));
  const { attempts, ...state } = compareHistory(folder, [
    row('a'),
    row('b', { checksum: 'other' }),
    row('c', { finishedAt: null, logs: 'boom' }),
    row('gone'),
    row('d', { finishedAt: null, rolledBackAt: new Date() }),
  ]);
  assert.equal(state, {
    applied: ['a', 'b', 'gone'],
    pending: ['d', 'e'],
    failed: [{ name: 'c', logs: 'boom' }],
    edited: ['b'],
    missing: ['gone'],
    squashed: [],
    partly: [],
    squashes: [],
    doubled: [],
    byHand: [],
  });
  assert.equal(
    attempts.map(({ name, failure }) => [name, failure.message]),
    [['c', 'boom']],
  );
});

test('what pg_dump writes for psql alone is told as that', async () => {
  const refused = (sql: string) =>
    parseStatements(sql, 'f.sql').then(
      () => 'nothing',
      ({ code, message, hint }) => `${code} ${message} ${hint}`,
    );
  assert.match(
    await refused('SELECT 1;\n\\restrict abc\n'),
    /MIGRATION_SYNTAX f\.sql:2:1: .* \\restrict is a command of psql/,
  );
  assert.match(await refused('COPY t (n) FROM stdin;\n1\n\\.\n'), /f\.sql:2:1: .*read by psql alone/);
  assert.match(await refused('COPY t FROM stdin;'), /f\.sql:1: .*read by psql alone/);
  assert.match(await refused('SELECT 1;\nCREATE x;'), /Mend the file and run it again/);
});

test('statements are cut where PostgreSQL cuts them, with their lines', async () => {
  const sql =
    '-- a comment; with a semicolon\nCREATE TABLE t (n int);\n\nDO $$ BEGIN PERFORM 1; END $$;\nINSERT INTO t VALUES (1); -- ü\nCREATE INDEX CONCURRENTLY "I x" ON s.t (n);';
  const statements = await parseStatements(sql, 'f.sql');
  assert.equal(
    statements.map(({ line, alone }) => [line, alone]),
    [
      [2, false],
      [4, false],
      [5, false],
      [6, true],
    ],
  );
  assert.equal(statements[3]?.builds, { schema: 's', index: 'I x' });
  assert.is(statements[1]?.sql, 'DO $$ BEGIN PERFORM 1; END $$');
});

test('comments belong to the statement below them', async () => {
  const sql = '-- one\nSELECT 1; -- behind\n\n/* two */\n-- three\nSELECT 2';
  const statements = await parseStatements(sql, 'f.sql');
  assert.equal(
    statements.map(({ sql: text, line, comments }) => [text, line, comments.trim()]),
    [
      ['SELECT 1', 2, '-- one'],
      ['SELECT 2', 6, '-- behind\n\n/* two */\n-- three'],
    ],
  );
});

test('a syntax error names file, line and column', async () => {
  const error = await parseStatements('CREATE TABLE a (n int);\nCREATE TABEL b;', 'm/migration.sql').then(
    () => undefined,
    (thrown: Error) => thrown,
  );
  assert.match(error?.message ?? '', /^m\/migration\.sql:2:8: syntax error at or near "TABEL"/);
});

test('an empty migration has no statement', async () => {
  assert.equal(await parseStatements('-- nothing\n', 'f'), []);
});

test('a folder that is missing and a file that is not UTF-8 are one sentence each', () => {
  const target = makeTarget('postgresql://x@y/z', { '1_bad': '' });
  assert.throws(() => readMigrations(join(target.migrationsDir, 'nowhere')), /does not exist/);
  writeFileSync(join(target.migrationsDir, '1_bad/migration.sql'), Buffer.from([0x53, 0xff, 0xfe]));
  assert.throws(() => readMigrations(target.migrationsDir), /is not UTF-8/);
});

test('a down.sql is read as a migration is: its mark goes, and what is not UTF-8 is refused', () => {
  const target = makeTarget('postgresql://x@y/z', { '1_a': '' });
  const file = join(target.migrationsDir, '1_a/down.sql');
  writeFileSync(file, '\uFEFFSELECT 1;');
  assert.is(readSql(file), 'SELECT 1;');
  writeFileSync(file, Buffer.from([0x53, 0xe9, 0x20]));
  assert.throws(() => readSql(file), /down\.sql is not UTF-8/);
});

test('a folder without its file is no migration to be left out', () => {
  const target = makeTarget('postgresql://x@y/z', { '1_a': '' });
  mkdirSync(join(target.migrationsDir, '2_empty'));
  assert.throws(() => readMigrations(target.migrationsDir), /2_empty has no migration\.sql\./);
});

test('the engine is the build that this version of Prisma wants', () => {
  const lock = readFileSync(join(import.meta.dirname, '../../../pnpm-lock.yaml'), 'utf8');
  assert.match(lock, `@prisma/engines-version@7.10.0-4.${engineVersion()}`);
});

test.run();
