// Uses PostgreSQL; the tasks run as processes, as a person would.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { rehearse } from '../src/index.ts';
import { applyMigration } from '../src/migrations/apply.ts';
import { readMigrations } from '../src/migrations/folder.ts';
import { makeProduct } from './product.ts';
import { majorOf, makeTarget, query, writeMigration } from './world.ts';

const test = suite('drift');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
});
test.after(() => postgres.stop());

const T = 'CREATE TABLE "T" ("id" BIGINT NOT NULL, "n" INTEGER, CONSTRAINT "T_pkey" PRIMARY KEY ("id"));';
const MODEL = 'model T {\n  id BigInt @id\n  n  Int?\n}\n';

/** Products that the stock CLI deploys, whose Prisma schema says something else, and whether that counts. */
const PRODUCTS: Record<string, { sql: string; schema: string; drift: string | undefined }> = {
  'an implicit many-to-many of Prisma 5': {
    sql: `CREATE TABLE "Role"("id" TEXT NOT NULL, CONSTRAINT "Role_pkey" PRIMARY KEY("id")); CREATE TABLE "User"("id" TEXT NOT NULL, CONSTRAINT "User_pkey" PRIMARY KEY("id"));
      CREATE TABLE "_RoleToUser"("A" TEXT NOT NULL, "B" TEXT NOT NULL); CREATE UNIQUE INDEX "_RoleToUser_AB_unique" ON "_RoleToUser"("A", "B"); CREATE INDEX "_RoleToUser_B_index" ON "_RoleToUser"("B");
      ALTER TABLE "_RoleToUser" ADD CONSTRAINT "_RoleToUser_A_fkey" FOREIGN KEY ("A") REFERENCES "Role"("id") ON DELETE CASCADE ON UPDATE CASCADE;
      ALTER TABLE "_RoleToUser" ADD CONSTRAINT "_RoleToUser_B_fkey" FOREIGN KEY ("B") REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE;`,
    schema: 'model Role {\n  id String @id\n  users User[]\n}\nmodel User {\n  id String @id\n  roles Role[]\n}\n',
    drift: undefined,
  },
  'indexes that no Prisma schema says': {
    sql: `${T} CREATE EXTENSION pg_trgm; ALTER TABLE "T" ADD COLUMN "s" TEXT;
      CREATE INDEX "trgm" ON "T" USING GIN ("s" gin_trgm_ops); CREATE INDEX "some" ON "T"("s") WHERE "n" > 1; CREATE INDEX "lower" ON "T"(lower("s"));
      CREATE INDEX "brin" ON "T" USING brin ("n"); CREATE INDEX "like" ON "T"("s" text_pattern_ops); CREATE INDEX "with" ON "T"("n") INCLUDE ("s");
      CREATE INDEX "c" ON "T"("s" COLLATE "C"); CREATE UNIQUE INDEX "nulls" ON "T"("s") NULLS NOT DISTINCT;`,
    schema: 'model T {\n  id BigInt @id\n  n  Int?\n  s  String?\n}\n',
    drift: undefined,
  },
  'an index that was never migrated, one that was left over, an array default, the name of a key': {
    sql: `CREATE TABLE "T" ("id" BIGINT NOT NULL, "n" INTEGER, "tags" TEXT[] DEFAULT ARRAY[]::TEXT[], CONSTRAINT "old_name" PRIMARY KEY ("id")); CREATE INDEX "left_over" ON "T"("tags");`,
    schema: 'model T {\n  id BigInt @id\n  n  Int?\n  tags String[]\n\n  @@index([n])\n}\n',
    drift:
      'lack index public.T_n_idx; it would have too much: index public.left_over; it would differ in column public.T.tags (default), constraint public.T.old_name (name: T_pkey)',
  },
};

for (const [what, { sql, schema, drift }] of Object.entries(PRODUCTS))
  test(`what the stock CLI deploys is deployed: ${what}`, async () => {
    const url = await postgres.createDatabase();
    const known = (await majorOf(url)) < 15 ? sql.replace(/CREATE UNIQUE INDEX "nulls".*NULLS NOT DISTINCT;/, '') : sql;
    const made = makeProduct(url, schema, { '1_first': known });
    const dry = JSON.parse((await made.run('db:dry-run', '--json')).stdout);
    const said = dry.findings.filter(({ code }: { code: string }) => code === 'DRIFT');
    assert.equal(
      said.map(({ level }: { level: string }) => level),
      drift ? ['warn'] : [],
      JSON.stringify(said),
    );
    if (drift) assert.match(said[0].message, drift);
    const deployed = await made.run('db:deploy', '--yes', '--json');
    assert.is(deployed.code, 0, deployed.stdout);
    for (const task of ['db:status', 'db:verify', 'db:deploy --yes']) {
      const { code, stdout } = await made.run(...(task.split(' ') as [string]));
      assert.is(code, 0, `${task}: ${stdout}`);
    }
    const shown = await made.run('db:drift', '--json');
    assert.is(shown.code, drift ? 3 : 0, shown.stdout);
    assert.is(JSON.parse(shown.stdout).data.aside.length > 0, !drift);
  });

test('after a stock deploy with drift the next migration is deployed, and status says no only where something is new', async () => {
  const url = await postgres.createDatabase();
  const schema = (more: string) => `model T {\n  id BigInt @id\n  n  Int?\n${more}\n  @@index([n])\n}\n`;
  const made = makeProduct(url, schema(''), { '1_first': `${T} CREATE INDEX "by_hand" ON "T"("id", "n");` });
  const target = makeTarget(url, {});
  for (const migration of readMigrations(join(made.root, 'prisma/migrations')))
    await applyMigration(target.url, migration, target);
  const status = await made.run('db:status');
  assert.is(status.code, 0, status.stdout);
  assert.match(
    status.stdout,
    'DRIFT: The database is not what the Prisma schema says: it lacks index public.T_n_idx; it has too much: index public.by_hand.',
  );
  writeMigration(join(made.root, 'prisma'), '2_more', 'ALTER TABLE "T" ADD COLUMN "more" TEXT;');
  writeFileSync(
    join(made.root, 'prisma/schema.prisma'),
    `datasource db {\n  provider = "postgresql"\n}\n${schema('  more String?')}`,
  );
  const deployed = await made.run('db:deploy', '--yes');
  assert.is(deployed.code, 0, deployed.stdout);
  assert.match(deployed.stdout + deployed.stderr, 'As before, the database would not be');
  assert.is((await made.run('db:status')).code, 0);
  await query(url, 'ALTER TABLE "T" DROP COLUMN "more"');
  const changed = await made.run('db:status');
  assert.is(changed.code, 3, changed.stdout);
  assert.match(
    changed.stdout,
    'Since the last deploy the database is no longer what the Prisma schema says: it lacks column public.T.more.',
  );
  assert.match(changed.stdout, 'it lacks index public.T_n_idx', 'what was there before is still told');
});

test('drift that the pending migrations make is an error, which can be taken on, by a flag or for good', async () => {
  const url = await postgres.createDatabase();
  const made = makeProduct(url, MODEL, { '1_first': T });
  assert.is((await made.run('db:deploy', '--yes')).code, 0);
  writeMigration(join(made.root, 'prisma'), '2_extra', 'ALTER TABLE "T" ADD COLUMN "extra" TEXT;');
  const refused = JSON.parse((await made.run('db:deploy', '--yes', '--json')).stdout);
  assert.equal([refused.error.code, refused.ok], ['DRIFT', false]);
  assert.match(
    refused.error.message,
    'After all migrations the database would not be what the Prisma schema says: it would have too much: column public.T.extra.',
  );
  assert.match(refused.error.hint, '--accept DRIFT');
  assert.is((await made.run('db:deploy', '--yes')).code, 4);
  assert.is((await made.run('db:dry-run')).code, 3);
  assert.is((await made.run('db:dry-run', '--accept', 'DRIFT')).code, 0);
  const accepted = await made.run('db:deploy', '--yes', '--accept', 'DRIFT');
  assert.is(accepted.code, 0, accepted.stdout);
  writeMigration(join(made.root, 'prisma'), '3_next', 'COMMENT ON TABLE "T" IS \'t\';');
  const next = await made.run('db:deploy', '--yes');
  assert.is(next.code, 0, `what was taken on is known from then on: ${next.stdout}`);
});

test('what the schema wants and no migration makes is refused, on an empty database as well', async () => {
  const schema = `enum Mood {\n  GOOD\n  BAD\n}\n${MODEL}model Forgotten {\n  id Int @id\n  mood Mood\n}\n`;
  const target = makeTarget(await postgres.createDatabase(), { '1_first': T }, schema);
  const [first] = (await rehearse(target)).findings;
  assert.equal([first?.level, first?.code], ['error', 'DRIFT']);
  assert.match(first?.message ?? '', 'it would lack type public.Mood, table public.Forgotten.');
  for (const [level, expected] of [
    ['warn', 'warn'],
    ['off', undefined],
  ] as const)
    assert.is(
      (await rehearse({ ...target, hazards: { DRIFT: level } })).findings.find(({ code }) => code === 'DRIFT')?.level,
      expected,
    );
});

test('an index that is lacking is a warning, on a new table as well: no migration has made that', async () => {
  const target = makeTarget(
    await postgres.createDatabase(),
    { '1_first': T },
    `${MODEL}model U {\n  id Int @id\n  x  Int?\n\n  @@index([x])\n}\n`,
  );
  for (const migration of readMigrations(target.migrationsDir)) await applyMigration(target.url, migration, target);
  writeMigration(
    target.root,
    '2_u',
    'CREATE TABLE "U" ("id" INTEGER NOT NULL, "x" INTEGER, CONSTRAINT "U_pkey" PRIMARY KEY ("id"));',
  );
  const told = (await rehearse(target)).findings.filter(({ code }) => code === 'DRIFT');
  assert.equal(
    told.map(({ level, message }) => [level, /it would .*/.exec(message)?.[0]]),
    [['warn', 'it would lack index public.U_x_idx.']],
  );
});

test('values of an enum are told one by one', async () => {
  const url = await postgres.createDatabase();
  const schema = 'enum Mood {\n  GOOD\n  FINE\n}\nmodel M {\n  id Int @id\n  mood Mood @default(GOOD)\n}\n';
  const target = makeTarget(
    url,
    {
      '1_m': `CREATE TYPE "Mood" AS ENUM ('GOOD', 'BAD'); CREATE TABLE "M" ("id" INTEGER NOT NULL, "mood" "Mood" NOT NULL DEFAULT 'GOOD', CONSTRAINT "M_pkey" PRIMARY KEY ("id"));`,
    },
    schema,
  );
  const told = (await rehearse(target)).findings
    .filter(({ code }) => code === 'DRIFT')
    .map(({ level, message }) => `${level} ${message}`);
  assert.match(
    told[0] ?? '',
    'error After all migrations the database would not be what the Prisma schema says: it would lack enum value public.Mood.FINE.',
  );
  assert.match(
    told[1] ?? '',
    'warn As before, the database would not be what the Prisma schema says: it would have too much: enum value public.Mood.BAD.',
  );
});

test('a schema that cannot be compared costs no answer but its own', async () => {
  const url = await postgres.createDatabase();
  const made = makeProduct(url, `${MODEL}model Broken {\n  id Nonsense @id\n}\n`, { '1_first': T });
  const before = JSON.parse((await made.run('db:status', '--json')).stdout);
  assert.equal([before.ok, before.data.pending], [false, ['1_first']]);
  assert.is(before.findings[0].code, 'DRIFT_CHECK_FAILED');
  const deployed = await made.run('db:deploy', '--yes');
  assert.is(deployed.code, 0, deployed.stdout + deployed.stderr);
  assert.is((await made.run('db:status')).code, 0);
  assert.is((await made.run('db:verify')).code, 0);
  assert.is((await made.run('db:drift')).code, 1);
});

test('a level that cannot count is refused by the config, each with a sentence', async () => {
  const url = await postgres.createDatabase();
  const made = makeProduct(
    url,
    MODEL,
    { '1_first': T },
    { database: { hazards: { MIGRATION_FAILED: 'warn', INTEGER_KEYS: 'off', DRIFT_BEFORE: 'off' } } },
  );
  const { error } = JSON.parse((await made.run('db:status', '--json')).stdout);
  assert.is(error.code, 'CONFIG_INVALID');
  assert.match(error.message, 'database.hazards.MIGRATION_FAILED: no level changes that it would fail; leave it out');
  assert.match(error.message, 'database.hazards.INTEGER_KEYS: is no code (did you mean INTEGER_KEY?)');
  assert.not.match(error.message, 'DRIFT_BEFORE');
});

test.run();
