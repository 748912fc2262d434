import { OpsError, type Secret, type TaskContext, withPostgres } from '@drydock/kit';
import type { Client } from 'pg';
import { listTables } from '../dump/checksums.ts';
import { openSource } from './source.ts';

export type RowsSince = {
  /** As PostgreSQL quotes it: `public."Job"`. */
  table: string;
  /** So many more than the backup has; of a table that is not in it, all. */
  rows: number;
};

/**
 * What a restore of this backup would lose by count, table by table. Rows that were changed, or took the place of others, since then
 * are not seen. Undefined where the backup tells no counts.
 */
export async function rowsSince(
  ctx: Pick<TaskContext, 'config' | 'env' | 'environmentOf'>,
  url: Secret,
  from: string,
): Promise<RowsSince[] | undefined> {
  const { manifest } = (await openSource(ctx, from)).source;
  if (!manifest?.tables) return undefined;
  const then = new Map(manifest.tables.map(({ name, rows }) => [name, rows]));
  return withPostgres(url, 'drydock release:rollback', async (client) => {
    await client.query('SET statement_timeout = 0; SET row_security = off');
    const lost: RowsSince[] = [];
    for (const table of await listTables(client)) {
      if (table.endsWith('._prisma_migrations')) continue;
      const more = (await countOf(client, table)) - (then.get(table) ?? 0);
      if (more > 0) lost.push({ table, rows: more });
    }
    return lost;
  });
}

/** SQLSTATE insufficient_privilege; also where row security would hide rows. */
const NOT_ALLOWED = '42501';

async function countOf(client: Client, table: string): Promise<number> {
  try {
    const { rows } = await client.query<{ n: string }>(`SELECT count(*) AS n FROM ONLY ${table}`);
    return Number(rows[0]?.n ?? 0);
  } catch (cause) {
    if ((cause as { code?: string }).code !== NOT_ALLOWED) throw cause;
    throw new OpsError({
      code: 'ROWS_UNREADABLE',
      message: `What a restore would lose of ${table} cannot be counted: the role ${client.user} may not read all of it.`,
      hint: `GRANT SELECT ON ${table} TO its role, or name the table's owner in the operator's URL.`,
      cause,
    });
  }
}
