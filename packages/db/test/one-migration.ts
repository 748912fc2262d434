import type { OpsError } from '@drydock/kit';
import type { TestPostgres } from '@drydock/sandbox/testing';
import { type ApplyOptions, applyMigration, withMigrations } from '../src/migrations/apply.ts';
import { type Migration, readMigrations } from '../src/migrations/folder.ts';
import type { Target } from '../src/target.ts';
import { makeTarget, query } from './world.ts';

const USERS = 'CREATE TABLE users (id BIGINT PRIMARY KEY, email TEXT, name TEXT);';
const ROWS = "INSERT INTO users SELECT n, 'same', 'n' || n FROM generate_series(1, 3) n;";

/** A database with users and their rows, and this migration. */
export async function worldOn(
  postgres: TestPostgres,
  sql: string,
): Promise<{ target: Target; url: string; apply: (options?: Partial<ApplyOptions>) => Promise<unknown> }> {
  const url = await postgres.createDatabase();
  await query(url, USERS + ROWS);
  const target = makeTarget(url, { '1_m': sql });
  const [migration] = readMigrations(target.migrationsDir);
  if (!migration) throw new Error('a migration');
  return { target, url, apply: (options) => applyMigration(target.url, migration, { lockTimeoutMs: 500, ...options }) };
}

export function first(target: Target): Migration {
  const [migration] = readMigrations(target.migrationsDir);
  if (!migration) throw new Error('a migration');
  return migration;
}
export const refusal = (work: Promise<unknown>) =>
  work.then(
    () => {
      throw new Error('it went through');
    },
    (error) => error as OpsError,
  );
export const history = (url: string) =>
  query(
    url,
    'SELECT migration_name AS name, applied_steps_count AS steps, finished_at IS NOT NULL AS done FROM _prisma_migrations',
  );
export const indexes = (url: string) =>
  query(
    url,
    `SELECT c.relname AS name, i.indisvalid AS valid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = 'users'::regclass AND NOT i.indisprimary ORDER BY 1`,
  );
/** As a kill leaves it that comes between a statement and its record. */
export async function kill(url: string, target: Target, steps: number): Promise<void> {
  const [migration] = readMigrations(target.migrationsDir);
  await withMigrations(target.url, (session) =>
    session.apply({ name: '0_none', file: '', sql: '', checksum: 'x' }, { lockTimeoutMs: 500 }),
  );
  await query(
    url,
    `INSERT INTO _prisma_migrations (id, checksum, migration_name, applied_steps_count) VALUES ('k', '${migration?.checksum}', '1_m', ${steps})`,
  );
}
