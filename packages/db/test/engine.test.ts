// Uses PostgreSQL.
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { withEngine } from '../src/engine/load.ts';
import { makeTarget, query } from './world.ts';

const test = suite("Prisma's engine");
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres();
});
test.after(() => postgres.stop());

/** What `prisma migrate deploy` does with one migration. */
const stockDeploy = (url: string, script: string) =>
  withEngine(url, (engine) =>
    engine.applyMigrations({
      migrationsList: {
        baseDir: 'migrations',
        lockfile: { path: 'migrations/migration_lock.toml', content: 'provider = "postgresql"' },
        migrationDirectories: [
          { path: '1_x', migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: script } } },
        ],
        shadowDbInitScript: '',
      },
      filters: { externalTables: [], externalEnums: [] },
    }),
  ).then(
    () => undefined,
    (error: Error) => error.message,
  );

for (const [what, script, says] of [
  ['a value of the wrong form', `SELECT 'x'::json`, 'invalid input syntax for type json'],
  ['a null in a column that forbids it', 'INSERT INTO t VALUES (NULL)', 'null value in column "a"'],
  ['a number out of range', 'SELECT 99999999999::int', 'integer out of range'],
  ['a table that is not there', 'SELECT * FROM nowhere', 'relation "nowhere" does not exist'],
  ['a foreign key', 'INSERT INTO u VALUES (7)', 'violates foreign key constraint "u_a_fkey"'],
] as const)
  test(`a migration of the stock CLI that fails for ${what} says and keeps what PostgreSQL said`, async () => {
    const { url } = makeTarget(await postgres.createDatabase(), {});
    await query(url.reveal(), 'CREATE TABLE t (a int NOT NULL)');
    await query(url.reveal(), 'CREATE SCHEMA other; CREATE TABLE other.p (a int PRIMARY KEY)');
    await query(url.reveal(), 'CREATE TABLE u (a int CONSTRAINT u_a_fkey REFERENCES other.p)');
    await query(
      url.reveal(),
      `CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL, finished_at timestamptz, migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz, started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count int NOT NULL DEFAULT 0)`,
    );
    assert.match((await stockDeploy(url.reveal(), script)) ?? 'it passed', says);
    const [row] = await query(url.reveal(), 'SELECT logs FROM _prisma_migrations');
    assert.match(row?.logs ?? 'no logs', says);
  });

test.run();
