import type { Client } from 'pg';
import { CATALOGUE, findExtension } from './statements.ts';

/** Calls and time of each statement of this database since its numbers were last reset; ours are left out. */
export type StatementCounters = Map<string, { calls: number; totalMs: number }>;

/** Undefined where there are none to be read. */
export async function readCounters(client: Client): Promise<StatementCounters | undefined> {
  const schema = await findExtension(client);
  if (schema === undefined) return undefined;
  try {
    const { rows } = await client.query<{ id: string; calls: number; totalMs: number }>(
      `SELECT queryid::text AS id, sum(calls)::float8 AS calls, sum(total_exec_time)::float8 AS "totalMs" FROM ${schema}.pg_stat_statements(true)
        WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND queryid IS NOT NULL AND query !~* $1 GROUP BY 1`,
      [CATALOGUE],
    );
    return new Map(rows.map(({ id, calls, totalMs }) => [id, { calls, totalMs }]));
  } catch (error) {
    // Not preloaded. Anything but an answer of the server is a failure.
    if (!(error as { code?: string }).code) throw error;
    return undefined;
  }
}

/**
 * What came between two readings: of each statement the mean is known, no more. The 95th of 100 calls, in the order of these
 * means, is as near to p95 as the server's own numbers lead.
 */
export function loadBetween(before: StatementCounters, now: StatementCounters): { calls: number; p95Ms: number } {
  const done = [...now].flatMap(([id, { calls, totalMs }]) => {
    const was = before.get(id);
    // Fewer than before: reset meanwhile.
    const from = was && was.calls <= calls ? was : { calls: 0, totalMs: 0 };
    const n = calls - from.calls;
    return n > 0 ? [{ calls: n, meanMs: (totalMs - from.totalMs) / n }] : [];
  });
  const calls = done.reduce((sum, one) => sum + one.calls, 0);
  let below = 0;
  for (const one of done.toSorted((a, b) => a.meanMs - b.meanMs)) {
    below += one.calls;
    if (below >= calls * 0.95) return { calls, p95Ms: one.meanMs };
  }
  return { calls, p95Ms: 0 };
}
