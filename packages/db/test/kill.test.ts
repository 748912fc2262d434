// Uses PostgreSQL; the tasks run as processes and are killed with SIGKILL before and after each of their steps.
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Secret } from '@drydock/kit';
import { hashInventory } from '@drydock/kit/inventory';
import { linesToKillAt } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inventoryOf } from '../src/schema/inventory.ts';
import { makeProduct, type Product } from './product.ts';
import { query } from './world.ts';

const test = suite('kill -9');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
});
test.after(() => postgres.stop());

const SCHEMA = 'model T {\n  id BigInt @id\n  n  Int?\n  m  Int?\n\n  @@index([n])\n  @@index([m])\n}\n';
const UP = {
  '1_t':
    'CREATE TABLE "T" ("id" BIGINT NOT NULL, CONSTRAINT "T_pkey" PRIMARY KEY ("id"));\nINSERT INTO "T" SELECT generate_series(1, 20000);',
  '2_n': 'ALTER TABLE "T" ADD COLUMN "n" INTEGER;\nUPDATE "T" SET "n" = "id" % 7 WHERE "id" < 5000;',
  '3_index': 'CREATE INDEX CONCURRENTLY "T_n_idx" ON "T"("n");',
  '4_pieces':
    'ALTER TABLE "T" ADD COLUMN "m" INTEGER;\nUPDATE "T" SET "m" = coalesce("m", 0) + 1 WHERE "id" < 9000;\nCREATE INDEX CONCURRENTLY "T_m_idx" ON "T"("m");\nBEGIN;\nUPDATE "T" SET "m" = "m" + 1 WHERE "id" < 9000;\nCOMMIT;',
};
const DOWN = {
  '1_t': 'DROP TABLE "T";',
  '2_n': 'ALTER TABLE "T" DROP COLUMN "n";',
  '3_index': 'DROP INDEX CONCURRENTLY "T_n_idx";',
  '4_pieces': 'DROP INDEX CONCURRENTLY "T_m_idx";\nALTER TABLE "T" DROP COLUMN "m";',
};

/** Structure, rows and Prisma's history, without what differs between any two runs. */
async function worldOf(url: string): Promise<string> {
  const history = await query(
    url,
    `SELECT migration_name, checksum, finished_at IS NOT NULL AS finished, rolled_back_at IS NOT NULL AS "rolledBack", applied_steps_count, logs
       FROM _prisma_migrations ORDER BY started_at, migration_name`,
  );
  const [there] = await query(url, `SELECT to_regclass('"T"') IS NOT NULL AS t`);
  const rows = there.t
    ? await query(url, 'SELECT count(*)::int, sum(hashtext(to_jsonb(t)::text)::bigint)::text FROM "T" t')
    : [];
  return JSON.stringify({ schema: hashInventory(await inventoryOf(new Secret(url))), history, rows });
}

async function product(template?: string): Promise<{ url: string; product: Product }> {
  const url = await postgres.createDatabase(undefined, template);
  const made = makeProduct(url, SCHEMA, UP);
  for (const [name, sql] of Object.entries(DOWN))
    writeFileSync(join(made.root, 'prisma/migrations', name, 'down.sql'), sql);
  return { url, product: made };
}

/** Goes on with what the kill left, if it left anything; the run that was begun is the run that ends. */
async function goOn(made: Product, script: string, args: string[]): Promise<void> {
  const begun = made.journal().some(({ event }) => event === 'run.started');
  const { code, stdout } = await made.run(script, ...(begun ? ['--resume'] : args), '--yes');
  assert.is(code, 0, stdout);
  const done = made.journal().filter(({ event }) => event === 'step.done');
  assert.is(new Set(done.map(({ step }) => step)).size, done.length, 'no step is done twice');
  assert.is(readdirSync(join(made.root, '.drydock/runs')).length, 1);
}

const scratches = () =>
  query(postgres.adminUrl, `SELECT datname FROM pg_database WHERE datname LIKE 'drydock_scratch_%'`);

test('a deploy killed before and after each step resumes into the schema and the history of an undisturbed one', async () => {
  const { url, product: whole } = await product();
  const first = await whole.run('db:deploy', '--yes');
  assert.is(first.code, 0, first.stdout);
  const expected = await worldOf(url);
  const lines = whole.journal().length;
  let killed = 0;
  const moments = linesToKillAt(lines, 3);
  for (const at of moments) {
    const one = await product();
    if (await one.product.killAt(at, 'db:deploy', '--yes')) killed++;
    await goOn(one.product, 'db:deploy', []);
    assert.is(await worldOf(one.url), expected, `killed at line ${at} of ${lines}`);
  }
  assert.ok(killed >= moments.length - 1, `${killed} of ${moments.length} kills came in time`);
  assert.equal(await scratches(), [], 'copies that the kills left are swept');
});

test('a rollback killed before and after each step resumes into the same', async () => {
  const args = ['--to', '1_t', '--accept-data-loss', '--yes'];
  const undisturbed = await product();
  assert.is((await undisturbed.product.run('db:deploy', '--yes')).code, 0);
  const deployed = decodeURIComponent(new URL(undisturbed.url).pathname.slice(1));
  const after = await product(deployed);
  assert.is((await after.product.run('db:rollback', ...args)).code, 0);
  const expected = await worldOf(after.url);
  const lines = after.product.journal().length;
  for (const at of linesToKillAt(lines, 2)) {
    const one = await product(deployed);
    await one.product.killAt(at, 'db:rollback', ...args);
    await goOn(one.product, 'db:rollback', args);
    assert.is(await worldOf(one.url), expected, `killed at line ${at} of ${lines}`);
  }
  assert.equal(await scratches(), []);
});

test.run();
