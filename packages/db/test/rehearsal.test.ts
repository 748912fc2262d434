// Uses PostgreSQL: what a rehearsal finds, on which copy, and what it leaves.
import { dirname } from 'node:path';
import { hintOf } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { serveSchemaEngine } from '../src/engine/serve.ts';
import { rehearse } from '../src/index.ts';
import { readMigrations } from '../src/migrations/folder.ts';
import { ALL, freshOn, refusal, SCHEMA, USERS } from './users.ts';
import { makeTarget, query, withClient, writeMigration } from './world.ts';

const test = suite('a rehearsal');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
});
test.after(() => postgres.stop());

const fresh = (migrations?: Record<string, string>, schema?: string) => freshOn(postgres, migrations, schema);
const scratches = () =>
  query(postgres.adminUrl, `SELECT datname FROM pg_database WHERE datname LIKE 'drydock_scratch_%'`);

test('a rehearsal applies what is pending to a copy and leaves the target as it was', async () => {
  const target = await fresh();
  const { migrations, findings, state } = await rehearse(target);
  assert.equal(state.pending, ['1_users', '2_names', '3_index']);
  assert.equal(
    migrations.map(({ name, statements }) => [name, statements.length]),
    [
      ['1_users', 1],
      ['2_names', 1],
      ['3_index', 1],
    ],
  );
  assert.equal(
    findings.map(({ code }) => code),
    ['INTEGER_KEY'],
  );
  assert.equal(
    await query(target.url.reveal(), `SELECT FROM information_schema.tables WHERE table_schema = 'public'`),
    [],
    'not even the history table was made',
  );
  assert.equal(await scratches(), []);
});

test('a rehearsal tells the locks on tables that exist, and what would hurt those with rows', async () => {
  const target = await fresh({ '1_users': USERS }, '');
  await query(target.url.reveal(), `${USERS} INSERT INTO "Users" SELECT generate_series(1, 100)`);
  await query(
    target.url.reveal(),
    'CREATE TABLE _prisma_migrations (id VARCHAR(36) PRIMARY KEY, checksum VARCHAR(64) NOT NULL, finished_at TIMESTAMPTZ, migration_name VARCHAR(255) NOT NULL, logs TEXT, rolled_back_at TIMESTAMPTZ, started_at TIMESTAMPTZ NOT NULL DEFAULT now(), applied_steps_count INTEGER NOT NULL DEFAULT 0)',
  );
  const [users] = readMigrations(target.migrationsDir);
  await query(
    target.url.reveal(),
    `INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at) VALUES ('1', '${users?.checksum}', '1_users', now())`,
  );
  const root = dirname(target.schemaFile);
  writeMigration(root, '2_add', 'ALTER TABLE "Users" ADD COLUMN "a" INT;');
  writeMigration(root, '3_rewrite', 'ALTER TABLE "Users" ALTER COLUMN "id" TYPE BIGINT;');
  writeMigration(
    root,
    '4_index',
    'CREATE INDEX "I" ON "Users"("a");\nCREATE TABLE "New" (n int);\nCREATE INDEX "J" ON "New"(n);',
  );
  const { migrations, findings } = await rehearse(target);
  const [lock] = migrations[0]?.statements[0]?.locks ?? [];
  assert.equal([lock?.relation, lock?.mode], ['"Users"', 'AccessExclusiveLock']);
  assert.ok((lock?.heldMs ?? -1) >= 0);
  assert.equal(migrations[0]?.statements[0]?.rewritten, [], 'a new column without a default rewrites nothing');
  assert.equal(migrations[1]?.statements[0]?.rewritten, ['"Users"']);
  assert.equal(
    findings
      .filter(({ code }) => code !== 'DRIFT' && code !== 'NO_LOCK_TIMEOUT')
      .map(({ code, message }) => [code, /^\S+/.exec(message)?.[0]]),
    [
      ['TYPE_CHANGE', '3_rewrite:1'],
      ['INDEX_NOT_CONCURRENT', '4_index:1'],
    ],
    'the index on the new table is no hazard',
  );
});

test('a rehearsal works while others are connected to the target', async () => {
  const target = await fresh();
  await withClient(target.url.reveal(), async () => {
    assert.is((await rehearse(target)).copy, 'full');
  });
});

test('a rehearsal finds a migration that fails, by file and line', async () => {
  const target = await fresh({ '1_users': USERS, '2_bad': 'SELECT 1;\nALTER TABLE "Nobody" ADD COLUMN n INT;' });
  const { findings } = await rehearse(target);
  assert.is(findings[0]?.code, 'MIGRATION_FAILED');
  assert.match(findings[0]?.message ?? '', /2_bad\/migration\.sql.*relation "Nobody" does not exist/);
  assert.equal(await scratches(), []);
});

test('a rehearsal finds that the migrations do not make the schema', async () => {
  const target = await fresh({ '1_users': USERS });
  assert.is((await rehearse(target)).findings[0]?.code, 'DRIFT');
});

test('a copy that a kill left behind is swept by the next run', async () => {
  await query(postgres.adminUrl, 'CREATE DATABASE drydock_scratch_01left');
  await rehearse(await fresh());
  assert.equal(await scratches(), []);
});

test('a role without CREATEDB is told what to grant', async () => {
  await query(postgres.adminUrl, `CREATE ROLE poor LOGIN PASSWORD 'poor-password'`);
  await query(postgres.adminUrl, 'CREATE DATABASE poor OWNER poor');
  const target = makeTarget(postgres.urlOf('poor', { user: 'poor', password: 'poor-password' }), ALL, SCHEMA);
  const error = await refusal(rehearse(target));
  assert.equal([error?.code, error?.exit], ['NO_CREATEDB', 2]);
  assert.match(hintOf(error), /ALTER ROLE "poor" CREATEDB.*database\.scratch\.url/);
});

test('a server that has no database postgres for us is served all the same, by the engine too', async () => {
  const target = await fresh();
  const outside = postgres.urlOf('template1');
  const open = (may: boolean) =>
    query(outside, `UPDATE pg_database SET datallowconn = ${may} WHERE datname = 'postgres'`);
  const named = () => query(outside, `SELECT FROM pg_database WHERE datname = 'made'`);
  const engine = (command: string) =>
    serveSchemaEngine(['--datasource', JSON.stringify({ url: postgres.urlOf('made') }), 'cli', command]);
  await open(false);
  try {
    assert.is((await rehearse(target)).copy, 'template');
    assert.equal([await engine('create-database'), (await named()).length], [0, 1]);
    assert.is(await engine('can-connect-to-database'), 0);
    assert.equal([await engine('drop-database'), (await named()).length], [0, 0]);
  } finally {
    await open(true);
  }
});

test.run();
