import { environmentNamed, environmentSettings, loadConfig, loadEnvironment, promotionTo } from '@drydock/kit';
import { ROOT } from './release.ts';

/** Where people reach what was released, by environment. */
export async function addresses(): Promise<Record<string, string>> {
  const config = await loadConfig(undefined, ROOT);
  const last = environmentNamed(config, Object.keys(config.environments).at(-1));
  const entries = promotionTo(config, last).map((env): [string, string | undefined] => [
    env,
    loadEnvironment(config, env, process.env).get(environmentSettings(config, env).url),
  ]);
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
}
