// Uses PostgreSQL: whether indexes are used, by the queries that name them or by one that is made up.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Secret } from '@drydock/kit';
import { hintOf } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inventoryOf } from '../src/schema/inventory.ts';
import { checkPlans } from '../src/verify/plans.ts';
import { checkPromised } from '../src/verify/promised.ts';
import { readPlanQueries } from '../src/verify/queries.ts';
import { deployedOn } from './moods.ts';
import { makeTarget, query } from './world.ts';

const test = suite('indexes that are used');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
});
test.after(() => postgres.stop());

const deployed = () => deployedOn(postgres);

test('on a small table the index is probed, and that is said; on a large one it must be chosen', async () => {
  const target = await deployed();
  const url = target.url.reveal();
  await query(
    url,
    `INSERT INTO "Users" SELECT n, 'name ' || n, 'GOOD', 1 FROM generate_series(1, 100) n; ANALYZE "Users"`,
  );
  const indexes = ['public.Users_name_idx', 'public.Users_age_idx'];
  const small = await checkPlans(target.url, indexes, target.plansDir);
  assert.equal(
    small.checks.map(({ index, used }) => [index, used]),
    [
      ['Users_name_idx', 'probe'],
      ['Users_age_idx', 'probe'],
    ],
  );
  assert.equal(
    small.findings.map(({ code, message }) => [code, message]),
    [
      [
        'PLAN_PROBED',
        '2 indexes would be used, and for now all rows are read, since their tables are small: Users_name_idx, Users_age_idx.',
      ],
    ],
    'what is in order is one line, however many there are',
  );
  await query(
    url,
    `INSERT INTO "Users" SELECT n, 'name ' || n, 'GOOD', 1 FROM generate_series(101, 30000) n; ANALYZE "Users"`,
  );
  const large = await checkPlans(target.url, indexes, target.plansDir);
  assert.equal(
    large.checks.map(({ index, used }) => [index, used]),
    [
      ['Users_name_idx', 'by itself'],
      ['Users_age_idx', 'no'],
    ],
    'all rows have the same age: reading the table is right',
  );
  assert.equal(
    large.findings.map(({ level, code }) => [level, code]),
    [['warn', 'INDEX_UNUSED']],
    'of a query that we made up it is a warning',
  );
});

test('of a query that we made up, an index that begins alike will do, and a table without rows says nothing', async () => {
  const target = await deployed();
  const url = target.url.reveal();
  await query(
    url,
    'CREATE INDEX "wide" ON "Users"("name", "age"); CREATE INDEX "wider" ON "Users"("name", "age", "id")',
  );
  const indexes = ['public.Users_name_idx', 'public.wide', 'public.wider'];
  assert.equal(
    (await checkPlans(target.url, indexes, target.plansDir)).findings.filter(({ code }) => code === 'INDEX_UNUSED'),
    [],
  );
  await query(
    url,
    `INSERT INTO "Users" SELECT n, 'name ' || n, 'GOOD', 1 FROM generate_series(1, 30000) n; ANALYZE "Users"`,
  );
  const { checks, findings } = await checkPlans(target.url, indexes, target.plansDir);
  assert.equal(checks.map(({ used }) => used).sort(), ['another', 'another', 'by itself']);
  assert.equal(findings, []);
});

test('a query of the product that names an index must use it', async () => {
  const target = await deployed();
  await query(
    target.url.reveal(),
    `INSERT INTO "Users" SELECT n, 'name ' || n, 'GOOD', 1 FROM generate_series(1, 30000) n; ANALYZE "Users"`,
  );
  mkdirSync(target.plansDir);
  const file = join(target.plansDir, 'users.sql');
  writeFileSync(
    file,
    `-- uses: Users_name_idx\nSELECT * FROM "Users" WHERE "name" = 'name 7';\n\n-- uses: "Users_age_idx"\nSELECT * FROM "Users" WHERE "age" + 1 = 2;\n`,
  );
  assert.equal(
    (await readPlanQueries(target.plansDir)).map(({ line, uses }) => [line, uses]),
    [
      [2, ['Users_name_idx']],
      [5, ['Users_age_idx']],
    ],
  );
  const { checks, findings } = await checkPlans(
    target.url,
    ['public.Users_name_idx', 'public.Users_age_idx'],
    target.plansDir,
  );
  assert.equal(
    checks.map(({ query: of, used }) => [of, used]),
    [
      ['users.sql:2', 'by itself'],
      ['users.sql:5', 'no'],
    ],
  );
  assert.equal(
    findings.map(({ level, code }) => [level, code]),
    [['error', 'INDEX_UNUSED']],
  );
  writeFileSync(file, 'DROP TABLE "Users";');
  const error = await readPlanQueries(target.plansDir).catch((thrown) => thrown);
  assert.is(error.code, 'PLAN_QUERY_UNFIT');
});

test('the folder of plans may be missing', async () => {
  assert.equal(await readPlanQueries(join(dirname(import.meta.dirname), 'nowhere')), []);
});

test('a plan file cannot change what it explains, whatever stands in its comments', async () => {
  const target = await deployed();
  const url = target.url.reveal();
  await query(url, 'CREATE TABLE victim AS SELECT n FROM generate_series(1, 5) n');
  mkdirSync(target.plansDir, { recursive: true });
  writeFileSync(
    join(target.plansDir, 'zz.sql'),
    '-- uses: Users_name_idx\n/* a /* b */ SELECT 1; DELETE FROM victim; -- */\nSELECT 1;',
  );
  const { checks } = await checkPlans(target.url, ['public.Users_name_idx'], target.plansDir);
  assert.equal(
    checks.map(({ query: asked, used }) => [asked, used]),
    [['zz.sql:3', 'no']],
  );
  assert.is((await query(url, 'SELECT FROM victim')).length, 5);
});

test('an index of a partitioned table is used where one of its partitions is, each planned by its own size', async () => {
  const target = makeTarget(await postgres.createDatabase(), {});
  const url = target.url.reveal();
  await query(
    url,
    `CREATE TABLE "Event" ("id" BIGINT NOT NULL, "name" TEXT, "age" INTEGER, "day" INTEGER NOT NULL) PARTITION BY LIST ("day");
     CREATE TABLE "Event_1" PARTITION OF "Event" FOR VALUES IN (1); CREATE TABLE "Event_2" PARTITION OF "Event" FOR VALUES IN (2) PARTITION BY RANGE ("id");
     CREATE TABLE "Event_2a" PARTITION OF "Event_2" FOR VALUES FROM (0) TO (1000000);
     CREATE INDEX "Event_name_idx" ON "Event"("name"); CREATE INDEX "Event_age_idx" ON "Event"("age"); CREATE INDEX "wide" ON "Event"("name", "age")`,
  );
  const fill = (from: number, to: number) =>
    query(
      url,
      `INSERT INTO "Event" SELECT n, 'name ' || n, 1, 2 FROM generate_series(${from}, ${to}) n; ANALYZE "Event"`,
    );
  const indexes = ['Event_name_idx', 'Event_age_idx', 'wide'].map((name) => `public.${name}`);
  const used = async () =>
    (await checkPlans(target.url, indexes, target.plansDir)).checks.map(({ index, used: how, rows }) => [
      index,
      how,
      rows,
    ]);
  await fill(1, 100);
  const small = await used();
  assert.equal(
    small.map(([, , rows]) => rows),
    [100, 100, 100],
  );
  assert.not(
    small.some(([, how]) => how === 'no'),
    JSON.stringify(small),
  );
  await fill(101, 30_000);
  const large = await used();
  assert.equal(
    large.map(([index, how]) => [index, how === 'another' ? 'by itself' : how]),
    [
      ['Event_name_idx', 'by itself'],
      ['Event_age_idx', 'no'],
      ['wide', 'by itself'],
    ],
  );
  assert.equal(
    large.map(([, , rows]) => rows),
    [30_000, 30_000, 30_000],
  );
  await query(url, 'DROP INDEX "wide"');
  mkdirSync(target.plansDir, { recursive: true });
  writeFileSync(
    join(target.plansDir, 'events.sql'),
    `-- uses: Event_name_idx\nSELECT * FROM "Event" WHERE "name" = 'name 7';`,
  );
  const [asked] = (await checkPlans(target.url, indexes, target.plansDir)).checks;
  assert.equal([asked?.query, asked?.used], ['events.sql:2', 'by itself']);
});

test('many small partitions are no large table: what is read of each is rightly all of it', async () => {
  const target = makeTarget(await postgres.createDatabase(), {});
  const parts = Array.from({ length: 30 }, (_, n) => `CREATE TABLE p${n} PARTITION OF t FOR VALUES IN (${n});`);
  await query(
    target.url.reveal(),
    `CREATE TABLE t (day int, a int) PARTITION BY LIST (day); ${parts.join(' ')} CREATE INDEX t_a ON t (a);
     INSERT INTO t SELECT n % 30, n FROM generate_series(1, 12000) n; ANALYZE`,
  );
  const { findings } = await checkPlans(target.url, ['public.t_a'], target.plansDir);
  assert.equal(
    findings.filter(({ code }) => code === 'INDEX_UNUSED'),
    [],
  );
});

test('an index of a partitioned table that waits for those of its partitions: what makes it valid', async () => {
  const sql =
    'CREATE TABLE t (day int, a int) PARTITION BY LIST (day); CREATE TABLE p PARTITION OF t FOR VALUES IN (1); CREATE INDEX t_a ON ONLY t (a);';
  const target = makeTarget(await postgres.createDatabase(), { '1_t': sql });
  await query(target.url.reveal(), sql);
  const actual = await inventoryOf(target.url);
  const promised = [...actual].map(([key, { definition }]) => [key, definition, true] as [string, string, boolean]);
  const [finding] = checkPromised(promised, actual);
  assert.equal([finding?.code, hintOf(finding)?.includes('ATTACH PARTITION')], ['OBJECT_INVALID', true]);
});

test('a plan query that PostgreSQL refuses is told by file, line and column, and the others are asked for all that', async () => {
  const target = await deployed();
  mkdirSync(target.plansDir, { recursive: true });
  const file = join(target.plansDir, 'users.sql');
  writeFileSync(
    file,
    `-- uses: Users_name_idx\nSELECT *\n  FROM "Users" WHERE "name" = $1;\n\n-- uses: Users_age_idx\nSELECT "year" FROM "Users";\n\n-- uses: Users_age_idx\nSELECT * FROM "Users" WHERE "age" = 7;\n`,
  );
  const { checks, findings } = await checkPlans(target.url, ['public.Users_age_idx'], target.plansDir);
  assert.equal(
    findings.filter(({ level }) => level === 'error').map(({ code, message }) => `${code} ${message}`),
    [
      'PLAN_QUERY_FAILED users.sql:3:31: there is no parameter $1.',
      'PLAN_QUERY_FAILED users.sql:6:8: column "year" does not exist.',
    ],
  );
  assert.match(hintOf(findings[0]), 'write a value that is usual there in the place of each $1');
  assert.equal(
    checks.map(({ query: of }) => of),
    ['users.sql:9'],
  );
});

test('an index that a plan query names and the database has not is told, with the one that was meant; so is a query that names none', async () => {
  const target = await deployed();
  mkdirSync(target.plansDir, { recursive: true });
  const asked = 'SELECT * FROM "Users" WHERE "name" = \'x\';';
  writeFileSync(
    join(target.plansDir, 'users.sql'),
    `-- uses: "Users_nmae_idx", public.Users_age_idx\n${asked}\n-- use: Users_name_idx\n${asked}\n-- USES : "public"."Users_name_idx"\n${asked}\n`,
  );
  const { findings } = await checkPlans(target.url, [], target.plansDir);
  assert.equal(
    findings.map(({ level, code, message }) => `${level} ${code} ${message}`),
    [
      'warn PLAN_INDEX_UNKNOWN users.sql:2 says that it uses "Users_nmae_idx", and the database has no index of that name.',
      'warn PLAN_QUERY_UNASKED users.sql:4 names no index, so it is not looked at.',
    ],
  );
  assert.match(hintOf(findings[0]), 'Did you mean Users_name_idx?');
});

test('plans are asked for by the role that may only read, where there is one', async () => {
  const target = await deployed();
  const url = target.url.reveal();
  await query(
    url,
    `CREATE ROLE reader LOGIN PASSWORD 'reader-password'; GRANT USAGE ON SCHEMA public TO reader; GRANT SELECT ("id", "name") ON "Users" TO reader`,
  );
  const readUrl = new URL(url);
  Object.assign(readUrl, { username: 'reader', password: 'reader-password' });
  mkdirSync(target.plansDir, { recursive: true });
  const asked = async (condition: string) => {
    writeFileSync(
      join(target.plansDir, 'q.sql'),
      `-- uses: Users_name_idx\nSELECT id FROM "Users" WHERE ${condition};`,
    );
    return checkPlans(new Secret(readUrl.href), ['public.Users_name_idx'], target.plansDir).then(
      ({ checks, findings }) => checks[0]?.used ?? findings[0]?.message,
    );
  };
  assert.is(await asked(`"name" = 'a'`), 'by itself');
  assert.is(await asked(`"age" = 1`), 'q.sql:2:1: permission denied for table Users.');
});

test.run();
