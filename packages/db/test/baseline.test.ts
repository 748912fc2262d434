// Uses PostgreSQL, and the stock Prisma CLI: a database that was there before its migrations.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { runTaskForTest } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import baseline from '../scripts/baseline.ts';
import { makeProduct } from './product.ts';
import { query } from './world.ts';

const test = suite('db:baseline');
const ROOT = join(import.meta.dirname, '../../..');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
});
test.after(() => postgres.stop());

const SCHEMA = 'model T {\n  id BigInt @id\n  n  Int?\n}\n';
const FIRST = 'CREATE TABLE "T" ("id" BIGINT NOT NULL, CONSTRAINT "T_pkey" PRIMARY KEY ("id"));';
const SECOND =
  'ALTER TABLE "T" ADD COLUMN "n" INTEGER;\nCREATE FUNCTION one() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$;';

async function product(there: string) {
  const url = await postgres.createDatabase();
  await query(url, there);
  const made = makeProduct(url, SCHEMA, { '1_t': FIRST, '2_n': SECOND });
  writeFileSync(join(made.root, 'prisma/migrations/migration_lock.toml'), 'provider = "postgresql"\n');
  writeFileSync(
    join(made.root, 'prisma.config.ts'),
    `process.env.PRISMA_SCHEMA_ENGINE_BINARY = ${JSON.stringify(join(ROOT, 'packages/db/bin/schema-engine'))};\nexport default { schema: 'prisma/schema.prisma', migrations: { path: 'prisma/migrations' }, datasource: { url: '${url}' } };\n`,
  );
  const run = (...args: string[]) => runTaskForTest(baseline, made.root, ['--env', 'staging', ...args]);
  const prisma = (...args: string[]) =>
    promisify(execFile)(join(ROOT, 'node_modules/.bin/prisma'), args, { cwd: made.root }).then(({ stdout }) => stdout);
  return { url, run, prisma, ask: made.ask };
}

const history = (url: string) =>
  query(url, 'SELECT migration_name AS name FROM _prisma_migrations ORDER BY started_at').catch(() => []);

test('what is what the migrations make is recorded, once, and the stock CLI agrees', async () => {
  const { url, run, prisma } = await product(
    `${FIRST}\n${SECOND}\nCREATE TABLE old_stuff (n int); INSERT INTO "T" VALUES (1)`,
  );
  const looked = await run('--check');
  assert.is(looked.error, undefined, looked.error?.message);
  assert.equal(await history(url), [], 'a look records nothing');
  const { outcome, error } = await run('--yes');
  assert.is(error, undefined, error?.message);
  assert.equal(
    outcome?.findings?.map(({ code }) => code).filter((code) => code !== 'BASELINE_BESIDES'),
    [],
  );
  assert.match(JSON.stringify(outcome?.findings), 'table public.old_stuff');
  assert.equal(await history(url), [{ name: '1_t' }, { name: '2_n' }]);
  assert.match(await prisma('migrate', 'status'), 'Database schema is up to date!');
  assert.is((await run('--yes')).error?.code, 'BASELINE_EXISTS');
});

test('what differs is named and refused, with the migration up to which it fits; then that is recorded', async () => {
  const { url, run, ask } = await product(FIRST);
  const refused = await run('--yes');
  assert.equal([refused.error?.code, refused.error?.exit], ['BASELINE_DIFFERS', 3]);
  assert.match(refused.error?.message ?? '', /lacks column public\.T\.n; it lacks function public\.one/);
  assert.match(refused.error?.hint ?? '', '--through 1_t');
  assert.equal(await history(url), []);
  const { outcome } = await run('--check');
  assert.equal([outcome?.findings?.length, outcome?.findings?.[0]?.level], [2, 'error']);
  assert.is((await run('--through', '1_t', '--yes')).error, undefined);
  assert.equal(await history(url), [{ name: '1_t' }]);
  const deployed = await ask('db:deploy', '--yes');
  assert.is(deployed.code, 0, JSON.stringify(deployed));
});

test('a type, a body that is another is told with both; it can be taken on, and a wrong name is none', async () => {
  const { url, run } = await product(
    `${FIRST.replace('BIGINT', 'INTEGER')}\n${SECOND.replace('SELECT 1', 'SELECT 2')}`,
  );
  const refused = await run('--yes');
  assert.match(
    refused.error?.message ?? '',
    'its column public.T.id is "integer NOT NULL", where the migrations make "bigint NOT NULL"',
  );
  assert.match(refused.error?.message ?? '', 'its function public.one()');
  assert.equal(
    [(await run('--through', '9_x', '--yes')).error?.code, (await run('--throuh', '1')).error?.exit],
    ['MIGRATION_UNKNOWN', 2],
  );
  const { outcome, error } = await run('--accept-differences', '--yes');
  assert.is(error, undefined, error?.message);
  assert.equal(
    outcome?.findings?.map(({ level }) => level),
    ['warn', 'warn'],
  );
  assert.is((await history(url)).length, 2);
});

test.run();
