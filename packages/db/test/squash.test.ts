// Uses PostgreSQL, and the stock Prisma CLI: many migrations become one, and both tools agree before and after.
import { execFile } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Secret } from '@drydock/kit';
import { linesToKillAt, runStepsForTest, runTaskForTest } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import resolve from '../scripts/resolve.ts';
import squash from '../scripts/squash.ts';
import status from '../scripts/status.ts';
import { planDeploy, rehearse, type Target } from '../src/index.ts';
import { withMigrations } from '../src/migrations/apply.ts';
import { readMigrations } from '../src/migrations/folder.ts';
import { recordSquash } from '../src/migrations/resolve.ts';
import { readState } from '../src/migrations/state.ts';
import { inventoryOf } from '../src/schema/inventory.ts';
import { planSquash } from '../src/squash/plan.ts';
import { squashSteps } from '../src/squash/steps.ts';
import { makeProduct } from './product.ts';
import { deployNodes, makeTarget, query, writeMigration } from './world.ts';

const test = suite('db:squash');
const ROOT = join(import.meta.dirname, '../../..');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
});
test.after(() => postgres.stop());

const SCHEMA =
  'enum mood {\n  a\n  b\n}\nmodel T {\n  id BigInt @id\n  n  Int?\n  m  mood @default(a)\n\n  @@index([n], map: "T_n")\n}\n';
/** With what makes the concatenation of files go wrong: their own transactions, settings and sessions, and what runs alone. */
const FILES: Record<string, string> = {
  '1_t': `BEGIN;\nCREATE TYPE mood AS ENUM ('a');\nCREATE TABLE "T" ("id" BIGINT NOT NULL, "n" INTEGER, CONSTRAINT "T_pkey" PRIMARY KEY ("id"));\nCOMMIT;\n`,
  '2_n': `CREATE INDEX CONCURRENTLY IF NOT EXISTS "T_n" ON "T"("n") -- beside the others`,
  '3_m': `SET lock_timeout = '5s';\nALTER TYPE mood ADD VALUE 'b';`,
  '4_u': `SET search_path = pg_catalog, public;\nSET ROLE NONE;\nCREATE TEMPORARY TABLE seen (id int);\nALTER TABLE public."T" ADD COLUMN "m" mood NOT NULL DEFAULT 'a';`,
  '5_v': `CREATE TEMPORARY TABLE seen (id int);\nINSERT INTO "T" VALUES (1, 1, 'b'), (2, 2, 'a');\nCREATE VIEW v AS SELECT id FROM "T";\nCREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END; $$;\nCREATE TRIGGER t BEFORE UPDATE ON "T" FOR EACH ROW EXECUTE FUNCTION f();\nVACUUM "T";`,
};

async function product(files: Record<string, string> = FILES) {
  const url = await postgres.createDatabase();
  const made = makeProduct(url, SCHEMA, files);
  const migrations = join(made.root, 'prisma/migrations');
  writeFileSync(join(migrations, 'migration_lock.toml'), 'provider = "postgresql"\n');
  const on = (database: string) =>
    writeFileSync(
      join(made.root, 'prisma.config.ts'),
      `process.env.PRISMA_SCHEMA_ENGINE_BINARY = ${JSON.stringify(join(ROOT, 'packages/db/bin/schema-engine'))};\nexport default { schema: 'prisma/schema.prisma', migrations: { path: 'prisma/migrations' }, datasource: { url: '${database}' } };\n`,
    );
  const target = (database = url): Target => ({
    ...makeTarget(database, {}),
    root: made.root,
    migrationsDir: migrations,
    schemaFile: join(made.root, 'prisma/schema.prisma'),
  });
  const prisma = (...args: string[]) =>
    promisify(execFile)(join(ROOT, 'node_modules/.bin/prisma'), args, { cwd: made.root }).then(({ stdout }) => stdout);
  const run = (task: typeof squash | typeof resolve | typeof status, ...args: string[]) =>
    runTaskForTest(task, made.root, ['--env', 'staging', ...args]);
  const folders = () => readdirSync(migrations).filter((name) => !name.includes('.'));
  on(url);
  return { ...made, url, on, prisma, run, folders, migrations, target };
}

async function applyAll(target: Target): Promise<void> {
  await withMigrations(target.url, async (session) => {
    for (const migration of readMigrations(target.migrationsDir)) await session.apply(migration, target);
  });
}

const squashIt = async (target: Target, wish: { through?: string; name?: string } = {}) =>
  runStepsForTest(
    squashSteps(target, await planSquash(target, { through: undefined, name: undefined, ...wish })).nodes,
  );
const refusal = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error) => error,
  );

const rows = (url: string) =>
  query(
    url,
    'SELECT migration_name AS name FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL ORDER BY started_at',
  ).then((all) => all.map(({ name }) => name));

test('one migration makes the same, is recorded where all are applied, and made anew where none is; the stock CLI agrees', async () => {
  const { run, ask, prisma, folders, url, on, root, target } = await product();
  await applyAll(target());
  const before = await inventoryOf(new Secret(url));
  assert.is((await run(squash, '--plan')).error, undefined);
  assert.is(folders().length, 5, 'a plan changes nothing');
  const { outcome, error } = await run(squash, '--yes');
  assert.is(error, undefined, error?.message);
  assert.equal([folders(), outcome?.findings], [['5_squashed'], []]);
  assert.equal(readdirSync(join(root, '.drydock/squashed/5_squashed')).sort(), Object.keys(FILES));
  const told = await run(status);
  assert.equal([told.outcome?.ok, told.outcome?.findings?.map(({ code }) => code)], [false, ['SQUASH_UNRECORDED']]);
  assert.is(told.outcome?.verdict, 'All is applied on staging, and 1 squash to be recorded.');
  assert.match(told.outcome?.next ?? '', 'db:deploy');
  assert.equal((await rehearse(target())).findings, []);
  const deployed = await ask('db:deploy', '--yes');
  assert.is(deployed.code, 0, JSON.stringify(deployed));
  assert.equal(await rows(url), [...Object.keys(FILES), '5_squashed']);
  assert.is((await run(status)).outcome?.ok, true);
  assert.match(await prisma('migrate', 'status'), 'Database schema is up to date!');
  assert.match(await prisma('migrate', 'deploy'), 'No pending migrations to apply');
  const own = (key: string) => !/drydock|of the database/.test(key);
  assert.equal([...(await inventoryOf(new Secret(url))).keys()].filter(own), [...before.keys()].filter(own));

  const ours = await postgres.createDatabase();
  const theirs = await postgres.createDatabase();
  await runStepsForTest(await deployNodes(target(ours)));
  on(theirs);
  await prisma('migrate', 'deploy');
  for (const fresh of [ours, theirs]) {
    assert.equal(await rows(fresh), ['5_squashed']);
    const made = await inventoryOf(new Secret(fresh));
    assert.equal([...made.keys()].filter(own).sort(), [...before.keys()].filter(own).sort());
    assert.equal(await query(fresh, 'SELECT id::int, m FROM "T" ORDER BY id'), [
      { id: 1, m: 'b' },
      { id: 2, m: 'a' },
    ]);
  }
});

test('a database that has a part of them, or another version, is refused in one sentence, and is left as it is', async () => {
  const { run, url, migrations, root, target } = await product();
  const aside = join(root, 'aside');
  renameSync(join(migrations, '5_v'), aside);
  await applyAll(target());
  renameSync(aside, join(migrations, '5_v'));
  const pending = await run(squash, '--yes');
  assert.equal([pending.error?.code, pending.error?.exit], ['SQUASH_PENDING', 3]);
  await squashIt(target(await postgres.createDatabase()));
  const was = await rows(url);
  assert.is((await refusal(planDeploy(target())))?.code, 'SQUASH_PARTLY');
  assert.equal(
    (await rehearse(target())).findings.map(({ code }) => code),
    ['SQUASH_PARTLY'],
  );
  assert.equal(
    (await run(status)).outcome?.findings?.map(({ code, level }) => [level, code]),
    [['error', 'SQUASH_PARTLY']],
  );
  const { error } = await run(resolve, '--applied', '5_squashed', '--yes');
  assert.is(error?.code, 'SQUASH_PARTLY');
  assert.match(error?.message ?? '', 'lacks 1: 5_v');
  assert.equal(await rows(url), was);
  await query(url, `UPDATE _prisma_migrations SET checksum = repeat('0', 64) WHERE migration_name = '1_t'`);
  assert.match((await refusal(planDeploy(target()))).message, '1_t (another version of it)');
});

test('db:resolve records it as well; a squash of squashes stands for what the first stood for', async () => {
  const { run, url, folders, migrations, target } = await product();
  await applyAll(target());
  await squashIt(target(), { through: '3_m' });
  assert.equal(folders(), ['3_squashed', '4_u', '5_v']);
  await squashIt(target(), { name: '9_all' });
  assert.equal(folders(), ['9_all']);
  const said = JSON.parse(readFileSync(join(migrations, '9_all/squashed.json'), 'utf8'));
  assert.equal(
    said.standsFor.map(({ name }: { name: string }) => name),
    ['3_squashed', '4_u', '5_v'],
  );
  const { error } = await run(resolve, '--applied', '9_all', '--yes');
  assert.is(error, undefined, error?.message);
  assert.equal((await rows(url)).at(-1), '9_all');
  assert.equal((await planDeploy(target())).pending, []);
});

test('where developers work the old rows count no more, so that prisma migrate dev finds nothing that it has not', async () => {
  const { url, target } = await product({ '1_t': FILES['1_t'] ?? '', '2_n': FILES['2_n'] ?? '' });
  const here: Target = { ...target(), developers: 'staging' };
  await applyAll(here);
  await squashIt(here);
  await recordSquash(here, '2_squashed');
  await recordSquash(here, '2_squashed');
  assert.equal(await rows(url), ['2_squashed']);
  const { missing, pending } = await readState(here);
  assert.equal([missing, pending], [[], []]);
});

test('what hangs on a transaction of its own is told, and not squashed', async () => {
  const { target, folders } = await product({
    '1_t': FILES['1_t'] ?? '',
    '2_d': 'DO $$ BEGIN UPDATE "T" SET n = 1; COMMIT; END $$;',
    '3_x': `CREATE TABLE x (at timestamptz DEFAULT now()); INSERT INTO x SELECT now() WHERE NOT EXISTS (SELECT FROM "T" WHERE xmin::text = pg_current_xact_id()::text);`,
    '4_y': `DO $$ BEGIN IF EXISTS (SELECT FROM pg_class WHERE relname = 'x' AND xmin::text = pg_current_xact_id()::text) THEN RAISE 'together'; END IF; END $$;`,
  });
  const { name, standsFor } = await planSquash(target(), { through: undefined, name: undefined });
  assert.equal([name, standsFor.length], ['4_squashed', 4]);
  // In pieces: each has a transaction of its own, as before.
  await squashIt(target());
  assert.equal(folders(), ['4_squashed']);
});

test('killed anywhere it is gone on with; half of it is never deployed', async () => {
  const whole = await product();
  const done = await whole.run(squash, '--yes');
  assert.is(done.error, undefined, done.error?.message);
  const made = readFileSync(join(whole.migrations, '5_squashed/migration.sql'), 'utf8');
  // Behind the first line nothing has been done yet.
  for (const lines of linesToKillAt(whole.journal().length, 3).slice(1)) {
    const { ask, killAt, folders, migrations, journal, target } = await product();
    await killAt(lines, 'db:squash', '--yes');
    const both = existsSync(join(migrations, '5_squashed')) && folders().length > 1;
    if (both) assert.is((await refusal(planDeploy(target())))?.code, 'SQUASH_UNFINISHED');
    const begun = journal().some(({ event }) => event === 'run.started');
    const ended = await ask('db:squash', '--yes', ...(begun ? ['--resume'] : []));
    assert.is(ended.code, 0, JSON.stringify(ended));
    assert.equal(folders(), ['5_squashed']);
    assert.is(readFileSync(join(migrations, '5_squashed/migration.sql'), 'utf8'), made);
  }
});

test('both in one folder are refused until db:squash has come to its end', async () => {
  const { migrations, target, root } = await product();
  const kept = join(root, 'kept');
  cpSync(migrations, kept, { recursive: true });
  await squashIt(target());
  cpSync(join(kept, '1_t'), join(migrations, '1_t'), { recursive: true });
  assert.is((await refusal(planDeploy(target())))?.code, 'SQUASH_UNFINISHED');
});

test("squashed by hand, as Prisma's manual has it, is told and refuses nothing; what another branch has is refused until it is forgotten", async () => {
  const { run, prisma, migrations, url, target } = await product({
    '1_t': FILES['1_t'] ?? '',
    '2_n': FILES['2_n'] ?? '',
  });
  await applyAll(target());
  for (const name of ['1_t', '2_n']) rmSync(join(migrations, name), { recursive: true });
  writeMigration(join(migrations, '..'), '000_squashed', `${FILES['1_t']}\n${FILES['2_n']}`);
  await prisma('migrate', 'resolve', '--applied', '000_squashed');
  writeMigration(join(migrations, '..'), '3_m', 'ALTER TABLE "T" ADD COLUMN later INT;');
  assert.equal(
    (await planDeploy(target())).pending.map(({ name }) => name),
    ['3_m'],
  );
  assert.ok((await rehearse(target())).findings.some(({ code }) => code === 'MIGRATION_SQUASHED'));
  assert.ok((await run(status)).outcome?.findings?.some(({ code }) => code === 'MIGRATION_SQUASHED'));
  await applyAll({ ...target(), migrationsDir: only(migrations, '3_m') });
  rmSync(join(migrations, '3_m'), { recursive: true });
  const refused = await refusal(planDeploy(target()));
  assert.is(refused?.code, 'MIGRATION_MISSING');
  assert.match(JSON.stringify(refused.hint), '3_m');
  assert.is((await run(resolve, '--forget', '1_t', '--yes')).error?.code, 'NOTHING_TO_RESOLVE');
  assert.is((await run(resolve, '--forget', '3_m', '--yes')).error, undefined);
  assert.not.ok((await rows(url)).includes('3_m'));
  assert.equal((await planDeploy(target())).pending, []);
});

/** A folder with this one migration. */
function only(migrations: string, name: string): string {
  const folder = `${migrations}-${name}`;
  cpSync(join(migrations, name), join(folder, name), { recursive: true });
  return folder;
}

test.run();
