import { type Environment, type EnvName, type LoadedConfig, operatorUrl } from '@drydock/kit';
import { withRecord } from './record.ts';

/**
 * Digests that some environment could still want: what is live, and so many that stood before it. Every environment of the config is
 * asked, for they may share a store; one that cannot be asked is an error, and then nothing may be removed.
 */
export async function neededDigests(
  config: LoadedConfig,
  environmentOf: (env: EnvName) => Environment,
  keep: number,
): Promise<Set<string>> {
  const needed = new Set<string>();
  for (const env of Object.keys(config.environments)) {
    const environment = environmentOf(env);
    if (!hasDatabase(config, environment)) continue;
    const standing = await withRecord(config, environment, (record) => record.standing());
    for (const { digest } of standing.slice(0, keep + 1)) needed.add(digest);
  }
  return needed;
}

/** Nothing was ever released where no database is named. */
function hasDatabase(config: LoadedConfig, environment: Environment): boolean {
  try {
    operatorUrl(config, environment);
    return true;
  } catch {
    return false;
  }
}
