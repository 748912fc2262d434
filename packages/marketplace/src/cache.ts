import type { Redis } from 'ioredis';
import type { Metrics } from './metrics.ts';

const TTL_SECONDS = 60;
const VERSION_KEY = 'jobs:version';

/** The jobs list, kept for a minute or until a job changes. Without Redis it is kept in this process. */
export interface Cache {
  jobs<T>(page: string, load: () => Promise<T>): Promise<T>;
  jobsChanged(): Promise<void>;
}

export function createCache(redis: Redis | undefined, metrics: Metrics): Cache {
  const store = redis ? redisStore(redis) : memoryStore();
  return {
    async jobs<T>(page: string, load: () => Promise<T>): Promise<T> {
      // A cache that is away must not take the list with it.
      const version = await store.get(VERSION_KEY).catch(() => undefined);
      if (version === undefined) return load();
      const key = `jobs:${version ?? 0}:${page}`;
      const hit = await store.get(key).catch(() => null);
      if (hit) {
        metrics.cacheHits.inc();
        return JSON.parse(hit) as T;
      }
      metrics.cacheMisses.inc();
      const fresh = await load();
      await store.set(key, JSON.stringify(fresh)).catch(() => {});
      return fresh;
    },
    jobsChanged: async () => {
      await store.bump(VERSION_KEY).catch(() => {});
    },
  };
}

interface Store {
  get(key: string): Promise<string | null>;
  set(key: string, value: string): Promise<unknown>;
  bump(key: string): Promise<unknown>;
}

function redisStore(redis: Redis): Store {
  return {
    get: (key) => redis.get(key),
    set: (key, value) => redis.set(key, value, 'EX', TTL_SECONDS),
    bump: (key) => redis.incr(key),
  };
}

function memoryStore(): Store {
  const values = new Map<string, { value: string; until: number }>();
  let version = 0;
  return {
    get: async (key) => {
      if (key === VERSION_KEY) return String(version);
      const found = values.get(key);
      return found && found.until > Date.now() ? found.value : null;
    },
    set: async (key, value) => values.set(key, { value, until: Date.now() + TTL_SECONDS * 1_000 }),
    bump: async () => {
      version += 1;
      values.clear();
    },
  };
}
