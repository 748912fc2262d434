// Uses PostgreSQL: roles, settings, locks and strings of one file are not those of its record, nor of the next file.
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { withMigrations } from '../src/migrations/apply.ts';
import { readMigrations } from '../src/migrations/folder.ts';
import { history, kill, refusal, worldOn } from './one-migration.ts';
import { makeTarget, query } from './world.ts';

const test = suite('the session of a migration');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
});
test.after(() => postgres.stop());

const world = (sql: string) => worldOn(postgres, sql);

test('what a file has set before a kill is set again for what follows', async () => {
  const { url, target, apply } = await world(
    "SET search_path = other;\nSELECT set_config('application_name', 'kept', false);\nBEGIN;\nSET search_path = nowhere;\nROLLBACK;\nVACUUM public.users;\nCREATE TABLE placed (by TEXT DEFAULT current_setting('application_name'));\nINSERT INTO placed SELECT current_setting('application_name');",
  );
  await query(url, 'CREATE SCHEMA other; CREATE SCHEMA nowhere');
  await kill(url, target, 6);
  await apply();
  assert.equal(await query(url, 'SELECT "by" FROM other.placed'), [{ by: 'kept' }]);
});

test('a role, a user, a path and a mode that a file leaves are not those of its record, nor of the next file', async () => {
  const owner = await postgres.createDatabase();
  await query(owner, 'CREATE ROLE app_owner; GRANT CREATE ON SCHEMA public TO app_owner; CREATE SCHEMA other');
  const files = {
    '1_role': 'SET ROLE app_owner;\nCREATE TABLE mine (id INT);',
    '2_next': 'CREATE TABLE ours (id INT);',
    '3_user': 'SET SESSION AUTHORIZATION app_owner;\nCREATE TABLE his (id INT);',
    '4_path': "SELECT pg_catalog.set_config('search_path', '', false);\nCREATE TABLE public.dumped (id INT);",
    '5_next': 'CREATE TABLE again (id INT);',
    '6_pieces':
      'SET ROLE app_owner;\nCREATE TABLE mine2 (id INT);\nCREATE INDEX CONCURRENTLY mine2_id ON mine2(id);\nCREATE TABLE mine3 (id INT);',
    '7_only': 'SET default_transaction_read_only = on;\nVACUUM ours;',
    '8_deferred':
      "CREATE FUNCTION who() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN EXECUTE format('CREATE TABLE %I ()', 'by_' || current_user); RETURN NULL; END $$;\nALTER TABLE mine OWNER TO app_owner;\nCREATE CONSTRAINT TRIGGER t AFTER INSERT ON mine DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION who();\nSET ROLE app_owner;\nINSERT INTO mine VALUES (1);",
  };
  const target = makeTarget(owner, files);
  await withMigrations(target.url, async (session) => {
    for (const migration of readMigrations(target.migrationsDir)) await session.apply(migration, target);
  });
  assert.ok((await history(owner)).every(({ done }) => done));
  const owners = await query(
    owner,
    `SELECT relname AS name, relowner::regrole::text AS owner FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> '_prisma_migrations'`,
  );
  assert.equal(Object.fromEntries(owners.map(({ name, owner }) => [name, owner])), {
    mine: 'app_owner',
    ours: 'drydock',
    his: 'app_owner',
    dumped: 'drydock',
    again: 'drydock',
    mine2: 'app_owner',
    mine3: 'app_owner',
    by_app_owner: 'app_owner',
  });
});

test('an advisory lock that a file takes is given back behind it, and that of Prisma is not', async () => {
  const url = await postgres.createDatabase();
  const target = makeTarget(url, {
    '1_take':
      'SELECT pg_advisory_lock(42), pg_advisory_lock(42), pg_advisory_lock_shared(-7), pg_advisory_lock(1, -2);',
    '2_all': 'SELECT pg_advisory_unlock_all();',
    '3_end': 'SELECT 1;',
  });
  const held = () =>
    query(
      url,
      `SELECT objid::int8 AS id FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    );
  await withMigrations(target.url, async (session) => {
    const [take, all, end] = readMigrations(target.migrationsDir);
    if (!take || !all || !end) throw new Error('three migrations');
    await session.apply(take, target);
    assert.is((await held()).length, 4);
    await session.apply(all, target);
    assert.equal(await held(), [], 'the file has given all of them back');
    await session.apply(end, target);
    assert.equal(await held(), [{ id: '72707369' }]);
  });
});

test('strings are read as they were cut, whatever the role, the database and the file set', async () => {
  const url = await postgres.createDatabase();
  await query(
    url,
    'ALTER DATABASE "test_0" SET standard_conforming_strings = off'.replace('test_0', new URL(url).pathname.slice(1)),
  );
  const off = "SELECT set_config('standard_conforming_strings', 'off', false);";
  const target = makeTarget(url, {
    '1_t': `CREATE TABLE t (a TEXT);\nINSERT INTO t VALUES (E'one\\\\');`,
    '1_unsaid': `INSERT INTO t VALUES ('one\\\\');`,
    '2_off': `SET standard_conforming_strings = off;\nINSERT INTO t VALUES ('two\\'; DELETE FROM t; --');\nSET standard_conforming_strings = on;\nINSERT INTO t VALUES ('three\\');`,
    '3_pieces': `SET standard_conforming_strings = off;\nINSERT INTO t VALUES ('four\\'; DELETE FROM t; --');\nVACUUM t;\nINSERT INTO t VALUES ('five\\'');`,
    '4_hidden': `${off}\nINSERT INTO t VALUES ('six\\'); -- ');`,
    '5_plain': `DO $$ BEGIN PERFORM set_config('standard_conforming_strings', 'off', false); END $$;\nINSERT INTO t VALUES (E'sev\\'en;');\nINSERT INTO t VALUES ('eight');`,
  });
  await withMigrations(target.url, async (session) => {
    for (const migration of readMigrations(target.migrationsDir)) {
      const work = session.apply(migration, target);
      if (!['4_hidden', '1_unsaid'].includes(migration.name)) await work;
      else assert.is((await refusal(work)).code, 'MIGRATION_UNSURE');
    }
  });
  const rows = await query(url, 'SELECT a FROM t');
  assert.equal(
    rows.map(({ a }) => a),
    ['one\\', "two'; DELETE FROM t; --", 'three\\', "four'; DELETE FROM t; --", "five'", "sev'en;", 'eight'],
  );
});

test.run();
