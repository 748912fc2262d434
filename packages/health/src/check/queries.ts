import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Environment, type LoadedConfig, operatorUrl, toOpsError, withPostgres } from '@drydock/kit';
import { runReadQueries } from '@drydock/kit/sql';
import type { PartResult } from './endpoint.ts';

/**
 * "Selective queries" (runbook, section 2): each file has to run and bring a row. They only look: statement by statement, READ ONLY, with a time-out; a
 * file that does more is refused before any of it runs.
 */
export async function probeQueries(config: LoadedConfig, environment: Environment): Promise<PartResult[]> {
  const { url, appUrl } = config.database;
  const folder = config.path(config.health.queries);
  if (!environment.has(url) && !environment.has(appUrl)) return [];
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.sql')) : [];
  try {
    return await withPostgres(operatorUrl(config, environment), 'drydock health:check', async (client) => {
      await client.query(`SET statement_timeout = ${config.health.timeoutMs}; SET default_transaction_read_only = on`);
      const parts: PartResult[] = [await timed('postgres', () => client.query('SELECT 1'))];
      for (const name of files.sort())
        parts.push(
          await timed(`query ${name}`, async () => {
            const sql = readFileSync(join(folder, name), 'utf8');
            const last = await runReadQueries(client, sql, name, { timeoutMs: config.health.timeoutMs });
            return last?.rowCount ? undefined : 'brings no row';
          }),
        );
      return parts;
    });
  } catch (error) {
    return [{ part: 'postgres', ok: false, required: true, detail: toOpsError(error).message }];
  }
}

/** A text is a problem; anything else is none. */
export async function timed(part: string, look: () => Promise<unknown>): Promise<PartResult> {
  const began = performance.now();
  try {
    const problem = await look();
    const bad = typeof problem === 'string';
    return { part, ok: !bad, required: true, detail: bad ? problem : `${Math.round(performance.now() - began)} ms` };
  } catch (error) {
    return { part, ok: false, required: true, detail: toOpsError(error).message };
  }
}
