import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  databaseSection,
  type Environment,
  type LoadedConfig,
  operatorUrl,
  readerUrl,
  type Secret,
  toOpsError,
  withPostgres,
} from '@drydock/kit';
import { runReadQueries } from '@drydock/kit/sql';
import { healthSection } from '../config/health.ts';
import type { PartResult } from './endpoint.ts';

/**
 * "Selective queries" (runbook, section 2): each file has to run and bring a row. They only look: statement by statement, READ ONLY, with a time-out, as
 * the role that may only read where the environment has one (database.readUrl). A file that does more is refused before any of it runs.
 */
export async function probeQueries(config: LoadedConfig, environment: Environment): Promise<PartResult[]> {
  const { url, appUrl } = databaseSection.of(config);
  const folder = config.path(healthSection.of(config).queries);
  if (!environment.has(url) && !environment.has(appUrl)) return [];
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.sql')) : [];
  const { timeoutMs } = healthSection.of(config);
  const name = 'drydock health:check';
  const parts = await session('postgres', operatorUrl(config, environment), name, async (client) => {
    await client.query("SELECT set_config('statement_timeout', $1, false)", [String(timeoutMs)]);
    return [await timed('postgres', () => client.query('SELECT 1'))];
  });
  if (files.length === 0 || parts.some(({ ok }) => !ok)) return parts;
  const asked = await session('queries', readerUrl(config, environment), name, async (client) => {
    const answers: PartResult[] = [];
    for (const file of files.sort())
      answers.push(
        await timed(`query ${file}`, async () => {
          const last = await runReadQueries(client, readFileSync(join(folder, file), 'utf8'), file, { timeoutMs });
          return last?.rowCount ? undefined : 'brings no row';
        }),
      );
    return answers;
  });
  return [...parts, ...asked];
}

/** One that cannot be had is a part that is not well. */
async function session(
  part: string,
  url: Secret,
  name: string,
  work: Parameters<typeof withPostgres<PartResult[]>>[2],
): Promise<PartResult[]> {
  try {
    return await withPostgres(url, name, work);
  } catch (error) {
    return [{ part, ok: false, required: true, detail: toOpsError(error).message }];
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
