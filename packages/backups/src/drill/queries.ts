import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Finding, type Secret, withPostgres } from '@drydock/kit';
import { readQueries, runReadQueries } from '@drydock/kit/sql';

/** Bound of one statement: they are for people who wait for the answer. */
const TIMEOUT_MS = 60_000;

type Query = { name: string; sql: string };

/** Refuses, before anything is restored, a file that would do more than read. */
export async function checkDrillQueries(folder: string): Promise<void> {
  for (const { name, sql } of queriesOf(folder)) await readQueries(sql, name);
}

/**
 * The product's own read queries: each file must run, and bring at least one row. Nothing else is let through. With `reader`,
 * the same copy as a role that may only read, they run as that one.
 */
export async function runDrillQueries(
  url: Secret,
  folder: string,
  reader?: Secret,
): Promise<{ count: number; findings: Finding[] }> {
  const queries = queriesOf(folder);
  if (reader && queries.length > 0) await letRead(url, reader);
  return withPostgres(reader ?? url, 'drydock backup:drill', async (client) => {
    const findings: Finding[] = [];
    for (const { name, sql } of queries) {
      try {
        const last = await runReadQueries(client, sql, name, { timeoutMs: TIMEOUT_MS });
        if (!last?.rowCount) findings.push(failed(name, 'brings no row'));
      } catch (error) {
        findings.push(failed(name, `fails: ${(error as Error).message}`));
      }
    }
    return { count: queries.length, findings };
  });
}

/** A copy is restored without the rights of the original; this one is dropped after the queries. */
async function letRead(url: Secret, reader: Secret): Promise<void> {
  const role = await withPostgres(reader, 'drydock backup:drill', async (client) => {
    const { rows } = await client.query<{ role: string }>('SELECT quote_ident(current_user) AS role');
    return rows[0]?.role;
  });
  await withPostgres(url, 'drydock backup:drill', async (client) => {
    const { rows } = await client.query<{ name: string }>(
      `SELECT quote_ident(nspname) AS name FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'`,
    );
    for (const { name } of rows)
      await client.query(
        `GRANT USAGE ON SCHEMA ${name} TO ${role}; GRANT SELECT ON ALL TABLES IN SCHEMA ${name} TO ${role}`,
      );
  });
}

function queriesOf(folder: string): Query[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => ({ name, sql: readFileSync(join(folder, name), 'utf8') }));
}

function failed(name: string, why: string): Finding {
  return { level: 'error', code: 'DRILL_FAILED', message: `The query ${name} ${why} on the restored copy.` };
}
