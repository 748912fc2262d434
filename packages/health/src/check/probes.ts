import { type Environment, environmentSettings, type LoadedConfig, operatorUrl } from '@drydock/kit';
import { healthSection } from '../config/health.ts';
import { probeChain } from './chain.ts';
import { checkHealth, type HealthResult, type PartResult } from './endpoint.ts';
import { probeMatters } from './matters.ts';
import { probeQueries } from './queries.ts';
import { probeRedis } from './redis.ts';

/** What an environment says of its backups; passed in, since backups are another feature. */
export type BackupProbe = (config: LoadedConfig, environment: Environment) => Promise<PartResult | []>;

/**
 * The product's word, and what an operator sees without it: its data, its cache, its chain and its newest backup. Parts that are not
 * configured are not asked.
 */
export async function probeAll(
  config: LoadedConfig,
  environment: Environment,
  probeBackup: BackupProbe | undefined,
): Promise<HealthResult> {
  const asksEndpoint = tellsHealth(config, environment);
  const [endpoint, ...probed] = await Promise.all([
    asksEndpoint ? checkHealth(config, environment) : { healthy: true, version: undefined, parts: [] },
    probeQueries(config, environment),
    probeRedis(config, environment),
    probeChain(config, environment),
    probeBackup ? probeBackup(config, environment) : [],
    probeMatters(config, environment),
  ]);
  const parts = [...endpoint.parts, ...probed.flat()];
  // Nothing asked is nothing said: then it is the database that is missing.
  if (parts.length === 0) operatorUrl(config, environment);
  return {
    healthy: endpoint.healthy && parts.every(({ ok, required }) => ok || !required),
    version: endpoint.version,
    parts,
  };
}

/** Whether the product has an endpoint that tells how it is: the config says so, or all that one needs to ask it is set. */
export function tellsHealth(config: LoadedConfig, environment: Environment): boolean {
  const { token } = healthSection.of(config);
  const { url } = environmentSettings(config, environment.name);
  const isConfigured = config.written.health !== undefined || config.written.release !== undefined;
  return isConfigured || (environment.has(url) && (token === null || environment.has(token)));
}
