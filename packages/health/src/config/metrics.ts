import { z } from 'zod';

const label = z.string().regex(/^[a-zA-Z_]\w*$/, 'must be the name of a label');
/** A metric, or some of its series, as Prometheus writes it: `http_requests_total{status=~"5.."}`. */
const selector = z
  .string()
  .regex(/^[a-zA-Z_:][\w:]*(\{.*\})?$/, 'must be a metric such as http_requests_total{status=~"5.."}');

/** What the product calls its metrics. `null`: it has no such metric. Defaults are those of prom-client and of the reference product. */
export const metricsSchema = z.strictObject({
  path: z.string().default('/metrics').describe('Where they are.'),
  urls: z
    .string()
    .default('METRICS_URLS')
    .describe(
      'Variable with the addresses of all instances, separated by commas; not set, the address people use is asked, which is right for one instance alone.',
    ),
  token: z
    .string()
    .nullable()
    .default(null)
    .describe('Variable with a bearer token for the metrics; null where they need none.'),
  requests: selector
    .default('http_request_duration_seconds{route!~"/metrics|/readyz|/style.css|/api/admin/.*"}')
    .describe('Histogram of request durations. What probes and operators ask is not what people wait for.'),
  unit: z.enum(['seconds', 'milliseconds']).default('seconds').describe('What durations are counted in.'),
  routeLabel: label.default('route').describe('Its label with the route.'),
  methodLabel: label.default('method').describe('Its label with the method.'),
  errors: selector.nullable().default('http_errors_total').describe('Counter of requests that failed on our side.'),
  cacheHits: selector.nullable().default('cache_hits_total').describe('Counter of answers from the cache.'),
  cacheMisses: selector.nullable().default('cache_misses_total').describe('Counter of those that were not in it.'),
  blocks: selector
    .nullable()
    .default('rate_limit_blocks_total')
    .describe('Counter of requests answered with "too many".'),
  cpu: selector.nullable().default('process_cpu_seconds_total').describe('Counter of processor time.'),
  gc: selector
    .nullable()
    .default('nodejs_gc_duration_seconds')
    .describe('Histogram or summary of the time spent in collections.'),
  majorGc: selector
    .nullable()
    .default('nodejs_gc_duration_seconds{kind="major"}')
    .describe('Its series of major ones.'),
  memory: selector.nullable().default('process_resident_memory_bytes').describe('Gauge of the memory of the process.'),
  oldSpace: selector
    .nullable()
    .default('nodejs_heap_space_size_used_bytes{space="old"}')
    .describe('Gauge of the old space of the heap.'),
  started: selector
    .nullable()
    .default('process_start_time_seconds')
    .describe('Gauge of the time at which the process began.'),
});

/** A server that is asked instead of the product, where its URL is set. */
export const prometheusSchema = z.strictObject({
  url: z.string().default('PROMETHEUS_URL').describe('Variable with its URL.'),
  token: z.string().default('PROMETHEUS_TOKEN').describe('Variable with a bearer token for it.'),
  labels: z
    .record(label, z.string())
    .default({})
    .describe("Labels that tell this product's series from others; `{env}` stands for the environment."),
  instanceLabel: label.default('instance').describe('What the scrape calls the address that a series comes from.'),
});
