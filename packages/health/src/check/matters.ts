import { databaseSection, type Environment, type LoadedConfig, mattersOf, OpsError, toOpsError } from '@drydock/kit';
import type { PartResult } from './endpoint.ts';

/** What a run left to be put right, as after a restore in place. A word, and no reason to call the product unwell. */
export async function probeMatters(config: LoadedConfig, environment: Environment): Promise<PartResult[]> {
  const { url, appUrl } = databaseSection.of(config);
  if (!environment.has(url) && !environment.has(appUrl)) return [];
  try {
    const open = await mattersOf(config, environment);
    return open.map(({ key, says }) => ({ part: `to settle: ${key}`, ok: false, required: false, detail: says }));
  } catch (error) {
    // That the database is away is told by its own part.
    if (error instanceof OpsError) return [];
    return [{ part: 'to settle', ok: false, required: false, detail: toOpsError(error).message }];
  }
}
