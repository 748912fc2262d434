// Uses PostgreSQL, and the stock Prisma CLI: what db:status says of an attempt that failed, whoever made it.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Secret } from '@drydock/kit';
import { runTaskForTest } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import status from '../scripts/status.ts';
import { applyMigration } from '../src/migrations/apply.ts';
import { readAttempt } from '../src/migrations/attempt.ts';
import { readMigration } from '../src/migrations/folder.ts';
import { makeProduct } from './product.ts';
import { query } from './world.ts';

const test = suite('attempts that failed');
const ROOT = join(import.meta.dirname, '../../..');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres();
});
test.after(() => postgres.stop());

const SCHEMA = 'model T {\n  id BigInt @id\n  n  Int?\n}\n';
const TABLE =
  'CREATE TABLE "T" ("id" BIGINT NOT NULL, "n" INTEGER, CONSTRAINT "T_pkey" PRIMARY KEY ("id"));\nINSERT INTO "T" SELECT g, 1 FROM generate_series(1, 3) g;';

async function product(second: string) {
  const url = await postgres.createDatabase();
  const made = makeProduct(url, SCHEMA, { '1_t': TABLE, '2_b': second });
  const apply = (name: string) =>
    applyMigration(new Secret(url), readMigration(join(made.root, 'prisma/migrations'), name), { lockTimeoutMs: 500 });
  await apply('1_t');
  const look = async () => {
    const { outcome, error, said } = await runTaskForTest(status, made.root, ['--env', 'staging']);
    assert.is(error, undefined, error?.message);
    const { attempts, pending, failed } = (outcome?.data ?? {}) as Record<'attempts' | 'pending' | 'failed', never[]>;
    const findings = (outcome?.findings ?? []).map(({ level, code, message, hint }) => ({
      level,
      code,
      message,
      hint,
    }));
    return { attempts, pending, failed, findings, said: said.join('\n'), verdict: outcome?.verdict };
  };
  return { url, made, apply, look };
}

test('a migration that was taken back is pending, and the statement that failed is shown with its place and the DETAIL', async () => {
  const { url, apply, look } = await product(
    'ALTER TABLE "T" ADD COLUMN "x" INT;\n\n  CREATE UNIQUE INDEX "T_n_key" ON "T"("n");\nSELECT 1;',
  );
  await apply('2_b').then(
    () => assert.unreachable(),
    ({ message }) =>
      assert.match(message, /2_b\/migration\.sql:3:3: could not create unique index "T_n_key" \(Key \(n\)=\(1\)/),
  );
  const { pending, findings, said, attempts } = await look();
  assert.equal(pending, ['2_b']);
  assert.is(attempts.length, 1);
  assert.equal([findings[0]?.level, findings[0]?.code], ['warn', 'LAST_ATTEMPT_FAILED']);
  assert.match(
    findings[0]?.message ?? '',
    '2_b failed: prisma/migrations/2_b/migration.sql:3:3: could not create unique index "T_n_key" (Key (n)=(1) is duplicated) [23505].',
  );
  assert.match(said, /2_b failed \d{4}-.* in: CREATE UNIQUE INDEX "T_n_key" ON "T"\("n"\)/);
  await query(url, 'DELETE FROM "T" WHERE id > 1');
  await apply('2_b');
  const mended = await look();
  assert.equal([mended.pending, mended.attempts], [[], []]);
});

test('one that runs in pieces stands there as failed, with what is in effect', async () => {
  const { apply, look } = await product(
    'ALTER TABLE "T" ADD COLUMN "x" INT;\nCREATE UNIQUE INDEX CONCURRENTLY "T_n_key" ON "T"("n");',
  );
  await apply('2_b').catch(() => {});
  const { findings, failed, said } = await look();
  assert.is(failed.length, 1);
  assert.equal([findings[0]?.level, findings[0]?.code], ['error', 'MIGRATION_FAILED_BEFORE']);
  assert.match(
    findings[0]?.message ?? '',
    '2_b/migration.sql:2:1: could not create unique index "T_n_key" (Key (n)=(1) is duplicated)',
  );
  assert.match(findings[0]?.hint ?? '', /npm run db:resolve -- .*--rolled-back 2_b/);
  assert.match(said, 'in: CREATE UNIQUE INDEX CONCURRENTLY');
});

test('a column, also behind other letters; and where in a block', async () => {
  const one = await product('SELECT 1;\nSELECT \'äö😀\', "nope" FROM "T";');
  await one.apply('2_b').catch(() => {});
  assert.match((await one.look()).findings[0]?.message ?? '', `2_b/migration.sql:2:15: column "nope" does not exist`);
  const two = await product(
    "SELECT 1;\nDO $$ BEGIN\n  RAISE EXCEPTION 'no' USING DETAIL = 'since', HINT = 'try';\nEND $$;",
  );
  await two.apply('2_b').catch(() => {});
  assert.match(
    (await two.look()).findings[0]?.message ?? '',
    `2_b/migration.sql:2:1: no (since; PostgreSQL's hint: try; in PL/pgSQL function inline_code_block line 2 at RAISE) [P0001]`,
  );
});

test('a failure of the stock CLI is read as well, and ours is none to it', async () => {
  const { url, made, look, apply } = await product('SELECT 1;\nSELECT nope FROM "T";');
  await apply('2_b').catch(() => {});
  writeFileSync(join(made.root, 'prisma/migrations/migration_lock.toml'), 'provider = "postgresql"\n');
  writeFileSync(
    join(made.root, 'prisma.config.ts'),
    `process.env.PRISMA_SCHEMA_ENGINE_BINARY = ${JSON.stringify(join(ROOT, 'packages/db/bin/schema-engine'))};\nexport default { schema: 'prisma/schema.prisma', migrations: { path: 'prisma/migrations' }, datasource: { url: '${url}' } };\n`,
  );
  const prisma = (...args: string[]) =>
    promisify(execFile)(join(ROOT, 'node_modules/.bin/prisma'), args, { cwd: made.root }).then(
      ({ stdout }) => stdout,
      ({ stdout, stderr }) => stdout + stderr,
    );
  const said = await prisma('migrate', 'deploy');
  assert.match(said, 'column "nope" does not exist', said);
  const { findings, failed } = await look();
  assert.is(failed.length, 1);
  assert.match(findings[0]?.message ?? '', 'column "nope" does not exist');
  assert.match(findings[0]?.message ?? '', '[42703]');
});

test('what nobody wrote in either way is told as it is', () => {
  assert.is(readAttempt('boom\nbang').message, 'boom');
  const prisma = readAttempt(
    'A migration failed to apply. New migrations cannot be applied before the error is recovered from.\n\nMigration name: 2_b\n\nDatabase error code: 2BP01\n\nDatabase error:\nERROR: cannot drop table a because other objects depend on it\nDETAIL: view v depends on table a\nview w depends on table a\nHINT: Use DROP ... CASCADE to drop the dependent objects too.\n\nDbError { severity: "ERROR", position: Some(Original(12)) }',
    'SELECT 1;\n  DROP TABLE a;',
  );
  assert.equal(
    [prisma.code, prisma.message, prisma.detail, prisma.hint, prisma.line, prisma.column],
    [
      '2BP01',
      'cannot drop table a because other objects depend on it',
      'view v depends on table a\nview w depends on table a',
      'Use DROP ... CASCADE to drop the dependent objects too.',
      2,
      2,
    ],
  );
});

test.run();
