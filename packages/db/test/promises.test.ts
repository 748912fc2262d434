// Uses PostgreSQL: what a file leaves open or asks for in vain is found on a copy, before the target is touched.
import { dirname } from 'node:path';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { rehearse, type Target } from '../src/index.ts';
import { applyMigration } from '../src/migrations/apply.ts';
import { readMigrations } from '../src/migrations/folder.ts';
import { makeTarget, query, writeMigration } from './world.ts';

const test = suite('what a file promises and leaves');
let postgres: TestPostgres;
let target: Target;
let number = 0;
const BASE = `
  CREATE TABLE users (id BIGSERIAL PRIMARY KEY, email TEXT, name VARCHAR(20) NOT NULL DEFAULT 'x', CHECK (id > 0));
  CREATE INDEX users_email ON users(email);
  CREATE TABLE posts (id BIGINT PRIMARY KEY, user_id BIGINT REFERENCES users(id));
  CREATE VIEW old_view AS SELECT 1 AS one;
  CREATE SEQUENCE counter INCREMENT 5;
  CREATE SCHEMA "App x"; CREATE TABLE "App x"."T ""q""" (a INT, "B c" TEXT DEFAULT 'y');
  CREATE ROLE left_role; GRANT left_role TO CURRENT_USER;`;

test.before(async () => {
  postgres = await startTestPostgres({ settings: { max_prepared_transactions: '5' } });
  target = makeTarget(await postgres.createDatabase(), { '0_base': BASE });
  const [base] = readMigrations(target.migrationsDir);
  if (!base) throw new Error('the base');
  await applyMigration(target.url, base, target);
  await query(target.url.reveal(), 'INSERT INTO users(email) SELECT n::text FROM generate_series(1, 50) n; ANALYZE');
});
test.after(() => postgres.stop());

const OURS = /^(TRANSACTION_|SESSION_|SKIPPED_|MIGRATION_)/;

/** What is found of these files, each rehearsed behind the one before it. */
async function found(files: string[]): Promise<[string, string, string][][]> {
  const names = files.map((sql) => {
    const name = `${String(++number).padStart(4, '0')}_m`;
    writeMigration(dirname(target.schemaFile), name, sql);
    return name;
  });
  const { findings } = await rehearse(target);
  for (const name of names) writeMigration(dirname(target.schemaFile), name, '');
  return names.map((name) =>
    findings
      .filter(({ code, message }) => OURS.test(code) && message.includes(name))
      .map(({ level, code, message }): [string, string, string] => [level, code, message]),
  );
}

const FATAL: [string, string][] = [
  ['BEGIN;\nALTER TABLE users ADD COLUMN z INT;', 'TRANSACTION_LEFT_OPEN'],
  ['START TRANSACTION;\nSELECT 1;\nCOMMIT AND CHAIN;', 'TRANSACTION_LEFT_OPEN'],
  ['BEGIN;\nSELECT 1;\nSAVEPOINT a;\nROLLBACK TO a;', 'TRANSACTION_LEFT_OPEN'],
  ["BEGIN;\nCREATE TABLE p (a INT);\nPREPARE TRANSACTION 'p';", 'TRANSACTION_LEFT_OPEN'],
  ['COPY users FROM STDIN;\nDELETE FROM users;', 'MIGRATION_SYNTAX'],
  ['SELECT 1;\n\\i other.sql', 'MIGRATION_SYNTAX'],
];

for (const [sql, code] of FATAL)
  test(`it is refused before anything runs: ${sql.replaceAll('\n', ' ')}`, async () => {
    const started = performance.now();
    const [[first] = []] = await found([sql]);
    assert.equal(first?.slice(0, 2), ['error', code]);
    assert.ok(performance.now() - started < 60_000);
    const url = target.url.reveal();
    const migration = { name: 'x', file: 'x/migration.sql', sql, checksum: 'x' };
    const error = await applyMigration(target.url, migration, target).catch((thrown) => thrown);
    assert.is(error.code, code);
    assert.equal(await query(url, "SELECT FROM _prisma_migrations WHERE migration_name = 'x'"), []);
    assert.equal(await query(url, 'SELECT FROM pg_prepared_xacts'), []);
    assert.is((await query(url, 'SELECT FROM users')).length, 50);
  });

test('what a file leaves in its session is told, whether its syntax says so or not', async () => {
  const left: [string, string | undefined][] = [
    ['SET ROLE left_role;', 'warn the role left_role'],
    ["SELECT set_config('role', 'left_role', false);", 'warn the role left_role'],
    ['SET session_replication_role = replica;', 'warn session_replication_role = replica'],
    ["SELECT set_config('search_path', '', false);", "info search_path = ''"],
    ['SELECT pg_advisory_lock(4711);', 'warn the advisory lock 4711'],
    ['DO $$ BEGIN PERFORM pg_advisory_lock(1, 2); END $$;', 'warn the advisory lock 1, 2'],
    ['LISTEN news;', 'info a LISTEN on news'],
    ['DECLARE c CURSOR WITH HOLD FOR SELECT 1;', 'info the open cursor c'],
    ['CREATE TEMPORARY TABLE scrap (a INT);', 'info the temporary scrap'],
    ['PREPARE one AS SELECT 1;', 'info the prepared statement one'],
    ['SELECT 1;', undefined],
    ["SET lock_timeout = '1s'; SET LOCAL ROLE left_role;", undefined],
    ['SET ROLE left_role; SELECT 1; RESET ROLE; SELECT pg_advisory_xact_lock(1);', undefined],
    ['BEGIN; CREATE TEMPORARY TABLE s (a INT) ON COMMIT DROP; COMMIT;', undefined],
  ];
  const all = await found(left.map(([sql]) => sql));
  for (const [i, [sql, expected]] of left.entries()) {
    const said = (all[i] ?? []).map(([level, code, text]) => (code === 'SESSION_LEFT' ? `${level} ${text}` : code));
    if (expected === undefined) assert.equal(said, [], sql);
    else {
      const [level, ...what] = expected.split(' ');
      assert.is(said.length, 1, `${sql}: ${said}`);
      assert.ok(
        said[0]?.startsWith(`${level} `) && said[0].includes(`leaves ${what.join(' ')} behind`),
        `${sql}: ${said}`,
      );
    }
  }
  assert.match((await found(['SELECT pg_advisory_unlock_all();']))[0]?.[0]?.[2] ?? '', "keeps Prisma's CLI away");
});

test('transactions that do not fit together, or undo what the file does, are told', async () => {
  const unbalanced = await found([
    'CREATE TABLE a1 (n INT);\nCOMMIT;',
    'ROLLBACK;',
    'BEGIN;\nBEGIN;\nSELECT 1;\nCOMMIT;',
    'BEGIN;\nCREATE TABLE a2 (n INT);\nROLLBACK;',
    'BEGIN;\nCREATE TABLE a3 (n INT);\nCOMMIT;\nSTART TRANSACTION;\nSELECT 1;\nEND;',
    'BEGIN;\nSAVEPOINT s;\nCREATE TABLE a4 (n INT);\nROLLBACK TO s;\nCOMMIT AND CHAIN;\nSELECT 1;\nCOMMIT;',
  ]);
  assert.equal(
    unbalanced.map((said) => said.map(([level, code]) => `${level} ${code}`).join()),
    [...Array(4).fill('warn TRANSACTION_UNBALANCED'), '', ''],
  );
  assert.match(unbalanced[3]?.[0]?.[2] ?? '', 'rolls back what the file does from line 1 on');
});

test('IF NOT EXISTS of another thing is an error, of the same thing nothing', async () => {
  const cases: [string, string | undefined][] = [
    [
      'CREATE INDEX CONCURRENTLY IF NOT EXISTS users_email ON users(name);',
      'the index users_email is there already, and that is another one: CREATE INDEX users_email ON public.users USING btree (email)',
    ],
    ['CREATE INDEX IF NOT EXISTS users_email ON posts(user_id);', 'that is another one'],
    ['CREATE UNIQUE INDEX IF NOT EXISTS users_email ON users(email);', 'that is another one'],
    ['CREATE INDEX IF NOT EXISTS users_email ON users(email);', undefined],
    ['CREATE INDEX CONCURRENTLY IF NOT EXISTS users_email ON ONLY public.users USING btree (email);', undefined],
    [
      'CREATE INDEX IF NOT EXISTS posts ON users(email);',
      'the table posts is there already, and that is another one: no index',
    ],
    [
      "CREATE TABLE IF NOT EXISTS users (id BIGSERIAL PRIMARY KEY, email TEXT, name VARCHAR(20) NOT NULL DEFAULT 'x', CHECK (id > 0));",
      undefined,
    ],
    ['CREATE TABLE IF NOT EXISTS posts (id BIGINT PRIMARY KEY, user_id BIGINT REFERENCES users(id));', undefined],
    ['CREATE TABLE IF NOT EXISTS users (id BIGINT PRIMARY KEY, phone TEXT);', 'it has no column phone'],
    [
      'CREATE TABLE IF NOT EXISTS posts (id BIGINT PRIMARY KEY, user_id BIGINT REFERENCES users(id) ON DELETE CASCADE);',
      'ON DELETE CASCADE',
    ],
    [
      'CREATE TABLE IF NOT EXISTS posts (id INT PRIMARY KEY);',
      'its column id is bigint NOT NULL, not integer NOT NULL',
    ],
    [
      'CREATE TABLE IF NOT EXISTS old_view (one INT);',
      'the view old_view is there already, and that is another one: no table',
    ],
    ['CREATE TABLE IF NOT EXISTS "App x"."T ""q""" (a INT, "B c" TEXT DEFAULT \'y\');', undefined],
    [
      'CREATE TABLE IF NOT EXISTS "App x"."T ""q""" (a INT, "B c" TEXT DEFAULT \'z\');',
      "its column B c is text DEFAULT 'y'::text, not text DEFAULT 'z'::text",
    ],
    ['ALTER TABLE users ADD COLUMN IF NOT EXISTS email TEXT;', undefined],
    [
      'ALTER TABLE users ADD COLUMN IF NOT EXISTS email INT, ADD COLUMN IF NOT EXISTS fresh1 INT;',
      'the column users.email is there already'.replace('email', '"email"'),
    ],
    ["ALTER TABLE users ADD COLUMN IF NOT EXISTS name VARCHAR(20) NOT NULL DEFAULT 'other';", 'that is another one'],
    ['CREATE SEQUENCE IF NOT EXISTS counter INCREMENT 5;', undefined],
    ['CREATE SEQUENCE IF NOT EXISTS counter;', 'its increment is 5, not 1'],
    ['CREATE TABLE IF NOT EXISTS posts AS SELECT 1 AS id;', 'could not be told'],
    [
      'CREATE TABLE IF NOT EXISTS new_one (a INT); CREATE INDEX IF NOT EXISTS new_one_a ON new_one(a); CREATE SCHEMA IF NOT EXISTS public;',
      undefined,
    ],
    // The files made it: it comes out the same everywhere.
    [
      'CREATE TABLE IF NOT EXISTS made_here (a INT NOT NULL); ALTER TABLE made_here ADD COLUMN IF NOT EXISTS a INT;',
      'warn SKIPPED_IN_SILENCE',
    ],
    ['ALTER TABLE IF EXISTS nowhere ADD COLUMN a INT;', 'is skipped, since there is no nowhere'],
    ['ALTER TABLE IF EXISTS posts ADD COLUMN here INT;', undefined],
    ['CREATE TEMPORARY TABLE IF NOT EXISTS posts (q INT); DROP TABLE pg_temp.posts;', undefined],
  ];
  const all = await found(cases.map(([sql]) => sql));
  for (const [i, [sql, expected]] of cases.entries()) {
    const said = (all[i] ?? []).map(([level, code, text]) => `${level} ${code} ${text}`).join('\n');
    if (expected === undefined) assert.is(said, '', sql);
    else assert.match(said, expected, sql);
    if (expected?.includes('another one')) assert.match(said, 'error SKIPPED_IN_SILENCE', sql);
  }
});

test('an index of another shape under the name that CONCURRENTLY makes fails as it would on the target', async () => {
  const [said] = await found(['CREATE INDEX CONCURRENTLY users_email ON posts(user_id);']);
  assert.match(said?.[0]?.[2] ?? '', 'relation "users_email" already exists. On the target nothing was begun.');
});

test('what a whole history skips on a database that is new is told, and keeps nobody from it', async () => {
  const empty = makeTarget(await postgres.createDatabase(), {
    '1_a': BASE.replace('CREATE ROLE left_role; GRANT left_role TO CURRENT_USER;', ''),
    '2_b': 'CREATE INDEX IF NOT EXISTS users_email ON posts(user_id);',
  });
  const { findings } = await rehearse(empty);
  const skipped = findings.filter(({ code }) => code === 'SKIPPED_IN_SILENCE');
  assert.equal(
    skipped.map(({ level }) => level),
    ['warn'],
  );
  assert.match(skipped[0]?.message ?? '', 'that is another one');
});

test.run();
