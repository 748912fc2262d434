// Uses PostgreSQL, and the stock Prisma CLI; the tasks run as processes, as a person would.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeProduct } from './product.ts';
import { query, withClient } from './world.ts';

const test = suite('db tasks');
const ROOT = join(import.meta.dirname, '../../..');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
});
test.after(() => postgres.stop());

const SCHEMA = 'model T {\n  id BigInt @id\n  n  Int?\n}\n';
const TABLE =
  'CREATE TABLE "T" ("id" BIGINT NOT NULL, "n" INTEGER, CONSTRAINT "T_pkey" PRIMARY KEY ("id"));\nINSERT INTO "T" SELECT g, 1 FROM generate_series(1, 3) g;';

test('a migration in pieces that fails halfway names its state, and db:resolve is the way out', async () => {
  const url = await postgres.createDatabase();
  const made = makeProduct(url, SCHEMA, { '1_t': TABLE });
  assert.is((await made.run('db:deploy', '--yes')).code, 0);
  made.write(
    '2_pieces',
    'ALTER TABLE "T" ADD COLUMN "extra" TEXT;\nCREATE UNIQUE INDEX CONCURRENTLY "T_n_key" ON "T"("n");',
    'ALTER TABLE "T" DROP COLUMN "extra";',
  );
  writeFileSync(
    join(made.root, 'prisma/schema.prisma'),
    'datasource db {\n  provider = "postgresql"\n}\nmodel T {\n  id BigInt @id\n  n Int? @unique\n  extra String?\n}\n',
  );
  // On the copy without rows it goes through, and behind a statement that writes the target is not asked; it has duplicates.
  made.write('2_a', 'UPDATE "T" SET "n" = "n" WHERE false;', 'SELECT 1;');
  const failed = await made.run('db:deploy', '--yes', '--json', '--data', 'schema');
  assert.is(failed.code, 1);
  const { error } = JSON.parse(failed.stdout);
  assert.match(error.message, '2_pieces/migration.sql:2:1: could not create unique index "T_n_key"');
  assert.match(error.message, 'Its first statement is in effect, the rest is not.');
  assert.match(error.hint, 'npm run db:resolve -- --env staging --rolled-back 2_pieces');
  const again = JSON.parse((await made.run('db:deploy', '--yes', '--json')).stdout);
  assert.is(again.error.code, 'MIGRATION_FAILED_BEFORE');
  assert.match(again.error.hint, 'npm run db:resolve -- --env staging --rolled-back 2_pieces');
  assert.is(
    (await made.run('db:resolve', '--rolled-back', '1_t', '--yes')).code,
    1,
    'what is applied is not undone by a mark',
  );
  await query(url, 'ALTER TABLE "T" DROP COLUMN "extra"; DROP INDEX IF EXISTS "T_n_key"; DELETE FROM "T" WHERE id > 1');
  const resolved = await made.run('db:resolve', '--rolled-back', '2_pieces', '--yes');
  assert.is(resolved.code, 0, resolved.stdout);
  const mended = await made.run('db:deploy', '--yes');
  assert.is(mended.code, 0, mended.stdout);
  const verified = await made.run('db:verify');
  assert.is(verified.code, 0, verified.stdout);
  assert.match(
    verified.stdout,
    'PROMISE_UNKNOWN',
    'on an empty database the first migration makes what the second refuses',
  );
});

test('CONCURRENTLY behind a long transaction says for whom it waits, ends, and is gone on with', async () => {
  const url = await postgres.createDatabase();
  const made = makeProduct(url, SCHEMA, { '1_t': TABLE }, { database: { concurrentlyWaitMs: 5_000 } });
  assert.is((await made.run('db:deploy', '--yes')).code, 0);
  made.write('2_index', 'CREATE INDEX CONCURRENTLY "T_n_idx" ON "T"("n");', 'DROP INDEX CONCURRENTLY "T_n_idx";');
  writeFileSync(
    join(made.root, 'prisma/schema.prisma'),
    'datasource db {\n  provider = "postgresql"\n}\nmodel T {\n  id BigInt @id\n  n Int?\n\n  @@index([n])\n}\n',
  );
  await withClient(url, async (report) => {
    await report.query(`SET application_name = 'the report'; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM "T"`);
    const { code, stdout, stderr } = await made.run('db:deploy', '--yes', '--json');
    assert.is(code, 1, stdout);
    assert.match(stderr, /2_index waits for pid \d+ \(the report, drydock, idle in transaction/);
    const { error } = JSON.parse(stdout);
    assert.is(error.code, 'LOCK_NOT_AVAILABLE');
    assert.match(error.message, 'The index "T_n_idx" is left INVALID; the next attempt drops it and builds it anew.');
    const [, again = ''] = /go on: npm run ops:resume -- (.*)$/.exec(error.hint) ?? [];
    await report.query('COMMIT');
    const resumed = await made.run('ops:resume', ...again.split(' '), '--yes');
    assert.is(resumed.code, 0, resumed.stdout + resumed.stderr);
  });
  assert.is((await made.run('db:status')).code, 0);
});

test('a database that came before its migrations is baselined', async () => {
  const url = await postgres.createDatabase();
  await query(url, TABLE);
  const made = makeProduct(url, SCHEMA, { '1_t': TABLE });
  assert.is((await made.run('db:deploy', '--yes')).code, 1);
  const baselined = await made.run('db:resolve', '--applied', '1_t', '--yes');
  assert.is(baselined.code, 0, baselined.stdout);
  assert.is((await made.run('db:status')).code, 0);
});

test('a down.sql is drafted that leads back, and what cannot come back is marked', async () => {
  const made = makeProduct(await postgres.createDatabase(), SCHEMA, {
    '1_t': TABLE,
    '2_more':
      'CREATE TABLE "U" ("id" BIGINT NOT NULL, "t" BIGINT, CONSTRAINT "U_pkey" PRIMARY KEY ("id"), CONSTRAINT "odd" CHECK ("t" % 2 = 1));\nALTER TABLE "T" ADD CONSTRAINT "few" CHECK ("n" < 10);\nCREATE VIEW "V" AS SELECT * FROM "T";\nCREATE INDEX "T_n_idx" ON "T"("n");',
    '3_drop': 'DROP VIEW "V";\nALTER TABLE "T" DROP COLUMN "n";\nUPDATE "U" SET "t" = 3;',
  });
  const down = async (name: string) => {
    const { code, stdout } = await made.run('db:down', '--for', name, '--json');
    return { code, ...JSON.parse(stdout), file: join(made.root, 'prisma/migrations', name, 'down.sql') };
  };
  const clean = await down('2_more');
  assert.is(clean.code, 0, JSON.stringify(clean));
  assert.is(clean.data.proven, true);
  assert.match(readFileSync(clean.file, 'utf8'), 'DROP VIEW public."V"');
  const lossy = await down('3_drop');
  assert.is(lossy.code, 3);
  assert.is(lossy.data.proven, true, JSON.stringify(lossy.data));
  assert.equal(
    lossy.data.open.map((line: string) => line.replace(/ \(.*/, '')),
    ['the values of T.n', 'line 3 changes rows and is not undone: UPDATE "U" SET "t" = 3'],
  );
  assert.is((await down('3_drop')).error.code, 'DOWN_EXISTS', 'what is there is never written over');
  const printed = await made.run('db:down', '--for', '2_more', '--print');
  assert.match(printed.stdout, /DROP TABLE .*"U"/);
  assert.not.match(printed.stdout, 'Drafted', 'the verdict is on stderr');
  assert.is((await down('9_none')).code, 2);
});

test('drift is printed as SQL that mends it, alone on stdout', async () => {
  const url = await postgres.createDatabase();
  const made = makeProduct(url, SCHEMA, { '1_t': TABLE });
  await made.run('db:deploy', '--yes');
  assert.equal(await made.run('db:drift').then(({ code, stdout }) => [code, stdout]), [0, '']);
  await query(url, 'ALTER TABLE "T" DROP COLUMN "n"');
  const { code, stdout } = await made.run('db:drift');
  assert.is(code, 3);
  await query(url, stdout);
  assert.is((await made.run('db:drift')).code, 0);
});

test('statements are listed by time, and those that are new since the deploy', async () => {
  const url = await postgres.createDatabase();
  await query(url, 'CREATE EXTENSION pg_stat_statements');
  const made = makeProduct(url, SCHEMA, { '1_t': TABLE });
  await made.run('db:deploy', '--yes');
  for (let n = 0; n < 3; n++) await query(url, `SELECT count(*) FROM "T" WHERE "n" = ${n}`);
  const { code, stdout } = await made.run('db:slow', '--by', 'mean', '--limit', '50', '--json');
  assert.is(code, 0, stdout);
  const { data } = JSON.parse(stdout);
  const found = data.top.find(({ query: sql }: { query: string }) => sql.includes('"n" = $1'));
  assert.is(found.calls, 3);
  assert.ok(
    data.changes.some(
      ({ kind, query: sql }: { kind: string; query: string }) => kind === 'new' && sql.includes('"n" = $1'),
    ),
  );
  const bare = makeProduct(await postgres.createDatabase(), SCHEMA, {});
  assert.match((await bare.run('db:slow')).stdout, 'CREATE EXTENSION pg_stat_statements');
});

test('db:dev makes a migration with the stock CLI, and tells its hazards; elsewhere it is refused', async () => {
  const url = await postgres.createDatabase();
  const made = makeProduct(url, SCHEMA, { '20200101000000_t': TABLE.replace(/\nINSERT.*/, '') });
  writeFileSync(join(made.root, '.env.development'), `OPS_DATABASE_URL='${url}'\n`);
  writeFileSync(join(made.root, 'prisma/migrations/migration_lock.toml'), 'provider = "postgresql"\n');
  writeFileSync(
    join(made.root, 'prisma.config.ts'),
    `process.env.PRISMA_SCHEMA_ENGINE_BINARY = ${JSON.stringify(join(ROOT, 'packages/db/bin/schema-engine'))};\nexport default { schema: 'prisma/schema.prisma', migrations: { path: 'prisma/migrations' }, datasource: { url: process.env.OPS_DATABASE_URL ?? '' } };\n`,
  );
  assert.is((await made.run('db:dev', '--name', 'x')).code, 4, 'staging gets its migrations with db:deploy');
  writeFileSync(
    join(made.root, 'prisma/schema.prisma'),
    'datasource db {\n  provider = "postgresql"\n}\nmodel T {\n  id BigInt @id\n  n  Int?\n\n  @@index([n])\n}\n',
  );
  const { code, stdout, stderr } = await made.run('db:dev', '--env', 'development', '--name', 'index', '--json');
  assert.is(code, 0, stdout + stderr);
  const { data, findings } = JSON.parse(stdout);
  assert.match(data.made[0], /^\d+_index$/);
  assert.ok(existsSync(join(made.root, 'prisma/migrations', data.made[0], 'migration.sql')));
  assert.ok(findings.some(({ code: found }: { code: string }) => found === 'INDEX_NOT_CONCURRENT'));
  assert.is(readdirSync(join(made.root, 'prisma/migrations')).filter((name) => name.endsWith('_index')).length, 1);

  const dev = (name: string) => made.run('db:dev', '--env', 'development', '--name', name);
  writeFileSync(
    join(made.root, 'prisma/schema.prisma'),
    'datasource db {\n  provider = "postgresql"\n}\nmodel T {\n  id BigInt @id\n}\n',
  );
  await query(url, 'INSERT INTO "T" VALUES (1, 1)');
  const asks = await dev('drops_n');
  assert.is(asks.code, 1, asks.stderr);
  assert.match(asks.stdout, 'nobody can answer here: run it in a terminal');
  await query(url, 'CREATE TABLE "ByHand" ("id" INTEGER)');
  const drifted = await dev('more');
  assert.is(drifted.code, 3, drifted.stderr);
  assert.match(drifted.stdout, 'is not what its migrations make: Drift detected: Your database schema is not in sync');
  assert.match(drifted.stdout, 'db:drift -- --env development');
  assert.match(drifted.stdout, 'npx prisma migrate reset');
  assert.not.match(drifted.stdout, 'terminal');
});

test.run();
