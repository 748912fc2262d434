import type { Secret, TaskContext } from '@drydock/kit';
import { withPostgres } from '@drydock/kit';
import { listTables } from '../dump/checksums.ts';
import { openSource } from './plan.ts';

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
      const { rows } = await client.query<{ n: string }>(`SELECT count(*) AS n FROM ONLY ${table}`);
      const more = Number(rows[0]?.n ?? 0) - (then.get(table) ?? 0);
      if (more > 0 && !table.endsWith('._prisma_migrations')) lost.push({ table, rows: more });
    }
    return lost;
  });
}
