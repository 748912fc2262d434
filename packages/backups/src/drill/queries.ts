import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Finding, type Secret, withPostgres } from '@drydock/kit';

/** The product's own read queries: each file must run, and bring at least one row. Nothing they do stays. */
export async function runDrillQueries(url: Secret, folder: string): Promise<{ count: number; findings: Finding[] }> {
  const files = existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => name.endsWith('.sql'))
        .sort()
    : [];
  return withPostgres(url, 'drydock backup:drill', async (client) => {
    const findings: Finding[] = [];
    for (const name of files) {
      try {
        await client.query('BEGIN READ ONLY');
        const result = await client.query(readFileSync(join(folder, name), 'utf8'));
        const last = Array.isArray(result) ? result.at(-1) : result;
        if (!last?.rowCount) findings.push(failed(name, 'brings no row'));
      } catch (error) {
        findings.push(failed(name, `fails: ${(error as Error).message}`));
      } finally {
        await client.query('ROLLBACK');
      }
    }
    return { count: files.length, findings };
  });
}

function failed(name: string, why: string): Finding {
  return { level: 'error', code: 'DRILL_QUERY', message: `The query ${name} ${why} on the restored copy.` };
}
