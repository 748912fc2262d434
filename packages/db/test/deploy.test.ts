// Uses PostgreSQL, and the stock Prisma CLI on the engine that needs no download.
import { execFile } from 'node:child_process';
import { appendFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { hintOf, runStepsForTest } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { deploySteps, planDeploy, readState, rehearse, type Target } from '../src/index.ts';
import { applyMigration } from '../src/migrations/apply.ts';
import { readMigrations } from '../src/migrations/folder.ts';
import { promisedByApplied } from '../src/verify/verify.ts';
import { ALL, freshOn, INDEX, NAMES, refusal, USERS } from './users.ts';
import { deployNodes, makeTarget, query, withClient, writeMigration } from './world.ts';

const ROOT = join(import.meta.dirname, '../../..');
const test = suite('db deploy');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
});
test.after(() => postgres.stop());

const fresh = (migrations?: Record<string, string>, schema?: string) => freshOn(postgres, migrations, schema);
const deploy = async (target: Target) => runStepsForTest(await deployNodes(target));
const dump = (url: string) =>
  query(
    url,
    `SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2`,
  );

test('what must come first in a transaction comes first, in whichever way a file is run', async () => {
  const target = await fresh({ '1_users': USERS }, 'model Users {\n  id Int @id\n}\n');
  await deploy(target);
  const ours = (level: string) => `SET TRANSACTION ISOLATION LEVEL ${level};\nINSERT INTO "Users"`;
  const asked = `SELECT 1 / (current_setting('transaction_isolation') = `;
  for (const [name, sql] of Object.entries({
    '2_own': `BEGIN;\n-- one snapshot\n${ours('REPEATABLE READ')} ${asked}'repeatable read')::int;\nCOMMIT;`,
    '3_first': `${ours('SERIALIZABLE')} ${asked}'serializable')::int + 1;`,
  }))
    writeMigration(dirname(target.schemaFile), name, sql);
  const { findings } = await rehearse(target);
  assert.equal(
    findings.filter(({ level }) => level !== 'info').map(({ code, message }) => `${code} ${message}`),
    [],
  );
  await deploy(target);
  assert.equal(await query(target.url.reveal(), 'SELECT id FROM "Users" ORDER BY 1'), [{ id: 1 }, { id: 2 }]);
  assert.equal((await promisedByApplied(target)).findings, []);
});

test('a deploy applies everything and proves it', async () => {
  const target = await fresh();
  const { entries } = await deploy(target);
  assert.equal((await readState(target)).pending, []);
  assert.ok(entries.some(({ event, step }) => event === 'step.done' && step === 'verify'));
});

/** The stock CLI on this repository's own migrations. */
const prisma = (url: string, ...args: string[]) =>
  promisify(execFile)(join(ROOT, 'node_modules/.bin/prisma'), args, {
    cwd: ROOT,
    env: { ...process.env, OPS_DATABASE_URL: url },
  }).then(({ stdout }) => stdout);
const ours = (url: string): Target => ({
  ...makeTarget(url, {}),
  schemaFile: join(ROOT, 'prisma/schema.prisma'),
  migrationsDir: join(ROOT, 'prisma/migrations'),
});

test('after our deploy prisma migrate status agrees', async () => {
  const url = await postgres.createDatabase();
  await deploy(ours(url));
  assert.match(await prisma(url, 'migrate', 'status'), 'Database schema is up to date!');
});

test('after prisma migrate deploy we agree', async () => {
  const url = await postgres.createDatabase();
  assert.match(await prisma(url, 'migrate', 'deploy'), 'All migrations have been successfully applied');
  assert.equal((await planDeploy(ours(url))).pending, []);
  await deploy(ours(url));
});

test('a second deploy finds nothing to do', async () => {
  const target = await fresh();
  await deploy(target);
  assert.equal((await planDeploy(target)).pending, []);
});

test('temporary tables, of a migration and of whoever is connected, are no structure that anybody promised', async () => {
  const target = await fresh(
    { '1_users': USERS, '2_rows': 'SELECT id INTO TEMP TABLE aside FROM "Users"; DROP TABLE aside;' },
    'model Users {\n  id Int @id\n}\n',
  );
  await withClient(target.url.reveal(), async (other) => {
    await other.query('CREATE TEMP TABLE theirs AS SELECT 1 AS id');
    const { findings } = await rehearse(target, { content: 'sample' });
    assert.equal(
      findings.filter(({ level }) => level === 'error'),
      [],
    );
    await deploy(target);
  });
  assert.equal((await readState(target)).pending, []);
});

test('a failing migration leaves nothing of itself, and what came before stays', async () => {
  const target = await fresh({ '1_users': USERS, '2_half': `${NAMES}\nINSERT INTO "Users" VALUES ('not a number');` });
  const [first, second] = readMigrations(target.migrationsDir);
  if (!first || !second) throw new Error('two migrations');
  await applyMigration(target.url, first, target);
  const error = await refusal(applyMigration(target.url, second, target));
  assert.is(error?.code, 'MIGRATION_FAILED');
  assert.equal(
    (await dump(target.url.reveal())).filter(({ column_name }) => column_name === 'name'),
    [],
  );
  assert.equal((await readState(target)).pending, ['2_half'], 'it can simply be mended and run again');
});

test('an invalid index that a kill left is dropped and built again', async () => {
  const target = await fresh();
  const url = target.url.reveal();
  const [users, names, index] = readMigrations(target.migrationsDir);
  if (!users || !names || !index) throw new Error('three migrations');
  await applyMigration(target.url, users, target);
  await applyMigration(target.url, names, target);
  await query(url, INDEX);
  await query(url, `UPDATE pg_index SET indisvalid = false WHERE indexrelid = '"Users_name_idx"'::regclass`);
  await query(
    url,
    `INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ('x', '${index.checksum}', '3_index')`,
  );
  await applyMigration(target.url, index, target);
  assert.equal(await query(url, `SELECT indisvalid FROM pg_index WHERE indexrelid = '"Users_name_idx"'::regclass`), [
    { indisvalid: true },
  ]);
  assert.equal((await readState(target)).failed, []);
});

test('a busy table is asked for again instead of queueing everybody behind the migration', async () => {
  const target = await fresh();
  const url = target.url.reveal();
  const [users, names] = readMigrations(target.migrationsDir);
  if (!users || !names) throw new Error('two migrations');
  await applyMigration(target.url, users, target);
  let retries = 0;
  await withClient(url, async (reader) => {
    await reader.query('BEGIN');
    await reader.query('SELECT * FROM "Users"');
    const applied = applyMigration(target.url, names, { lockTimeoutMs: 200, onRetry: () => void retries++ });
    await new Promise((done) => setTimeout(done, 500));
    const started = performance.now();
    await query(url, 'SELECT * FROM "Users"');
    assert.ok(performance.now() - started < 5_000, 'another reader does not wait for the blocked migration');
    await reader.query('COMMIT');
    assert.ok((await applied).retries > 0);
  });
  assert.ok(retries > 0);
});

test('a failed, an edited and a missing migration are refused with the way out', async () => {
  const failed = await fresh();
  await deploy(failed);
  await query(
    failed.url.reveal(),
    `UPDATE _prisma_migrations SET finished_at = NULL, logs = 'boom' WHERE migration_name = '3_index'`,
  );
  const error = await refusal(planDeploy(failed));
  assert.is(error?.code, 'MIGRATION_FAILED_BEFORE');
  assert.match(hintOf(error), 'npm run db:resolve -- --rolled-back 3_index');
  const edited = await fresh();
  await deploy(edited);
  appendFileSync(join(edited.migrationsDir, '1_users/migration.sql'), '-- a change');
  assert.is((await refusal(planDeploy(edited)))?.code, 'MIGRATION_EDITED');
  const missing = await fresh();
  await deploy(missing);
  rmSync(join(missing.migrationsDir, '2_names'), { recursive: true });
  assert.is((await refusal(planDeploy(missing)))?.code, 'MIGRATION_MISSING');
});

test('a resumed deploy refuses a migration that is not what it was planned with', async () => {
  const target = await fresh();
  const plan = await planDeploy(target);
  writeMigration(dirname(target.schemaFile), '1_users', `${USERS}\n-- changed`);
  const nodes = deploySteps(target, plan, undefined).slice(0, 2);
  const error = await refusal(runStepsForTest(nodes));
  assert.is(error?.code, 'MIGRATION_EDITED');
});

test('names with quotes, capitals and functions with semicolons go through', async () => {
  const target = await fresh(
    {
      '1_odd': `CREATE TABLE "We""ird" (id int);\nCREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$;\nDO $$ BEGIN PERFORM f(); END; $$;`,
    },
    '',
  );
  const [odd] = readMigrations(target.migrationsDir);
  if (!odd) throw new Error('a migration');
  assert.is((await applyMigration(target.url, odd, target)).statements, 3);
});

test('a database that is down is told as such', async () => {
  const error = await refusal(planDeploy(makeTarget('postgresql://owner:password@127.0.0.1:9/none', ALL)));
  assert.is(error?.code, 'DATABASE_UNREACHABLE');
  assert.match(error?.message ?? '', 'PostgreSQL at 127.0.0.1:9 cannot be reached (ECONNREFUSED)');
});

test('what a file has switched off in a nested comment runs neither on the copy nor on the target', async () => {
  const target = await fresh(
    {
      '1_users': USERS,
      '2_index': `CREATE INDEX CONCURRENTLY "Users_id_idx" ON "Users"("id");
/* switched off:
   /* the old way */ DELETE FROM "Users"; -- all of them */
ANALYZE "Users";`,
    },
    'model Users {\n  id Int @id\n\n  @@index([id])\n}\n',
  );
  const url = target.url.reveal();
  const [first, second] = readMigrations(target.migrationsDir);
  if (!first || !second) throw new Error('the migrations');
  await applyMigration(target.url, first, { lockTimeoutMs: 200 });
  await query(url, 'INSERT INTO "Users" SELECT generate_series(1, 1000)');
  await deploy(target);
  assert.is((await query(url, 'SELECT FROM "Users"')).length, 1000);
});

test.run();
