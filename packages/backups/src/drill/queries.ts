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

/** The product's own read queries: each file must run, and bring at least one row. Nothing else is let through. */
export async function runDrillQueries(url: Secret, folder: string): Promise<{ count: number; findings: Finding[] }> {
  const queries = queriesOf(folder);
  return withPostgres(url, 'drydock backup:drill', async (client) => {
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

function queriesOf(folder: string): Query[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => ({ name, sql: readFileSync(join(folder, name), 'utf8') }));
}

function failed(name: string, why: string): Finding {
  return { level: 'error', code: 'DRILL_QUERY', message: `The query ${name} ${why} on the restored copy.` };
}
