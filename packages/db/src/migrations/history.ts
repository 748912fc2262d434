import { randomUUID } from 'node:crypto';
import { quoteIdentifier } from '@drydock/kit';
import type { Client } from 'pg';

/** A row of Prisma's own table. */
export interface HistoryRow {
  id: string;
  name: string;
  checksum: string;
  startedAt: Date;
  finishedAt: Date | null;
  rolledBackAt: Date | null;
  logs: string | null;
  /** 0 where it was recorded by hand (`prisma migrate resolve --applied`). */
  steps: number;
}

/** Prisma's table as Prisma makes it, so that its CLI and we can take turns. */
const TABLE = `CREATE TABLE IF NOT EXISTS _prisma_migrations (
  id VARCHAR(36) PRIMARY KEY NOT NULL,
  checksum VARCHAR(64) NOT NULL,
  finished_at TIMESTAMPTZ,
  migration_name VARCHAR(255) NOT NULL,
  logs TEXT,
  rolled_back_at TIMESTAMPTZ,
  started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  applied_steps_count INTEGER NOT NULL DEFAULT 0
)`;

export async function ensureHistory(client: Client): Promise<void> {
  // Looked for first: making it needs a right on the schema that using it does not.
  if (await hasHistory(client)) return;
  await ensureSchema(client);
  await client.query(TABLE);
}

/** The schema of Prisma's `?schema=`, which need not be there yet. */
async function ensureSchema(client: Client): Promise<void> {
  const { rows } = await client.query<{ current: string | null; first: string }>(
    `SELECT current_schema() AS current, (parse_ident(split_part(current_setting('search_path'), ',', 1)))[1] AS first`,
  );
  if (rows[0] && rows[0].current === null) await client.query(`CREATE SCHEMA ${quoteIdentifier(rows[0].first)}`);
}

export async function hasHistory(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ found: string | null }>(
    `SELECT to_regclass('_prisma_migrations')::text AS found`,
  );
  return Boolean(rows[0]?.found);
}

/** All rows, oldest first; none if there is no table yet. Reads only. */
export async function readHistory(client: Client): Promise<HistoryRow[]> {
  if (!(await hasHistory(client))) return [];
  const { rows } = await client.query<HistoryRow>(
    `SELECT id, migration_name AS name, checksum, started_at AS "startedAt", finished_at AS "finishedAt", rolled_back_at AS "rolledBackAt", logs, applied_steps_count AS steps
       FROM _prisma_migrations ORDER BY started_at, migration_name`,
  );
  return rows;
}

/** As Prisma marks it: the row stays, and the migration is pending again. */
export async function recordRollback(client: Client, name: string): Promise<void> {
  await client.query(rollbackSql(client, name));
}

export function rollbackSql(client: Client, name: string, table = '_prisma_migrations'): string {
  return `UPDATE ${table} SET rolled_back_at = clock_timestamp() WHERE migration_name = ${client.escapeLiteral(name)} AND rolled_back_at IS NULL`;
}

/** As `prisma migrate resolve --applied` does: it is there, and nobody has run it. */
export async function recordApplied(
  client: Client,
  { name, checksum }: { name: string; checksum: string },
): Promise<void> {
  await client.query(
    `INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at, finished_at)
         VALUES ($1, $2, $3, clock_timestamp(), clock_timestamp())`,
    [randomUUID(), checksum, name],
  );
}

/** SQLSTATE undefined_table. */
const UNDEFINED_TABLE = '42P01';

/** Whether it is applied, in the schema that is looked through first. */
export async function isApplied(client: Client, name: string): Promise<boolean> {
  try {
    const { rowCount } = await client.query({
      // Planned once: a deploy asks it of each migration.
      name: 'drydock_is_applied',
      text: 'SELECT 1 FROM _prisma_migrations WHERE migration_name = $1 AND finished_at IS NOT NULL AND rolled_back_at IS NULL',
      values: [name],
    });
    return rowCount !== 0;
  } catch (error) {
    if ((error as { code?: string }).code === UNDEFINED_TABLE) return false;
    throw error;
  }
}
