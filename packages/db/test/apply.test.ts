// Uses PostgreSQL: what is in effect after a migration, whole or failed, is asked of the database.
import { hintOf } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runDown } from '../src/rollback/down.ts';
import { history, indexes, kill, refusal, worldOn } from './one-migration.ts';
import { query, withClient } from './world.ts';

const test = suite('what a migration leaves in effect');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres();
});
test.after(() => postgres.stop());

const world = (sql: string) => worldOn(postgres, sql);

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

test.run();
