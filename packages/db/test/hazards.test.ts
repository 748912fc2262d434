// Uses PostgreSQL: each hazard is rehearsed on a copy of a database with rows.
import { writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { hintOf, runStepsForTest } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { rehearseStep } from '../src/deploy/rehearse.ts';
import type { Hazard } from '../src/hazards/types.ts';
import { type Rehearsal, rehearse } from '../src/index.ts';
import { applyMigration } from '../src/migrations/apply.ts';
import { readMigrations } from '../src/migrations/folder.ts';
import { lintMigration } from '../src/rehearsal/lint.ts';
import { BASE, codes, pendingOn } from './pending.ts';
import { deployNodes, makeTarget, query, writeMigration } from './world.ts';

const test = suite('hazards of a migration');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
});
test.after(() => postgres.stop());

const pending = (migrations: Record<string, string>) => pendingOn(postgres, migrations);
const recipe = ({ findings }: Rehearsal, code: string) => findings.find((found) => found.code === code)?.recipe ?? [];

test('each way to block a table with rows has its code, and none of them fires on an empty or a new table', async () => {
  const cases: Record<string, [string, string[]]> = {
    '01': ['ALTER TABLE "Users" ALTER COLUMN "name" SET NOT NULL;', ['NOT_NULL_VALIDATES']],
    '02': ['ALTER TABLE "Users" ADD CONSTRAINT "adult" CHECK ("age" >= 0);', ['CONSTRAINT_VALIDATES']],
    '03': [
      'ALTER TABLE "Posts" ADD CONSTRAINT "Posts_user" FOREIGN KEY ("userId") REFERENCES "Users"("id");',
      ['FOREIGN_KEY_VALIDATES'],
    ],
    '04': ['CREATE INDEX "Users_name_idx" ON "Users"("name");', ['INDEX_NOT_CONCURRENT']],
    '05': ['ALTER TABLE "Users" ADD COLUMN "token" TEXT DEFAULT gen_random_uuid()::text;', ['VOLATILE_DEFAULT']],
    '06': ['ALTER TABLE "Users" ALTER COLUMN "age" TYPE BIGINT;', ['TYPE_CHANGE']],
    '07': ['ALTER TABLE "Users" ADD CONSTRAINT "Users_name_key" UNIQUE ("name");', ['UNIQUE_BUILDS_INDEX']],
    '08': ['UPDATE "Users" SET "age" = "age" + 1;', ['UNBOUNDED_CHANGE']],
    '09': ['DELETE FROM "Posts" WHERE "id" = 1;', []],
    '10': ['ALTER TABLE "Users" ADD COLUMN "extra" TEXT;', []],
    '11': ['ALTER TABLE "Users" ADD COLUMN "since" TIMESTAMP DEFAULT now() NOT NULL;', []],
    '12': ['CREATE TABLE "Logs" ("id" SERIAL PRIMARY KEY, "data" JSON);', ['INTEGER_KEY', 'JSON_COLUMN']],
    '13': ['ALTER TABLE "Posts" ADD COLUMN "meta" JSON;', ['JSON_COLUMN']],
    '14': [
      'ALTER TABLE "Users" ADD COLUMN "b" TEXT;\nUPDATE "Posts" SET "title" = "title" WHERE "id" < 10;',
      ['LOCK_THEN_MORE'],
    ],
    '15': ['ALTER TABLE "Users" ADD COLUMN "c" TEXT;\nALTER TABLE "Posts" ADD COLUMN "c" TEXT;', ['TWO_TABLES_LOCKED']],
    '16': ['CREATE INDEX CONCURRENTLY "Users_age_idx" ON "Users"("age");', []],
    '17': [
      'ALTER TABLE "Posts" ADD COLUMN "d" TEXT;\nCREATE INDEX CONCURRENTLY "Posts_d_idx" ON "Posts"("d");',
      ['CONCURRENTLY_NOT_ALONE'],
    ],
    '18': [`SET lock_timeout = '1min';\nALTER TABLE "Users" ADD COLUMN "e" TEXT;`, ['LOCK_TIMEOUT_RAISED']],
    '19': ['-- nothing to do', ['EMPTY_MIGRATION']],
    '20': [
      'ALTER TABLE "Empty" ALTER COLUMN "name" SET NOT NULL;\nCREATE INDEX "e" ON "Empty"("name");\nALTER TABLE "Empty" ALTER COLUMN "name" TYPE VARCHAR(9);\nALTER TABLE "Empty" ADD CONSTRAINT "u" UNIQUE ("name");',
      [],
    ],
    '21': [
      'CREATE TABLE "Fresh" ("id" BIGINT PRIMARY KEY, "n" INT);\nINSERT INTO "Fresh" VALUES (1, 1);\nCREATE INDEX "f" ON "Fresh"("n");\nALTER TABLE "Fresh" ALTER COLUMN "n" SET NOT NULL;',
      [],
    ],
    '22': ['ALTER TABLE "Posts" ADD CONSTRAINT "t" CHECK ("title" <> \'\') NOT VALID;', []],
    '23': ['CREATE INDEX "odd" ON "Odd Schema"."T ""x"""("a b");', ['INDEX_NOT_CONCURRENT']],
  };
  const target = await pending(Object.fromEntries(Object.entries(cases).map(([name, [sql]]) => [name, sql])));
  const rehearsal = await rehearse(target);
  for (const [name, [sql, expected]] of Object.entries(cases))
    assert.equal(codes(rehearsal, name), expected, `${name}: ${sql}`);
  assert.ok(
    rehearsal.findings.some(({ code, message }) => code === 'LEFT_INVALID' && message.includes('public.Posts.t')),
    'the constraint of 22 is never validated',
  );
  assert.equal(
    rehearsal.findings.filter(({ level }) => level === 'error').map(({ code }) => code),
    ['DRIFT'],
    'with few rows nothing is an error',
  );
  assert.equal(rehearsal.migrations.find(({ name }) => name === '08')?.statements[0]?.touched, [
    { relation: '"Users"', rows: 500 },
  ]);
  const [concurrent] = rehearsal.migrations.find(({ name }) => name === '16')?.statements ?? [];
  assert.equal(
    concurrent?.locks.map(({ mode }) => mode),
    ['ShareUpdateExclusiveLock'],
  );
});

test('the same hazard on a large table is an error, and db:deploy refuses it until it is accepted', async () => {
  const target = { ...(await pending({ '1_index': 'CREATE INDEX "i" ON "Posts"("userId");' })), largeTableRows: 1_000 };
  writeFileSync(target.schemaFile, 'datasource db {\n  provider = "postgresql"\n}\n');
  const { findings } = await rehearse(target);
  assert.ok(findings.some(({ code, level }) => code === 'INDEX_NOT_CONCURRENT' && level === 'error'));
  const lenient = { ...target, hazards: { INDEX_NOT_CONCURRENT: 'info' as const } };
  assert.ok(
    (await rehearse(lenient)).findings.some(({ code, level }) => code === 'INDEX_NOT_CONCURRENT' && level === 'info'),
  );
  const silent = { ...target, hazards: { INDEX_NOT_CONCURRENT: 'off' as const } };
  assert.not.ok((await rehearse(silent)).findings.some(({ code }) => code === 'INDEX_NOT_CONCURRENT'));
});

const SCHEMA = `model Posts {
  id     BigInt  @id
  userId BigInt?
  title  String?
  @@index([userId], map: "i")
}`;

test('a deploy refuses an error, names the flag that takes it on, and goes on with it', async () => {
  const target = { ...makeTarget(await postgres.createDatabase(), {}, SCHEMA), largeTableRows: 1_000 };
  const root = dirname(target.schemaFile);
  writeMigration(
    root,
    '1_posts',
    'CREATE TABLE "Posts" ("id" BIGINT, "userId" BIGINT, "title" TEXT, CONSTRAINT "Posts_pkey" PRIMARY KEY ("id"));',
  );
  const [posts] = readMigrations(target.migrationsDir);
  if (!posts) throw new Error('a migration');
  await applyMigration(target.url, posts, target);
  await query(target.url.reveal(), `INSERT INTO "Posts" SELECT n, n FROM generate_series(1, 2000) n; ANALYZE "Posts"`);
  writeMigration(root, '2_index', 'CREATE INDEX "i" ON "Posts"("userId");');
  const refused = await runStepsForTest(await deployNodes(target)).then(
    () => undefined,
    (error) => error,
  );
  assert.is(refused?.code, 'INDEX_NOT_CONCURRENT');
  assert.is(refused?.exit, 4);
  assert.match(hintOf(refused), '--accept INDEX_NOT_CONCURRENT');
  assert.equal(await query(target.url.reveal(), `SELECT to_regclass('i') AS i`), [{ i: null }]);
  await runStepsForTest(await deployNodes(target, ['INDEX_NOT_CONCURRENT']));
  assert.equal(await query(target.url.reveal(), `SELECT to_regclass('i')::text AS i`), [{ i: 'i' }]);
  assert.throws(() => rehearseStep(target, { accept: ['NONSENSE'] }), /is no code/);
  assert.throws(() => rehearseStep(target, { accept: ['MIGRATION_FAILED'] }), /cannot be accepted/);
});

test('recipes are SQL that does the same without the block', async () => {
  const target = await pending({
    '1': 'ALTER TABLE "Users" ALTER COLUMN "name" SET NOT NULL;',
    '2': 'ALTER TABLE "Posts" ADD CONSTRAINT "fk" FOREIGN KEY ("userId") REFERENCES "Users"("id") ON DELETE CASCADE;',
    '3': 'CREATE UNIQUE INDEX "u" ON "Users"(lower("name")) WHERE "age" > 3;',
    '4': 'ALTER TABLE "Posts" ADD CONSTRAINT "k" UNIQUE ("title");',
  });
  const rehearsal = await rehearse(target);
  const sql = (code: string) => recipe(rehearsal, code).filter((line) => !line.startsWith('--'));
  assert.equal(sql('FOREIGN_KEY_VALIDATES'), [
    'CREATE INDEX CONCURRENTLY "Posts_userId_idx" ON "Posts" ("userId");',
    'ALTER TABLE "Posts" ADD CONSTRAINT fk FOREIGN KEY ("userId") REFERENCES "Users" (id) ON DELETE CASCADE NOT VALID;',
    'ALTER TABLE "Posts" VALIDATE CONSTRAINT fk;',
  ]);
  for (const code of ['NOT_NULL_VALIDATES', 'FOREIGN_KEY_VALIDATES', 'INDEX_NOT_CONCURRENT', 'UNIQUE_BUILDS_INDEX'])
    for (const statement of sql(code)) await query(target.url.reveal(), statement);
  const rows = await query(
    target.url.reveal(),
    `SELECT attnotnull, (SELECT count(*)::int FROM pg_constraint WHERE conname IN ('fk', 'k') AND convalidated) AS constraints, to_regclass('u')::text AS index
       FROM pg_attribute WHERE attrelid = '"Users"'::regclass AND attname = 'name'`,
  );
  assert.equal(rows, [{ attnotnull: true, constraints: 2, index: 'u' }]);
});

test('a NOT NULL that a validated check proves reads no row, and is no hazard', async () => {
  const target = await pending({
    '1_check': 'ALTER TABLE "Users" ADD CONSTRAINT "filled" CHECK ("name" IS NOT NULL) NOT VALID;',
    '2_validate': 'ALTER TABLE "Users" VALIDATE CONSTRAINT "filled";',
    '3_require': 'ALTER TABLE "Users" ALTER COLUMN "name" SET NOT NULL;',
  });
  assert.equal(codes(await rehearse(target)), []);
});

test('what fails is told with its own code: a required column, an enum value used at once, CONCURRENTLY in a transaction', async () => {
  const required = await rehearse(await pending({ '1': 'ALTER TABLE "Users" ADD COLUMN "must" TEXT NOT NULL;' }));
  assert.ok(required.findings.some(({ code, level }) => code === 'MIGRATION_FAILED' && level === 'error'));
  const enumeration = await rehearse(
    await pending({ '1': `ALTER TYPE "Mood" ADD VALUE 'FINE';\nUPDATE "Users" SET "mood" = 'FINE' WHERE "id" = 1;` }),
  );
  assert.ok(
    enumeration.findings.some(({ code, message }) => code === 'ENUM_VALUE_USED' && /:2: unsafe use/.test(message)),
  );
  const concurrently = await rehearse(
    await pending({ '1': 'BEGIN;\nCREATE INDEX CONCURRENTLY "x" ON "Users"("name");\nCOMMIT;' }),
  );
  assert.ok(concurrently.findings.some(({ code }) => code === 'CONCURRENTLY_IN_TRANSACTION'));
});

test('a required column is found on a copy without rows, too', async () => {
  const { findings } = await rehearse(await pending({ '1': 'ALTER TABLE "Users" ADD COLUMN "must" TEXT NOT NULL;' }), {
    content: 'schema',
  });
  assert.ok(findings.some(({ code, level }) => code === 'NOT_NULL_WITHOUT_DEFAULT' && level === 'error'));
});

test('destroying data is an error where there is data', async () => {
  const { findings } = await rehearse(
    await pending({
      '1': 'ALTER TABLE "Users" DROP COLUMN "age";',
      '2': 'DROP TABLE "Posts";',
      '3': 'DROP TABLE "Empty";',
      '4': 'TRUNCATE "Users";',
    }),
  );
  const destroyed = findings.filter(({ code }) => code === 'DESTROYS_ROWS').map((found) => (found as Hazard).migration);
  assert.equal(destroyed, ['1', '2', '4']);
});

test('a sample keeps the rows that refer to one another, and measures on them', async () => {
  const target = await pending({ '1': 'ALTER TABLE "Users" ALTER COLUMN "age" TYPE BIGINT;' });
  await query(
    target.url.reveal(),
    `INSERT INTO "Posts" SELECT n, n % 500 + 1, 'x' FROM generate_series(2001, 5000) n; ALTER TABLE "Posts" ADD CONSTRAINT fk FOREIGN KEY ("userId") REFERENCES "Users"("id"); ALTER TABLE "Users" ADD COLUMN "boss" BIGINT REFERENCES "Users"("id"), ADD COLUMN twice INT GENERATED ALWAYS AS (age * 2) STORED; UPDATE "Users" SET "boss" = 501 - "id"`,
  );
  writeMigration(
    dirname(target.schemaFile),
    '1',
    `DO $$ BEGIN
       IF (SELECT count(*) FROM "Posts") NOT BETWEEN 1 AND 1000 THEN RAISE 'posts: %', (SELECT count(*) FROM "Posts"); END IF;
       IF (SELECT count(*) FROM "Users") <> 500 THEN RAISE 'users: %', (SELECT count(*) FROM "Users"); END IF;
     END $$;`,
  );
  const rehearsal = await rehearse(target, { content: 'sample' });
  assert.is(rehearsal.copy, 'sample');
  assert.not.ok(
    rehearsal.findings.some(({ code }) => code === 'MIGRATION_FAILED'),
    JSON.stringify(rehearsal.findings),
  );
  const full = await rehearse(target, { content: 'full' });
  assert.match(full.findings.find(({ code }) => code === 'MIGRATION_FAILED')?.message ?? '', 'posts: 5000');
});

test('a new migration is linted as if its tables had rows', async () => {
  const target = makeTarget(await postgres.createDatabase(), {
    '1': BASE,
    '2': 'CREATE INDEX "i" ON "Users"("name");',
  });
  const found = (await lintMigration(target, '2')).filter(({ code }) => code !== 'NO_LOCK_TIMEOUT');
  assert.equal(
    found.map(({ code, level }) => `${level} ${code}`),
    ['warn INDEX_NOT_CONCURRENT'],
  );
});

test.run();
