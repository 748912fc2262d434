import { createHash } from 'node:crypto';
import { PrismaPg } from '@prisma/adapter-pg';
import { Redis } from 'ioredis';
import pg from 'pg';
import { PrismaClient } from '../generated/prisma/client.ts';
import { createTokens, type Tokens } from './auth/tokens.ts';
import { type Cache, createCache } from './cache.ts';
import { type Chain, createChain } from './chain/client.ts';
import type { AppConfig } from './config.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { createTracker, type Tracker } from './tracker.ts';

/** Everything the routes stand on. */
export interface Services {
  config: AppConfig;
  db: PrismaClient;
  /** The same connections, for locks that belong to a session. */
  pool: pg.Pool;
  redis: Redis | undefined;
  cache: Cache;
  chain: Chain;
  tokens: Tokens;
  metrics: Metrics;
  tracker: Tracker;
  close(): Promise<void>;
}

export function createServices(config: AppConfig): Services {
  const pool = new pg.Pool({
    connectionString: config.DATABASE_URL,
    max: 10,
    connectionTimeoutMillis: 5_000,
    application_name: `marketplace ${config.APP_VERSION}`,
  });
  // An idle connection that the server ends is replaced by the next query; it must not end the process.
  pool.on('error', () => {});
  const redis = config.REDIS_URL ? connectRedis(config.REDIS_URL) : undefined;
  const metrics = createMetrics();
  const db = new PrismaClient({ adapter: new PrismaPg(pool) });
  const tracker = createTracker(config);
  return {
    config,
    db,
    pool,
    redis,
    cache: createCache(redis, metrics),
    chain: createChain(config, pool),
    tokens: createTokens(config, metrics),
    metrics,
    tracker,
    async close() {
      await tracker.close();
      await db.$disconnect();
      await pool.end();
      redis?.disconnect();
    },
  };
}

/** Fails fast while Redis is away, so that a request is not held up by the cache. Its name tells which password it came in with (CLIENT LIST). */
function connectRedis(url: string): Redis {
  const redis = new Redis(url, {
    connectionName: `marketplace:sha256:${createHash('sha256').update(url).digest('hex').slice(0, 12)}`,
    maxRetriesPerRequest: 1,
    enableOfflineQueue: true,
    connectTimeout: 2_000,
    commandTimeout: 1_000,
    retryStrategy: (times) => Math.min(times * 100, 1_000),
  });
  redis.on('error', () => {});
  return redis;
}
