// Uses PostgreSQL. What a migration destroys is seen on the copy, whatever statement did it, and only the operator waives it.
import { dirname } from 'node:path';
import { sampleRounds } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Hazard } from '../src/hazards/types.ts';
import { type Rehearsal, rehearse } from '../src/index.ts';
import type { Content } from '../src/rehearsal/fill.ts';
import { makeProduct } from './product.ts';
import { makeTarget, query, writeMigration } from './world.ts';

const test = suite('destroyed rows');
let postgres: TestPostgres;
let url: string;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
  url = await postgres.createDatabase();
  await query(url, BASE);
});
test.after(() => postgres.stop());

const BASE = `
  CREATE SCHEMA legacy;
  CREATE TABLE legacy.old (id BIGINT PRIMARY KEY, name TEXT);
  INSERT INTO legacy.old SELECT n, 'x' FROM generate_series(1, 500) n;
  CREATE TABLE big (id BIGSERIAL PRIMARY KEY, a INT, b TEXT);
  INSERT INTO big (a) SELECT n FROM generate_series(1, 2000) n;
  CREATE TABLE child (id BIGINT PRIMARY KEY, big_id BIGINT REFERENCES big (id) ON DELETE CASCADE);
  INSERT INTO child SELECT n, n FROM generate_series(1, 100) n;
  CREATE TABLE ev (id BIGINT, y INT) PARTITION BY LIST (y);
  CREATE TABLE ev_1 PARTITION OF ev FOR VALUES IN (1);
  CREATE TABLE ev_2 PARTITION OF ev FOR VALUES IN (2);
  INSERT INTO ev SELECT n, 1 FROM generate_series(1, 50) n;
  CREATE MATERIALIZED VIEW mv AS SELECT a FROM big;
  CREATE TYPE address AS (street TEXT, zip TEXT);
  CREATE TABLE person (id BIGINT PRIMARY KEY, home address);
  INSERT INTO person VALUES (1, ('a', 'b'));
  CREATE TABLE nobody (id BIGINT PRIMARY KEY, home address);
  CREATE FUNCTION wipe() RETURNS void LANGUAGE plpgsql AS 'BEGIN TRUNCATE legacy.old; END';
  CREATE PROCEDURE wipe_deep() LANGUAGE plpgsql AS 'BEGIN PERFORM wipe(); END';
  CREATE FUNCTION wipe_any(t text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE format('TRUNCATE %s', t); END $$;
  SELECT lo_from_bytea(0, 'one'), lo_from_bytea(0, 'two');
  ANALYZE;`;

async function losses(sql: string, content: Content = 'copy'): Promise<string[]> {
  const target = makeTarget(url, {}, '');
  writeMigration(dirname(target.schemaFile), '1', sql);
  return told(await rehearse(target, { content }));
}
const told = ({ findings }: Pick<Rehearsal, 'findings'>) =>
  findings
    .filter(({ code }) => code === 'DESTROYS_ROWS' || code === 'SEQUENCE_RESET' || code === 'MIGRATION_FAILED')
    .map(({ message, ...found }) => `${(found as Hazard).line} ${message.replace(/^\S+ (\S+ \S+).*/s, '$1')}`)
    .map((line) => line.replace(/,$/, ''))
    .sort();

/** What goes, and the statement's line, on a copy with rows and on one without. */
const GONE: [sql: string, expected: string[], without?: string[]][] = [
  ['DROP SCHEMA legacy CASCADE;', ['1 destroys legacy.old']],
  [`SELECT 1;\nDO $$ BEGIN EXECUTE 'DROP TABLE legacy.old'; END $$;`, ['2 destroys legacy.old']],
  [`DO $$ BEGIN EXECUTE 'DROP TABLE leg' || 'acy.old'; END $$;`, ['1 destroys legacy.old']],
  ['DO $$ BEGIN TRUNCATE legacy.old; END $$;', ['1 destroys legacy.old']],
  ['SELECT wipe();', ['1 destroys legacy.old']],
  ['CALL wipe_deep();', ['1 destroys legacy.old']],
  [`SELECT wipe_any('legacy.old');`, ['1 destroys legacy.old'], ['1 may empty']],
  ['DO $$ BEGIN DELETE FROM legacy.old; END $$;', ['1 destroys legacy.old']],
  ['DELETE FROM legacy.old WHERE id > 10;', ['1 deletes 490'], []],
  ['WITH gone AS (DELETE FROM legacy.old RETURNING id) SELECT count(*) FROM gone;', ['1 destroys legacy.old'], []],
  ['DELETE FROM big;', ['1 destroys big', '1 destroys child'], ['1 destroys big']],
  ['DROP TABLE ev_1;', ['1 destroys ev_1']],
  ['DROP TABLE ev;', ['1 destroys ev', '1 destroys ev_1']],
  ['DROP MATERIALIZED VIEW mv;', ['1 destroys mv']],
  ['ALTER TYPE address DROP ATTRIBUTE zip;', ['1 destroys person."home"']],
  [`DO $$ BEGIN EXECUTE 'ALTER TABLE big DROP COLUMN a CASCADE'; END $$;`, ['1 destroys big."a"', '1 destroys mv']],
  ['BEGIN;\nDROP TABLE legacy.old;\nCOMMIT;', ['2 destroys legacy.old']],
  ['SELECT lo_unlink(oid) FROM pg_largeobject_metadata;', ['1 destroys 2'], []],
  [`SELECT setval('big_id_seq', 1);`, ['1 makes big_id_seq'], []],
  ['ALTER SEQUENCE big_id_seq RESTART;', ['1 makes big_id_seq'], []],
];
const WITHOUT = sampleRounds(
  GONE.map(([sql]) => sql),
  8,
);
for (const [sql, expected, without = expected] of GONE)
  test(`is told: ${sql.replaceAll('\n', ' ')}`, async () => {
    assert.equal(await losses(sql), expected);
    if (WITHOUT.includes(sql)) assert.equal(await losses(sql, 'schema'), without, 'on a copy without rows');
  });

test('what keeps the rows, or most of them, destroys nothing', async () => {
  for (const sql of [
    'ALTER TABLE legacy.old RENAME TO older; ALTER TABLE legacy.older SET SCHEMA public;',
    'ALTER TABLE legacy.old ALTER COLUMN name TYPE VARCHAR(10);',
    'DELETE FROM legacy.old WHERE id <= 10;',
    'ALTER TABLE ev DETACH PARTITION ev_1;',
    'DROP TABLE ev_2; DROP TABLE nobody; ALTER TABLE big DROP COLUMN b;',
    `DO $$ BEGIN IF false THEN DROP TABLE legacy.old; TRUNCATE legacy.old; END IF; END $$;`,
    'UPDATE big SET a = a + 1; VACUUM FULL big;',
    `SELECT setval('big_id_seq', 100000);`,
    'CREATE FUNCTION later() RETURNS void LANGUAGE plpgsql AS $$ BEGIN TRUNCATE legacy.old; END $$;',
  ])
    assert.equal(await losses(sql), [], sql);
});

test('a comment in the file does not waive it; the operator and the configuration do', async () => {
  const own = await postgres.createDatabase();
  const product = makeProduct(own, 'model T {\n  id BigInt @id\n}\n', {
    '1': 'CREATE TABLE "T" ("id" BIGINT NOT NULL, CONSTRAINT "T_pkey" PRIMARY KEY ("id"));',
  });
  await product.run('db:deploy', '--yes');
  await query(own, 'CREATE TABLE legacy (n int); INSERT INTO legacy VALUES (1)');
  product.write('2', '-- drydock:ignore DESTROYS_ROWS, DROPS_USED: tidy\nDROP TABLE legacy;', '');
  const dry = await product.ask('db:dry-run');
  assert.is(dry.code, 3);
  const [found] = dry.findings.filter(({ code }: { code: string }) => code === 'DESTROYS_ROWS');
  assert.is(found.level, 'error');
  assert.match(found.message, /the file's own drydock:ignore \("tidy"\) does not waive that/);
  assert.equal(
    dry.data.ignored.map(({ code }: { code: string }) => code),
    ['DROPS_USED'],
    'another code is waived as before',
  );
  const refused = await product.ask('db:deploy', '--yes');
  assert.is(refused.code, 4);
  assert.is(refused.error.code, 'DESTROYS_ROWS');
  assert.is((await query(own, 'SELECT FROM legacy')).length, 1);
  assert.is((await product.run('db:dry-run', '--accept', 'DESTROYS_ROWS')).code, 0);
  assert.is((await product.run('db:dry-run', '--accept', 'NONSENSE')).code, 2);
  assert.is((await product.run('db:deploy', '--yes', '--accept', 'DESTROYS_ROWS')).code, 0);
  const allowed = makeTarget(url, { '1': 'DROP TABLE legacy.old;' }, '');
  const { findings } = await rehearse({ ...allowed, hazards: { DESTROYS_ROWS: 'off' } });
  assert.not.ok(findings.some(({ code }) => code === 'DESTROYS_ROWS'));
});

test.run();
