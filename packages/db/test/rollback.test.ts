// Uses PostgreSQL, and this repository's own migrations with their down.sql.
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { OpsError } from '@drydock/kit';
import { hashInventory } from '@drydock/kit/inventory';
import { hintOf, runStepsForTest } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readState, type Target } from '../src/index.ts';
import { readMigrations } from '../src/migrations/folder.ts';
import { incompatibleWith } from '../src/rollback/incompatible.ts';
import { findDestroyed } from '../src/rollback/losses.ts';
import { planRollback } from '../src/rollback/plan.ts';
import { rollbackSteps } from '../src/rollback/steps.ts';
import { inventoryOf } from '../src/schema/inventory.ts';
import { deployNodes, makeTarget, query, writeMigration } from './world.ts';

const test = suite('db rollback');
const ROOT = join(import.meta.dirname, '../../..');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
});
test.after(() => postgres.stop());

const SCHEMA = 'model T {\n  id Int @id\n  n  Int?\n\n  @@index([n])\n}\n';
const UP = {
  '1_t': 'CREATE TABLE "T" ("id" INTEGER NOT NULL, CONSTRAINT "T_pkey" PRIMARY KEY ("id"));',
  '2_n': 'ALTER TABLE "T" ADD COLUMN "n" INTEGER;',
  '3_index': 'CREATE INDEX CONCURRENTLY "T_n_idx" ON "T"("n");',
};
const DOWN = {
  '1_t': 'DROP TABLE "T";',
  '2_n': 'ALTER TABLE "T" DROP COLUMN "n";',
  '3_index': 'DROP INDEX CONCURRENTLY "T_n_idx";',
};

async function deployed(downs: Record<string, string> = DOWN): Promise<Target> {
  const target = makeTarget(await postgres.createDatabase(), UP, SCHEMA);
  for (const [name, sql] of Object.entries(downs)) writeFileSync(join(target.migrationsDir, name, 'down.sql'), sql);
  await runStepsForTest(await deployNodes(target));
  return target;
}
const rollback = async (target: Target, wish: { to?: string; steps?: number }) => {
  const plan = await planRollback(target, { to: wish.to, steps: wish.steps });
  await runStepsForTest(rollbackSteps(target, plan));
  return plan;
};
const refusal = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error) => error as OpsError,
  );

test('the newest migrations are undone in order, and are pending again', async () => {
  const target = await deployed();
  const before = await inventoryOf(target.url).then(hashInventory);
  await rollback(target, { to: '1_t' });
  assert.equal((await readState(target)).pending, ['2_n', '3_index']);
  assert.equal(
    await query(target.url.reveal(), `SELECT column_name FROM information_schema.columns WHERE table_name = 'T'`),
    [{ column_name: 'id' }],
  );
  await runStepsForTest(await deployNodes(target));
  assert.is(await inventoryOf(target.url).then(hashInventory), before);
});

test('a down.sql that does not undo its migration is refused, and nothing is changed', async () => {
  const target = await deployed({
    ...DOWN,
    '2_n': 'ALTER TABLE "T" DROP COLUMN "n"; ALTER TABLE "T" ADD COLUMN "left" INTEGER;',
  });
  const before = await inventoryOf(target.url).then(hashInventory);
  const error = await refusal(rollback(target, { steps: 2 }));
  assert.is(error?.code, 'DOWN_UNPROVEN');
  assert.match(error?.message ?? '', 'down.sql of 2_n does not undo it');
  assert.is(await inventoryOf(target.url).then(hashInventory), before);
  assert.equal((await readState(target)).pending, []);
});

test('a missing down.sql points to restore', async () => {
  const { '2_n': _, ...rest } = DOWN;
  const error = await refusal(rollback(await deployed(rest), { steps: 2 }));
  assert.is(error?.code, 'DOWN_MISSING');
  assert.match(hintOf(error), 'Restore the latest backup');
});

test('rows that would be lost are counted on the target', async () => {
  const target = await deployed();
  await query(target.url.reveal(), 'INSERT INTO "T" VALUES (1, 5), (2, NULL), (3, 7)');
  assert.equal((await planRollback(target, { to: undefined, steps: 3 })).losses, [
    { migration: '2_n', what: 'T.n', rows: 2 },
    { migration: '1_t', what: 'T', rows: 3 },
  ]);
});

test('what destroys data is found by the parser', async () => {
  const found = await findDestroyed(
    'DROP TABLE a, "S"."b"; ALTER TABLE c DROP COLUMN d, ADD COLUMN e int; DELETE FROM f; TRUNCATE g; DROP INDEX h; SELECT 1',
  );
  assert.equal(
    found.map(({ schema, table, column }) => [schema, table, column].filter(Boolean).join('.')),
    ['a', 'S.b', 'c.d', 'f', 'g'],
  );
});

test('a rollback resumed after a kill undoes nothing twice', async () => {
  const target = await deployed();
  const plan = await planRollback(target, { to: '1_t', steps: undefined });
  const [first] = rollbackSteps(target, plan);
  if (!first) throw new Error('two steps');
  await runStepsForTest([first]);
  await runStepsForTest(rollbackSteps(target, { ...plan, undo: plan.undo.slice(1) }));
  assert.equal((await readState(target)).pending, ['2_n', '3_index']);
});

test('how far is asked for one way, and a name must be known', async () => {
  const target = await deployed();
  assert.is((await refusal(rollback(target, {})))?.exit, 2);
  assert.is((await refusal(rollback(target, { to: 'nowhere' })))?.code, 'MIGRATION_UNKNOWN');
});

test('every down.sql of the reference product undoes its migration, to the letter', async () => {
  const url = await postgres.createDatabase();
  const target: Target = {
    ...makeTarget(url, {}),
    schemaFile: join(ROOT, 'prisma/schema.prisma'),
    migrationsDir: join(ROOT, 'prisma/migrations'),
  };
  await runStepsForTest(await deployNodes(target));
  const irreversible = readMigrations(target.migrationsDir).findLastIndex(
    ({ file }) => !existsSync(join(dirname(file), 'down.sql')),
  );
  const steps = readMigrations(target.migrationsDir).length - irreversible - 1;
  assert.is((await rollback(target, { steps })).undo.length, steps);
  assert.ok(steps >= 9);
});

test('rows are counted as lost, whatever statement of a down script takes them', async () => {
  for (const sql of [
    `DO $$ BEGIN EXECUTE 'DROP TABLE "T"'; END $$;`,
    'CREATE FUNCTION f(t text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE format($q$DROP TABLE %I$q$, t); END $$; SELECT f($$T$$); DROP FUNCTION f;',
  ]) {
    const target = makeTarget(await postgres.createDatabase(), { '1_t': UP['1_t'] }, 'model T {\n  id Int @id\n}\n');
    writeFileSync(join(target.migrationsDir, '1_t', 'down.sql'), sql);
    await runStepsForTest(await deployNodes(target));
    await query(target.url.reveal(), 'INSERT INTO "T" VALUES (1), (2)');
    const { losses } = await planRollback(target, { to: undefined, steps: 1 });
    assert.equal(losses, [{ migration: '1_t', what: 'T', rows: 2 }], sql);
  }
});

test('a history that needs rows can be gone back from: the scripts are proved on a copy of the target', async () => {
  const model = (name: string) =>
    `model ${name} {\n  id BigInt @id\n  ${name === 'roles' ? 'name' : 'role_id'} ${name === 'roles' ? 'String' : 'BigInt'}\n}\n`;
  const target = makeTarget(
    await postgres.createDatabase(),
    {
      '1_tables':
        'CREATE TABLE roles(id BIGINT NOT NULL, name TEXT NOT NULL, CONSTRAINT roles_pkey PRIMARY KEY(id)); CREATE TABLE perms(id BIGINT NOT NULL, role_id BIGINT NOT NULL, CONSTRAINT perms_pkey PRIMARY KEY(id));',
    },
    `${model('roles')}${model('perms')}`,
  );
  const write = (name: string, up: string, down: string) => {
    writeMigration(dirname(target.schemaFile), name, up);
    writeFileSync(join(target.migrationsDir, name, 'down.sql'), down);
  };
  await runStepsForTest(await deployNodes(target));
  await query(target.url.reveal(), `INSERT INTO roles VALUES (1, 'admin')`);
  write('2_perms', `INSERT INTO perms VALUES (1, (SELECT id FROM roles WHERE name = 'admin'));`, 'DELETE FROM perms;');
  await runStepsForTest(await deployNodes(target));
  write('3_view', 'CREATE VIEW v AS SELECT 1 AS one;', 'DROP VIEW v;');
  await runStepsForTest(await deployNodes(target));

  writeFileSync(join(target.migrationsDir, '3_view', 'down.sql'), 'DROP VIEW v; CREATE TABLE more (n int);');
  assert.is((await refusal(rollback(target, { steps: 1 })))?.code, 'DOWN_UNPROVEN');
  writeFileSync(join(target.migrationsDir, '3_view', 'down.sql'), 'DROP VIEW v;');
  const { undone, changes } = await rollback(target, { steps: 1 });
  assert.match(undone?.because ?? '', 'null value in column "role_id"');
  assert.equal([changes.gone, undone?.onlyRan], [['column public.v.one', 'view public.v'], []]);
  assert.equal((await readState(target)).pending, ['3_view']);
  await rollback(target, { steps: 1 });
  assert.equal(await query(target.url.reveal(), 'SELECT FROM perms'), []);
});

const T = 'CREATE TABLE "T" ("id" INTEGER NOT NULL, "a" TEXT, CONSTRAINT "T_pkey" PRIMARY KEY ("id"));';
let ofOne: Promise<Target> | undefined;

/** What a version of `1_t` could not live with after another migration. */
async function incompatible(sql: string): Promise<string[]> {
  ofOne ??= (async () => {
    const made = makeTarget(await postgres.createDatabase(), { '1_t': T }, 'model T {\n  id Int @id\n  a String?\n}\n');
    await runStepsForTest(await deployNodes(made));
    return made;
  })();
  const target = await ofOne;
  const again = `DROP TABLE IF EXISTS "S", "T", "U" CASCADE; DROP TYPE IF EXISTS "E"; ${T}`;
  await query(target.url.reveal(), `${again} ${sql}`);
  return incompatibleWith(target, { since: ['2_next'], commit: 'unknown' });
}

test('a version goes on working with what only expands the database that it knows', async () => {
  const EXPANDS = [
    'ALTER TABLE "T" ADD COLUMN "n" INTEGER;',
    `ALTER TABLE "T" ADD COLUMN "n" TEXT NOT NULL DEFAULT 'x';`,
    'ALTER TABLE "T" ADD COLUMN "n" INTEGER GENERATED ALWAYS AS ("id" + 1) STORED;',
    'CREATE TABLE "U" ("id" INTEGER NOT NULL PRIMARY KEY, "t" INTEGER NOT NULL REFERENCES "T"("id"));',
    'CREATE INDEX "T_a_idx" ON "T"("a");',
    `ALTER TABLE "T" ALTER COLUMN "a" SET DEFAULT 'x';`,
    'ALTER TABLE "T" ADD COLUMN "u" INTEGER UNIQUE;',
    'CREATE TABLE "U" ("id" INTEGER NOT NULL PRIMARY KEY); ALTER TABLE "T" ADD COLUMN "u" INTEGER REFERENCES "U"("id");',
    `CREATE TYPE "E" AS ENUM ('a'); CREATE VIEW "V" AS SELECT "id" FROM "T";`,
  ];
  for (const sql of EXPANDS) assert.equal(await incompatible(sql), [], sql);
});

test('and with nothing that takes away, changes, or refuses what it may write', async () => {
  const CONTRACTS: Record<string, string> = {
    'ALTER TABLE "T" DROP COLUMN "a";': 'column public.T.a is gone',
    'ALTER TABLE "T" RENAME COLUMN "a" TO "b";': 'column public.T.a is gone',
    'ALTER TABLE "T" ALTER COLUMN "a" SET NOT NULL;': 'column public.T.a is another',
    'ALTER TABLE "T" ALTER COLUMN "a" TYPE VARCHAR(3);': 'column public.T.a is another',
    'ALTER TABLE "T" ADD COLUMN "n" INTEGER NOT NULL;': 'column public.T.n is required',
    'ALTER TABLE "T" ADD CONSTRAINT "c" CHECK ("id" > 0);': 'constraint public.T.c is new',
    'CREATE UNIQUE INDEX "T_a_key" ON "T"("a");': 'index public.T_a_key is new',
    'CREATE UNIQUE INDEX "T_lower" ON "T"(lower("a"));': 'index public.T_lower is new',
    'ALTER TABLE "T" ADD CONSTRAINT "f" FOREIGN KEY ("id") REFERENCES "T"("id");': 'constraint public.T.f is new',
    'ALTER TABLE "T" RENAME TO "S";': 'table public.T is gone',
  };
  for (const [sql, said] of Object.entries(CONTRACTS)) {
    const found = await incompatible(sql);
    assert.ok(found.includes(said), `${sql}: ${found}`);
  }
});

test.run();
