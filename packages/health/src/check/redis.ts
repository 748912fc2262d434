import type { Environment, LoadedConfig } from '@drydock/kit';
import { healthSection } from '../config/health.ts';
import type { PartResult } from './endpoint.ts';
import { timed } from './queries.ts';

/** PING, as the product would. */
export async function probeRedis(config: LoadedConfig, environment: Environment): Promise<PartResult[]> {
  const { redis: variable, timeoutMs } = healthSection.of(config);
  if (!environment.has(variable)) return [];
  const url = environment.secret(variable);
  const { Redis } = await import('ioredis');
  const client = new Redis(url.reveal(), {
    // Which value it came in with, as secrets:status counts it.
    connectionName: `drydock:health:${url.fingerprint()}`,
    lazyConnect: true,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
  });
  let reason: string | undefined;
  client.on('error', (error: Error) => {
    reason = error.message;
  });
  try {
    const part = await timed('redis', async () => {
      await client.connect();
      await client.ping();
    });
    // ioredis says "Connection is closed."; why, its event says.
    return [part.ok || reason === undefined ? part : { ...part, detail: reason }];
  } finally {
    client.disconnect();
  }
}
