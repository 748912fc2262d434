// Uses PostgreSQL 14, 18 and the machine's own; the tasks run as processes, as a person would.
import { appendFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { whenThorough } from '@drydock/kit/testing';
import { postgresOf, startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeProduct } from './product.ts';
import { query, withClient } from './world.ts';

const test = suite('bad input');
const thoroughly = whenThorough(test);
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
});
test.after(() => postgres.stop());

const SCHEMA = 'model T {\n  id BigInt @id\n}\n';
const TABLE = 'CREATE TABLE "T" ("id" BIGINT NOT NULL, CONSTRAINT "T_pkey" PRIMARY KEY ("id"));';
const product = async (migrations: Record<string, string>, schema = SCHEMA) =>
  makeProduct(await postgres.createDatabase(), schema, migrations);
const tables = (url: string) =>
  query(url, `SELECT relname FROM pg_class WHERE relname IN ('T', 'T2', '_prisma_migrations') ORDER BY 1`);

test('an empty migration is recorded, and nothing else', async () => {
  const made = await product({ '1_t': TABLE, '2_empty': '' });
  const { code, data } = await made.ask('db:deploy', '--yes');
  assert.is(code, 0);
  assert.equal(data.applied, ['1_t', '2_empty']);
  assert.is((await made.ask('db:status')).code, 0);
});

test('a syntax error is told by file, line and column before anything is applied', async () => {
  const url = await postgres.createDatabase();
  const made = makeProduct(url, SCHEMA, { '1_t': TABLE, '2_bad': 'SELECT 1;\nALTER TABEL "T" ADD n INT;' });
  const rehearsal = await made.ask('db:dry-run');
  assert.is(rehearsal.code, 3);
  const [found] = rehearsal.findings.filter(({ level }: { level: string }) => level === 'error');
  assert.is(found.code, 'MIGRATION_SYNTAX');
  assert.match(found.message, /2_bad\/migration\.sql:2:7: syntax error at or near "TABEL"/);
  assert.is(found.line, 2);
  const deploy = await made.ask('db:deploy', '--yes');
  assert.is(deploy.code, 1);
  assert.match(deploy.error.message, ':2:7: syntax error');
  assert.equal(await tables(url), []);
});

test('a migrations folder that is not there is a fault of the configuration', async () => {
  const made = await product({ '1_t': TABLE });
  rmSync(join(made.root, 'prisma/migrations'), { recursive: true });
  for (const script of ['db:status', 'db:dry-run', 'db:deploy']) {
    const { code, error } = await made.ask(script);
    assert.is(code, 2, script);
    assert.match(error.hint, 'database.migrations');
  }
});

test('a folder that has lost its file, or migrations of another database, are refused by everything that looks', async () => {
  const made = await product({ '1_t': TABLE, '2_lost': 'SELECT 1;' });
  const folder = join(made.root, 'prisma/migrations');
  const refused = async (code: string, message: RegExp) => {
    for (const script of ['db:status', 'db:verify', 'db:dry-run', 'db:deploy']) {
      const { code: exit, error } = await made.ask(script);
      assert.equal([exit, error?.code], [2, code], script);
      assert.match(error.message, message);
    }
  };
  renameSync(join(folder, '2_lost/migration.sql'), join(folder, '2_lost/Migration.SQL'));
  await refused('MIGRATION_FILE_MISSING', /2_lost has no migration\.sql, but a Migration\.SQL/);
  renameSync(join(folder, '2_lost/Migration.SQL'), join(folder, '2_lost/migration.sql'));
  writeFileSync(join(folder, 'migration_lock.toml'), '# by Prisma\nprovider = "mysql"\n');
  await refused('MIGRATION_PROVIDER', /for mysql, not for postgresql/);
  writeFileSync(join(folder, 'migration_lock.toml'), 'provider = "postgresql"\n');
  assert.is((await made.ask('db:deploy', '--yes')).code, 0);
});

test('a migration that was edited after it was applied: status says no, deploy refuses', async () => {
  const made = await product({ '1_t': TABLE });
  await made.run('db:deploy', '--yes');
  appendFileSync(join(made.root, 'prisma/migrations/1_t/migration.sql'), '\n-- later');
  const status = await made.ask('db:status');
  assert.is(status.code, 3);
  assert.equal(status.data.edited, ['1_t']);
  const deploy = await made.ask('db:deploy', '--yes');
  assert.is(deploy.code, 1);
  assert.is(deploy.error.code, 'MIGRATION_EDITED');
});

test('a database that cannot be reached is one sentence and exit 1', async () => {
  const made = makeProduct('postgresql://owner:password@127.0.0.1:9/none', SCHEMA, { '1_t': TABLE });
  for (const script of ['db:status', 'db:dry-run', 'db:deploy', 'db:verify', 'db:drift', 'db:slow']) {
    const { code, stdout, stderr } = await made.run(script);
    assert.is(code, 1, script);
    assert.match(stdout + stderr, 'PostgreSQL at 127.0.0.1:9 cannot be reached (ECONNREFUSED)', script);
    assert.not.match(stdout + stderr, / {4}at /, 'no stack');
  }
});

for (const major of [14, 18] as const)
  thoroughly(`everything works on PostgreSQL ${major}, whatever version pg_dump is of`, async () => {
    const binaries = postgresOf(major);
    if (!binaries) return;
    const other = await startTestPostgres({ binaries, settings: { shared_preload_libraries: '' } });
    try {
      const url = await other.createDatabase();
      const made = makeProduct(url, SCHEMA, {
        '1_t':
          'CREATE TABLE "T" ("id" BIGINT NOT NULL, CONSTRAINT "T_pkey" PRIMARY KEY ("id"));\nINSERT INTO "T" VALUES (1);',
      });
      assert.is((await made.run('db:deploy', '--yes')).code, 0);
      await query(url, 'ANALYZE');
      writeFileSync(
        join(made.root, 'prisma/schema.prisma'),
        'datasource db {\n  provider = "postgresql"\n}\nmodel T {\n  id BigInt @id\n  n  Int?\n\n  @@index([n])\n}\n',
      );
      made.write('2_n', 'ALTER TABLE "T" ADD COLUMN "n" INTEGER;', 'ALTER TABLE "T" DROP COLUMN "n";');
      made.write('3_index', 'CREATE INDEX CONCURRENTLY "T_n_idx" ON "T"("n");', 'DROP INDEX CONCURRENTLY "T_n_idx";');
      if (major === 14) {
        made.write('4_newer', 'CREATE UNIQUE INDEX "T_n" ON "T"("n") NULLS NOT DISTINCT;', 'DROP INDEX "T_n";');
        const { findings } = await made.ask('db:dry-run');
        const newer = findings.find(({ code }: { code: string }) => code === 'MIGRATION_FAILED') ?? {};
        assert.match(newer.message ?? JSON.stringify(findings), 'syntax error at or near "NULLS"');
        assert.match(newer.hint, 'right in a newer PostgreSQL than this server');
        rmSync(join(made.root, 'prisma/migrations/4_newer'), { recursive: true });
      }
      const whole = await made.ask('db:dry-run');
      assert.is(whole.code, 0, JSON.stringify(whole.findings));
      assert.is(whole.data.copy, 'template');
      assert.is(whole.data.migrations[0].statements[0].locks[0].mode, 'AccessExclusiveLock');
      await withClient(url, async () => {
        const busy = await made.ask('db:dry-run');
        assert.is(busy.code, 0, JSON.stringify(busy.findings));
        assert.is(busy.data.copy, major === 18 ? 'replay' : 'full');
        const said = busy.findings.some(({ code }: { code: string }) => code === 'COPY_REPLAYED');
        assert.is(said, major === 18);
      });
      for (const script of ['db:deploy', 'db:verify', 'db:status'])
        assert.is((await made.run(script, ...(script === 'db:deploy' ? ['--yes'] : []))).code, 0, script);
      assert.is((await made.run('db:rollback', '--steps', '2', '--yes', '--accept-data-loss')).code, 0);
      assert.equal((await made.ask('db:status')).data.pending, ['2_n', '3_index']);
    } finally {
      await other.stop();
    }
  });

test('a migration of 5 MB is rehearsed and applied', async () => {
  const rows = Array.from({ length: 60_000 }, (_, n) => `INSERT INTO "T" VALUES (${n}); -- ${'x'.repeat(50)}`);
  const made = await product({ '1_t': TABLE, '2_rows': rows.join('\n') });
  const file = join(made.root, 'prisma/migrations/2_rows/migration.sql');
  assert.ok(readFileSync(file).length > 5_000_000);
  const { code, error } = await made.ask('db:deploy', '--yes');
  assert.is(code, 0, error?.message);
});

test('names with quotes and capitals in another schema are deployed, verified and undone', async () => {
  const made = await product(
    {
      '1_odd': `CREATE SCHEMA "Odd Schema";
        CREATE TYPE "Odd Schema"."Mood ""x""" AS ENUM ('Very Good');
        CREATE TABLE "Odd Schema"."T ""quoted""" ("Id" BIGINT NOT NULL, "a b" "Odd Schema"."Mood ""x""", CONSTRAINT "T ""p""" PRIMARY KEY ("Id"));
        CREATE INDEX "I ""x""" ON "Odd Schema"."T ""quoted""" ("a b");`,
    },
    '',
  );
  writeFileSync(
    join(made.root, 'prisma/schema.prisma'),
    'datasource db {\n  provider = "postgresql"\n  schemas  = ["Odd Schema", "public"]\n}\nenum Mood {\n  VeryGood @map("Very Good")\n\n  @@map("Mood \\"x\\"")\n  @@schema("Odd Schema")\n}\nmodel T {\n  id BigInt @id(map: "T \\"p\\"") @map("Id")\n  mood Mood? @map("a b")\n\n  @@index([mood], map: "I \\"x\\"")\n  @@map("T \\"quoted\\"")\n  @@schema("Odd Schema")\n}\n',
  );
  made.write(
    '1_odd',
    undefined,
    'DROP TABLE "Odd Schema"."T ""quoted""";\nDROP TYPE "Odd Schema"."Mood ""x""";\nDROP SCHEMA "Odd Schema";',
  );
  const deploy = await made.ask('db:deploy', '--yes');
  assert.is(deploy.code, 0, JSON.stringify(deploy.error));
  const verified = await made.ask('db:verify');
  assert.is(verified.code, 0, JSON.stringify(verified.findings));
  const undone = await made.ask('db:rollback', '--steps', '1', '--yes');
  assert.is(undone.code, 0, JSON.stringify(undone.error));
});

test('a wrong flag and a value out of its set are usage errors, and nothing is started', async () => {
  const made = await product({ '1_t': TABLE });
  for (const [script, ...args] of [
    ['db:deploy', '--acept', 'X'],
    ['db:dry-run', '--data', 'some'],
    ['db:rollback', '--yes'],
    ['db:rollback', '--yes', '--steps', '0'],
    ['db:resolve'],
    ['db:down'],
  ] as [string, ...string[]][]) {
    const { code, error } = await made.ask(script, ...args);
    assert.is(code, 2, `${script} ${args.join(' ')}: ${error?.message}`);
  }
});

test.run();
