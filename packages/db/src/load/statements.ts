import { connectPostgres, counted, type Finding, type Secret } from '@drydock/kit';
import type { Client } from 'pg';
import { looking } from '../sessions/looking.ts';

/** A row of pg_stat_statements, summed over users. Times in ms. */
export interface Statement {
  id: string;
  query: string;
  calls: number;
  totalMs: number;
  rows: number;
}

/**
 * Asks PostgreSQL about itself, as the toolkit and Prisma do and a product does not: read alike by PostgreSQL and by JavaScript.
 * `pg_notify` and `pg_advisory_lock` are a product's own.
 */
export const CATALOGUE =
  '(pg_catalog|information_schema|_prisma_migrations|(^|[^a-z0-9_"])"?drydock"?\\.|/\\* drydock \\*/|pg_stat|pg_get_|pg_is_in_recovery|(^|[^a-z0-9_])pg_(am|attrdef|attribute|authid|class|collation|constraint|database|depend|description|enum|extension|index|indexes|inherits|language|locks|matviews|namespace|operator|policies|policy|proc|publication|range|rewrite|roles|sequence|sequences|settings|subscription|tables|trigger|type|user|views)([^a-z0-9_]|$))';

/** Undefined where the extension is not to be had, or its numbers not to be read. Our own sessions' statements do not count. */
export async function readStatements(url: Secret): Promise<Statement[] | undefined> {
  const client = await connectPostgres(url, 'drydock statements');
  try {
    const schema = await findExtension(client);
    if (schema === undefined) return undefined;
    const { rows } = await client.query<Statement>(
      `SELECT queryid::text AS id, min(query) AS query, sum(calls)::float8 AS calls, sum(total_exec_time)::float8 AS "totalMs", sum(rows)::float8 AS rows
         FROM ${schema}.pg_stat_statements(true) s
        WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND s.queryid IS NOT NULL
          AND s.query !~* '^\\s*(begin|commit|rollback|set|show|deallocate|discard)\\M' AND s.query !~* $1
        GROUP BY 1`,
      [CATALOGUE],
    );
    return rows;
  } catch (error) {
    // Not preloaded, or not ours to read. Anything but an answer of the server is a failure.
    if (!(error as { code?: string }).code) throw error;
    return undefined;
  } finally {
    await client.end();
  }
}

/** What has to be known to read the numbers rightly. */
export interface StatementsSeen {
  /** Statements of other roles, of which this one is shown nothing. */
  hidden: number;
  /** When all numbers were last set back to nothing; null where the server does not say. */
  resetAt: Date | null;
}

export async function readSeen(url: Secret): Promise<StatementsSeen> {
  return looking(url, 'drydock statements', async (client) => {
    const schema = await findExtension(client);
    if (schema === undefined) return { hidden: 0, resetAt: null };
    const { rows } = await client.query<{ hidden: number; info: boolean }>(
      `SELECT (SELECT count(*)::int FROM ${schema}.pg_stat_statements(false) WHERE queryid IS NULL
                  AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())) AS hidden,
              to_regclass($1) IS NOT NULL AS info`,
      [`${schema}.pg_stat_statements_info`],
    );
    const info = rows[0]?.info
      ? await client.query<{ at: Date }>(`SELECT stats_reset AS at FROM ${schema}.pg_stat_statements_info`)
      : undefined;
    return { hidden: rows[0]?.hidden ?? 0, resetAt: info?.rows[0]?.at ?? null };
  });
}

/** Nothing where all of them are shown. */
export function hiddenFindings({ hidden }: StatementsSeen): Finding[] {
  if (hidden === 0) return [];
  return [
    {
      level: 'warn',
      code: 'STATEMENTS_HIDDEN',
      message: `${counted(hidden, 'statement of another role is', 'statements of other roles are')} not shown to this one: what follows is not all.`,
      hint: 'As superuser: GRANT pg_read_all_stats to this role.',
    },
  ];
}

/** Its schema, quoted. */
export async function findExtension(client: Client): Promise<string | undefined> {
  const { rows } = await client.query<{ schema: string }>(
    `SELECT quote_ident(n.nspname) AS schema FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements'`,
  );
  return rows[0]?.schema;
}

const TABLE = `CREATE SCHEMA IF NOT EXISTS drydock;
  CREATE TABLE IF NOT EXISTS drydock.statement_snapshot (run text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), statements json NOT NULL)`;
const KEPT = 10;

/** Keeps the numbers as they are before a deploy; once a run. */
export async function keepSnapshot(url: Secret, run: string): Promise<boolean> {
  const statements = await readStatements(url);
  if (!statements) return false;
  return looking(url, 'drydock db:deploy', async (client) => {
    await client.query(TABLE);
    await client.query(
      'INSERT INTO drydock.statement_snapshot (run, statements) VALUES ($1, $2) ON CONFLICT DO NOTHING',
      [run, JSON.stringify(statements)],
    );
    await client.query(
      'DELETE FROM drydock.statement_snapshot WHERE run NOT IN (SELECT run FROM drydock.statement_snapshot ORDER BY at DESC LIMIT $1)',
      [KEPT],
    );
    return true;
  });
}

/** The newest snapshot: the numbers before the last deploy. */
export async function readSnapshot(url: Secret): Promise<{ at: Date; statements: Statement[] } | undefined> {
  return looking(url, 'drydock db:slow', async (client) => {
    const { rows: found } = await client.query<{ there: boolean }>(
      `SELECT to_regclass('drydock.statement_snapshot') IS NOT NULL AS there`,
    );
    if (!found[0]?.there) return undefined;
    const { rows } = await client.query<{ at: Date; statements: Statement[] }>(
      'SELECT at, statements FROM drydock.statement_snapshot ORDER BY at DESC LIMIT 1',
    );
    return rows[0];
  });
}

export type Change = {
  id: string;
  query: string;
  kind: 'new' | 'slower';
  calls: number;
  meanMs: number;
  /** Before; undefined for a new one. */
  beforeMs: number | undefined;
};

/** Fewer calls than this say nothing about a mean. */
const CALLS = 10;
const SLOWER = 1.5;
/** Below this a statement is fast, whatever it was. */
const FLOOR_MS = 1;

/**
 * Statements that are new since the snapshot, and those whose mean since then is half as long again, slowest first.
 * Only what came after counts: counters are subtracted, but where they were `reset` meanwhile, all at once or (they are smaller) this one alone.
 */
export function compareStatements(before: Statement[], now: Statement[], reset = false): Change[] {
  const earlier = new Map(before.map((statement) => [statement.id, statement]));
  return now
    .flatMap((statement): Change[] => {
      const { id, query } = statement;
      const was = earlier.get(id);
      const anew = reset || was === undefined || statement.calls < was.calls || statement.totalMs < was.totalMs;
      const calls = statement.calls - (anew ? 0 : was.calls);
      const totalMs = statement.totalMs - (anew ? 0 : was.totalMs);
      if (calls <= 0) return [];
      const meanMs = totalMs / calls;
      if (!was) return [{ id, query, kind: 'new', calls, meanMs, beforeMs: undefined }];
      const beforeMs = was.totalMs / was.calls;
      if (calls < CALLS || meanMs < FLOOR_MS || meanMs < beforeMs * SLOWER) return [];
      return [{ id, query, kind: 'slower', calls, meanMs, beforeMs }];
    })
    .sort((a, b) => b.meanMs - a.meanMs);
}
