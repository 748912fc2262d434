import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Secret, withPostgres } from '@drydock/kit';
import type { TestPostgres } from './test-postgres.ts';

const HISTORY =
  'CREATE TABLE _prisma_migrations (migration_name text, finished_at timestamptz, rolled_back_at timestamptz)';

/** A database with the migrations of a folder, and as much of Prisma's table as a product may read. Returns its URL. */
export async function createMigrated(postgres: TestPostgres, folder: string): Promise<string> {
  const migrations = readdirSync(folder)
    .filter((name) => /^\d/.test(name))
    .sort()
    .map((name) => ({ name, sql: readFileSync(join(folder, name, 'migration.sql'), 'utf8') }));
  return postgres.createFilled(JSON.stringify(migrations), (url) =>
    withPostgres(new Secret(url, 'the test'), 'test', async (client) => {
      await client.query(HISTORY);
      for (const { name, sql } of migrations) {
        await client.query(sql);
        await client.query('INSERT INTO _prisma_migrations VALUES ($1, now(), NULL)', [name]);
      }
    }),
  );
}
