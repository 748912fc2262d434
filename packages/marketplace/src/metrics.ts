import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export interface Metrics {
  registry: Registry;
  requests: Histogram<'method' | 'route' | 'status'>;
  errors: Counter<'route'>;
  cacheHits: Counter;
  cacheMisses: Counter;
  rateLimitBlocks: Counter;
  chainTasks: Gauge<'state'>;
  chainTaskAge: Gauge;
  formerTokenUsed: Gauge;
  tokensVerified: Counter<'kind' | 'kid'>;
  tokenLastVerified: Gauge<'kind' | 'kid'>;
}

/** 0.4 s is the objective of the jobs list; a bucket ends there, so that the share above it is exact. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 1, 2.5, 5, 10];

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    requests: new Histogram({
      name: 'http_request_duration_seconds',
      help: 'Duration of requests by route',
      labelNames: ['method', 'route', 'status'],
      buckets: BUCKETS,
      registers,
    }),
    errors: new Counter({
      name: 'http_errors_total',
      help: 'Requests that failed on our side (5xx; not maintenance, not probes)',
      labelNames: ['route'],
      registers,
    }),
    cacheHits: new Counter({ name: 'cache_hits_total', help: 'Jobs lists served from the cache', registers }),
    cacheMisses: new Counter({ name: 'cache_misses_total', help: 'Jobs lists read from the database', registers }),
    rateLimitBlocks: new Counter({ name: 'rate_limit_blocks_total', help: 'Requests answered with 429', registers }),
    chainTasks: new Gauge({
      name: 'chain_tasks',
      help: 'Rows of the chain queue that are not done',
      labelNames: ['state'],
      registers,
    }),
    formerTokenUsed: new Gauge({
      name: 'admin_token_former_used_seconds',
      help: 'When an admin token that is accepted and not the first was sent last, in seconds since 1970; 0: not yet',
      registers,
    }),
    chainTaskAge: new Gauge({ name: 'chain_task_oldest_seconds', help: 'Age of the oldest row not done', registers }),
    tokensVerified: new Counter({
      name: 'tokens_verified_total',
      help: 'Tokens that were taken, by the key that signed them',
      labelNames: ['kind', 'kid'],
      registers,
    }),
    tokenLastVerified: new Gauge({
      name: 'token_last_verified_timestamp_seconds',
      help: 'When a token of this key was last taken; 0: not since the start',
      labelNames: ['kind', 'kid'],
      registers,
    }),
  };
}
