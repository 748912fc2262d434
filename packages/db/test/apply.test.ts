// Uses PostgreSQL: what is in effect after a migration, whole or failed, is asked of the database.

import { command, type OpsError } from '@drydock/kit';
import { hintOf } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { diffToSchema } from '../src/drift.ts';
import { readState } from '../src/index.ts';
import { type ApplyOptions, applyMigration, withMigrations } from '../src/migrations/apply.ts';
import { type Migration, readMigrations } from '../src/migrations/folder.ts';
import { runDown } from '../src/rollback/down.ts';
import { inventoryOf } from '../src/schema/inventory.ts';
import type { Target } from '../src/target.ts';
import { makeTarget, query, withClient } from './world.ts';

const test = suite('what a migration leaves in effect');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres({ settings: { max_prepared_transactions: '5' } });
});
test.after(() => postgres.stop());

const USERS = 'CREATE TABLE users (id BIGINT PRIMARY KEY, email TEXT, name TEXT);';
const ROWS = "INSERT INTO users SELECT n, 'same', 'n' || n FROM generate_series(1, 3) n;";

/** A database with users and their rows, and this migration. */
async function world(
  sql: string,
): Promise<{ target: Target; url: string; apply: (options?: Partial<ApplyOptions>) => Promise<unknown> }> {
  const url = await postgres.createDatabase();
  await query(url, USERS + ROWS);
  const target = makeTarget(url, { '1_m': sql });
  const [migration] = readMigrations(target.migrationsDir);
  if (!migration) throw new Error('a migration');
  return { target, url, apply: (options) => applyMigration(target.url, migration, { lockTimeoutMs: 500, ...options }) };
}

function first(target: Target): Migration {
  const [migration] = readMigrations(target.migrationsDir);
  if (!migration) throw new Error('a migration');
  return migration;
}
const refusal = (work: Promise<unknown>) =>
  work.then(
    () => {
      throw new Error('it went through');
    },
    (error) => error as OpsError,
  );
const history = (url: string) =>
  query(
    url,
    'SELECT migration_name AS name, applied_steps_count AS steps, finished_at IS NOT NULL AS done FROM _prisma_migrations',
  );
const indexes = (url: string) =>
  query(
    url,
    `SELECT c.relname AS name, i.indisvalid AS valid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = 'users'::regclass AND NOT i.indisprimary ORDER BY 1`,
  );
/** As a kill leaves it that comes between a statement and its record. */
async function kill(url: string, target: Target, steps: number): Promise<void> {
  const [migration] = readMigrations(target.migrationsDir);
  await withMigrations(target.url, (session) =>
    session.apply({ name: '0_none', file: '', sql: '', checksum: 'x' }, { lockTimeoutMs: 500 }),
  );
  await query(
    url,
    `INSERT INTO _prisma_migrations (id, checksum, migration_name, applied_steps_count) VALUES ('k', '${migration?.checksum}', '1_m', ${steps})`,
  );
}

test('a failure in a transaction of the file leaves nothing of it, and that is said', async () => {
  const { url, apply } = await world(
    `BEGIN;\nALTER TABLE users ADD COLUMN a INT;\nALTER TABLE users ADD COLUMN b INT;\nALTER TABLE users ALTER COLUMN email TYPE INT USING email::int;\nCOMMIT;`,
  );
  const error = await refusal(apply());
  assert.match(
    error.message,
    '1_m/migration.sql:4:1: invalid input syntax for type integer: "same". Nothing of it is in effect.',
  );
  assert.match(error.message, 'Its own transaction (lines 1 to 4) was rolled back.');
  assert.not.match(hintOf(error), 'Undo by hand');
  assert.is((await query(url, `SELECT FROM information_schema.columns WHERE table_name = 'users'`)).length, 3);
});

test('what committed before a transaction that is rolled back counts, and nothing else', async () => {
  const { apply } = await world(
    `ALTER TABLE users ADD COLUMN a INT;\nBEGIN;\nALTER TABLE users ADD COLUMN b INT;\nSELECT 1 / 0;\nCOMMIT;`,
  );
  const error = await refusal(apply());
  assert.match(
    error.message,
    'Its first statement is in effect, the rest is not. Its own transaction (lines 2 to 4) was rolled back.',
  );
  assert.match(hintOf(error), 'Undo by hand what is in effect');
});

test('a unique index that could not be built is named as left invalid, with the key that is there twice', async () => {
  const { url, apply } = await world('CREATE UNIQUE INDEX CONCURRENTLY users_e ON users(email);');
  const error = await refusal(apply());
  assert.match(error.message, 'could not create unique index "users_e" (Key (email)=(same) is duplicated)');
  assert.match(error.message, 'The index users_e is left INVALID; the next attempt drops it and builds it anew.');
  assert.equal(await indexes(url), [{ name: 'users_e', valid: false }]);
  await query(url, 'UPDATE users SET email = id::text; UPDATE _prisma_migrations SET rolled_back_at = now()');
  await apply();
  assert.equal(await indexes(url), [{ name: 'users_e', valid: true }]);
});

test('what PostgreSQL adds to an error is shown: which view is in the way', async () => {
  const { url, apply } = await world('ALTER TABLE users ALTER COLUMN email TYPE VARCHAR(10);');
  await query(url, 'CREATE VIEW mails AS SELECT email FROM users');
  assert.match((await refusal(apply())).message, 'view mails depends on column "email"');
});

test('an index that is there under the name of another is no index that was built', async () => {
  for (const [there, asked] of [
    ['CREATE UNIQUE INDEX i ON users(email, id)', 'CREATE INDEX CONCURRENTLY i ON users(name);'],
    ['CREATE INDEX i ON users(email)', 'CREATE INDEX CONCURRENTLY i ON users(email) WHERE id > 1;'],
    ['CREATE TABLE others (name TEXT); CREATE INDEX i ON others(name)', 'CREATE INDEX CONCURRENTLY i ON users(name);'],
    // The very same, but no attempt of ours made it.
    ['CREATE INDEX i ON users(email)', 'CREATE INDEX CONCURRENTLY i ON users(email);'],
  ]) {
    const { url, apply } = await world(asked ?? '');
    await query(url, there ?? '');
    assert.match((await refusal(apply())).message, 'relation "i" already exists', asked);
  }
});

test('after a kill the index that the file asks for counts as built, and another is refused', async () => {
  for (const [there, asked, built] of [
    ['ON users(email)', 'ON users(email)', true],
    [
      'ON users USING btree (lower(email), name DESC) INCLUDE (id) WHERE id > 1',
      'ON "public".users (lower(users.email), name DESC) INCLUDE (id) WHERE users.id > 1',
      true,
    ],
    ['ON users USING hash (email)', 'ON users USING hash (email)', true],
    ['ON users(email)', 'ON users(name)', false],
    ['ON users(email)', 'ON users(email DESC)', false],
    ['ON users(email)', 'ON users(email text_pattern_ops)', false],
    ['ON users(email)', 'ON users(email COLLATE "C")', false],
    ['ON users(email)', 'ON users(email) WHERE id > 1', false],
    ['ON users(email)', 'ON users(email) INCLUDE (id)', false],
  ] as [string, string, boolean][]) {
    const { url, target, apply } = await world(`SELECT 1;\nCREATE INDEX /* on */ CONCURRENTLY i ${asked};`);
    await query(url, `CREATE INDEX i ${there}`);
    await kill(url, target, 1);
    if (built) await apply();
    else assert.match((await refusal(apply())).message, 'relation "i" already exists', asked);
  }
});

test('an invalid index is only dropped where it is the one that the file asks for', async () => {
  const { url, apply } = await world('CREATE INDEX CONCURRENTLY i ON users(name);');
  await query(
    url,
    `CREATE INDEX i ON users(email); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i'::regclass`,
  );
  assert.match((await refusal(apply())).message, 'already exists');
  assert.equal(await indexes(url), [{ name: 'i', valid: false }], 'it is still there');
});

test('a DROP INDEX CONCURRENTLY that a kill came behind is done', async () => {
  const { url, target, apply } = await world('DROP INDEX CONCURRENTLY gone;\nALTER TABLE users ADD COLUMN a INT;');
  await kill(url, target, 0);
  await apply();
  assert.is((await history(url)).at(-1)?.done, true);
});

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

test('whoever keeps a migration waiting is named, and CONCURRENTLY waits as long as it is given', async () => {
  const { target, url, apply } = await world('SELECT 1;\nCREATE INDEX CONCURRENTLY i ON users(email);');
  await withClient(url, async (snapshot) => {
    await snapshot.query(`SET application_name = 'the long report'`);
    await snapshot.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM users');
    const { rows } = await snapshot.query('SELECT pg_backend_pid() AS pid');
    const said: string[] = [];
    const error = await refusal(
      apply({
        concurrentlyWaitMs: 6_000,
        onWait: (text) => said.push(text),
        again: command('db:deploy', { resume: '01' }),
      }),
    );
    assert.is(error.code, 'LOCK_NOT_AVAILABLE');
    const whom = new RegExp(
      `pid ${rows[0].pid} \\(the long report, drydock, idle in transaction, for \\d+ s\\): SELECT pg_backend_pid`,
    );
    assert.match(error.message, whom);
    assert.match(
      error.message,
      'Its first statement is in effect, the rest is not. The index i is left INVALID; the next attempt drops it',
    );
    assert.match(hintOf(error), 'go on: npm run db:deploy -- --resume 01');
    assert.is(said.length, 1);
    assert.match(said[0] ?? '', whom);
    await snapshot.query('COMMIT');
  });
  await applyMigration(target.url, first(target), {
    lockTimeoutMs: 500,
  });
  assert.equal(await indexes(url), [{ name: 'i', valid: true }]);
  assert.equal(await history(url), [{ name: '1_m', steps: 1, done: true }]);
});

test('who holds the table is named while it is asked for again, and who holds the lock of Prisma', async () => {
  const { target, url, apply } = await world('ALTER TABLE users ADD COLUMN a INT;');
  await withClient(url, async (other) => {
    await other.query(`SET application_name = 'the reader'; BEGIN; SELECT FROM users`);
    let whom: string | undefined;
    const applied = apply({
      onRetry(_, __, text) {
        whom ??= text;
        void other.query('COMMIT');
      },
    });
    await applied;
    assert.match(whom ?? '', 'the reader, drydock, idle in transaction');
    await other.query('SELECT pg_advisory_lock(72707369)');
    const error = await refusal(applyMigration(target.url, first(target), target));
    assert.is(error.exit, 5);
    assert.match(error.message, /held by pid \d+ \(the reader/);
  });
});

test('looking waits for nobody for ever, and names who holds a table altogether', async () => {
  const { target, url, apply } = await world('SELECT 1;');
  await apply();
  await withClient(url, async (other) => {
    await other.query(`SET application_name = 'the holder'; BEGIN; LOCK TABLE users, _prisma_migrations`);
    const work = [readState(target), inventoryOf(target.url), diffToSchema(target.url, target.schemaFile)];
    for (const error of await Promise.all(work.map(refusal))) {
      assert.equal([error.code, error.exit], ['LOCK_NOT_AVAILABLE', 5], error.message);
      assert.match(error.message, /locked altogether, by pid \d+ \(the holder, drydock, idle in transaction/);
    }
  });
});

test('a session that is cut off is asked about in a new one: nothing, a part, or all of it', async () => {
  const cut = 'SELECT pg_terminate_backend(pg_backend_pid());';
  const whole = await world(`ALTER TABLE users ADD COLUMN a INT;\n${cut}`);
  assert.match(
    (await refusal(whole.apply())).message,
    'terminating connection due to administrator command. Nothing of it was applied.',
  );
  const part = await world(`ALTER TABLE users ADD COLUMN a INT;\nVACUUM users;\n${cut}`);
  assert.match((await refusal(part.apply())).message, 'Its first 2 statements are in effect, the rest is not.');
  // A trigger ends the session behind the COMMIT of another one's record: all of it is there.
  const all = await world('ALTER TABLE users ADD COLUMN a INT;');
  await kill(all.url, all.target, 0);
  await query(all.url, 'DELETE FROM _prisma_migrations');
  await withClient(all.url, async (other) => {
    await other.query('BEGIN; LOCK TABLE users IN ACCESS SHARE MODE');
    const applying = all.apply({ lockTimeoutMs: 60_000 });
    let pid: number | undefined;
    while (pid === undefined) {
      const { rows } = await other.query(`SELECT pid FROM pg_locks WHERE relation = 'users'::regclass AND NOT granted`);
      pid = rows[0]?.pid;
    }
    await other.query('SELECT pg_terminate_backend($1)', [pid]);
    assert.match((await refusal(applying)).message, 'Nothing of it was applied.');
    await other.query('COMMIT');
  });
});

test('a down.sql in pieces that was cut off goes on behind its last statement', async () => {
  const { target, url, apply } = await world(
    'ALTER TABLE users ADD COLUMN a INT;\nCREATE INDEX CONCURRENTLY i ON users(email);',
  );
  await apply();
  const down =
    'DROP INDEX CONCURRENTLY i;\nALTER TABLE users DROP COLUMN a;\nVACUUM users;\nINSERT INTO gate VALUES (1);';
  const error = await refusal(runDown(target.url, { name: '1_m', sql: down }, target));
  assert.is(error.code, 'DOWN_FAILED');
  assert.match(
    error.message,
    'failed in line 4: relation "gate" does not exist. Its first 3 statements are in effect, the rest is not.',
  );
  await query(url, 'CREATE TABLE gate (n INT)');
  await runDown(target.url, { name: '1_m', sql: down }, target);
  assert.equal(await query(url, 'SELECT rolled_back_at IS NOT NULL AS undone, logs FROM _prisma_migrations'), [
    { undone: true, logs: null },
  ]);
  assert.is((await query(url, 'SELECT FROM gate')).length, 1);
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
