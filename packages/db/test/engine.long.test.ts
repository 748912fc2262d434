// Uses PostgreSQL, and the stock Prisma CLI on the engine that needs no download.
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Secret } from '@drydock/kit';
import { whenThorough } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { diffToSchema } from '../src/drift.ts';
import { withEngine } from '../src/engine/load.ts';
import { makeTarget, query } from './world.ts';

const test = suite('schema engine');
const thoroughly = whenThorough(test);
const ROOT = join(import.meta.dirname, '../../..');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
});
const folders: string[] = [];
test.after(async () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  await postgres.stop();
});

/** A Prisma project below this package, where `prisma/config` resolves, with one model. */
async function project() {
  mkdirSync(join(ROOT, '.drydock'), { recursive: true });
  const folder = mkdtempSync(join(ROOT, '.drydock/prisma-test-'));
  folders.push(folder);
  mkdirSync(join(folder, 'prisma'));
  const url = await postgres.createDatabase();
  writeFileSync(
    join(folder, 'prisma/schema.prisma'),
    'datasource db {\n  provider = "postgresql"\n}\nmodel A {\n  id Int @id\n}\n',
  );
  writeFileSync(
    join(folder, 'prisma.config.ts'),
    `import { defineConfig } from 'prisma/config';\nprocess.env.PRISMA_SCHEMA_ENGINE_BINARY = ${JSON.stringify(join(ROOT, 'packages/db/bin/schema-engine'))};\nexport default defineConfig({ schema: 'prisma/schema.prisma', datasource: { url: process.env.URL ?? '' } });\n`,
  );
  const prisma = (...args: string[]) =>
    promisify(execFile)(join(ROOT, 'node_modules/.bin/prisma'), args, {
      cwd: folder,
      env: { ...process.env, URL: url },
    }).then(({ stdout }) => stdout);
  return {
    folder,
    url,
    prisma,
    schema: join(folder, 'prisma/schema.prisma'),
    migrations: join(folder, 'prisma/migrations'),
  };
}

thoroughly('migrate dev --name makes and applies a migration, and the next one from a changed schema', async () => {
  const { prisma, schema, migrations, url } = await project();
  assert.match(await prisma('migrate', 'dev', '--name', 'first'), 'Your database is now in sync with your schema.');
  writeFileSync(schema, `${readFileSync(schema, 'utf8')}\nmodel B {\n  id   Int    @id\n  name String\n}\n`);
  await prisma('migrate', 'dev', '--name', 'second');
  const made = readdirSync(migrations)
    .filter((name) => /^\d/.test(name))
    .sort();
  assert.equal(
    made.map((name) => name.replace(/^\d+_/, '')),
    ['first', 'second'],
  );
  assert.match(readFileSync(join(migrations, made[1] ?? '', 'migration.sql'), 'utf8'), 'CREATE TABLE "B"');
  assert.match(await prisma('migrate', 'status'), 'Database schema is up to date!');
  assert.is(await diffToSchema(new Secret(url), schema), undefined);
});

thoroughly('db pull and diff work, and a function with semicolons survives a deploy', async () => {
  const { prisma, migrations, url } = await project();
  mkdirSync(join(migrations, '20260101000000_first'), { recursive: true });
  writeFileSync(join(migrations, 'migration_lock.toml'), 'provider = "postgresql"\n');
  writeFileSync(
    join(migrations, '20260101000000_first/migration.sql'),
    'CREATE TABLE "A" ("id" INTEGER NOT NULL, CONSTRAINT "A_pkey" PRIMARY KEY ("id"));\nCREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END; $$;\n',
  );
  await prisma('migrate', 'deploy');
  assert.equal(await query(url, 'SELECT f()'), [{ f: 1 }]);
  assert.match(await prisma('db', 'pull', '--print'), 'model A {');
  assert.match(
    await prisma('migrate', 'diff', '--from-empty', '--to-schema', 'prisma/schema.prisma', '--script'),
    'CREATE TABLE "A"',
  );
});

test('drift is what Prisma says it is', async () => {
  const { prisma, schema, url } = await project();
  await prisma('migrate', 'dev', '--name', 'first');
  await query(url, 'ALTER TABLE "A" ADD COLUMN by_hand INT');
  assert.match((await diffToSchema(new Secret(url), schema)) ?? '', 'DROP COLUMN "by_hand"');
});

test('a database with check and exclusion constraints can be compared, and a panic of the engine is an error', async () => {
  const target = makeTarget(await postgres.createDatabase(), {});
  await query(
    target.url.reveal(),
    'CREATE TABLE t (id int PRIMARY KEY, r int4range, CHECK (id > 0), EXCLUDE USING gist (r WITH &&))',
  );
  assert.match((await diffToSchema(target.url, target.schemaFile)) ?? '', 'DROP TABLE "t"');
  const registry = (globalThis as unknown as { PRISMA_WASM_PANIC_REGISTRY: { set_message(text: string): void } })
    .PRISMA_WASM_PANIC_REGISTRY;
  const stuck = withEngine(target.url.reveal(), () => new Promise<never>(() => {}));
  await new Promise((done) => setTimeout(done, 500));
  registry.set_message('panicked at postgres.rs:1');
  const error = await stuck.catch((thrown: Error) => thrown);
  assert.match(error.message, "Prisma's schema engine gave up: panicked at postgres.rs:1");
  assert.match((await diffToSchema(target.url, target.schemaFile)) ?? '', 'DROP TABLE "t"', 'the next call works');
});

test.run();
