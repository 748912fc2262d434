import type { Environment, LoadedConfig } from '@drydock/kit';
import { probeChain } from './chain.ts';
import { checkHealth, type HealthResult, type PartResult } from './endpoint.ts';
import { probeQueries } from './queries.ts';
import { probeRedis } from './redis.ts';

/** What an environment says of its backups; passed in, since backups are another feature. */
export type BackupProbe = (config: LoadedConfig, environment: Environment) => Promise<PartResult>;

/**
 * The product's word, and what an operator sees without it: its data, its cache, its chain and its newest backup. Parts that are not
 * configured are not asked.
 */
export async function probeAll(
  config: LoadedConfig,
  environment: Environment,
  probeBackup: BackupProbe | undefined,
): Promise<HealthResult> {
  const [endpoint, ...probed] = await Promise.all([
    checkHealth(config, environment),
    probeQueries(config, environment),
    probeRedis(config, environment),
    probeChain(config, environment),
    probeBackup ? probeBackup(config, environment) : [],
  ]);
  const parts = probed.flat();
  return {
    healthy: endpoint.healthy && parts.every(({ ok, required }) => ok || !required),
    version: endpoint.version,
    parts: [...endpoint.parts, ...parts],
  };
}
