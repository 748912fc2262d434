import { defineSection, type SectionInput, type SectionOutput } from '@drydock/kit';
import { z } from 'zod';
import { capacitySchema } from './capacity.ts';
import { gateSchema } from './gate.ts';
import { metricsSchema, prometheusSchema } from './metrics.ts';
import { objectivesSchema } from './objectives.ts';
import { rulesSchema } from './rules.ts';

/** Where a fact stands in the endpoint's answer: keys joined by dots, `components.db.status`. */
const path = z.string().regex(/^[^.]+(\.[^.]+)*$/, 'must be keys joined by dots, such as build.version');

const healthSchema = z.strictObject({
  path: z.string().default('/api/admin/health').describe('Of the health endpoint, at the address people use.'),
  token: z
    .string()
    .nullable()
    .default('ADMIN_TOKEN')
    .describe(
      'Variable with the bearer token of the health endpoint; null where it needs none. Where it is not written down, one is sent if it is set.',
    ),
  timeoutMs: z.number().int().positive().default(5_000).describe('Longest wait for an answer.'),
  expect: z
    .strictObject({
      ok: path
        .default('ok')
        .describe(
          'Must be there, or, where this is the default, a usual one such as `status`, or the answer is one word, such as `OK`: one that says nothing is not healthy.',
        ),
      healthy: z
        .array(z.union([z.string(), z.boolean(), z.number()]))
        .default([true, 'ok', 'pass', 'up', 'UP', 'healthy'])
        .describe('What `ok` says when all is well.'),
      status: z
        .int()
        .min(100)
        .max(599)
        .optional()
        .describe('The status that alone says that all is well, whatever stands in the answer.')
        .meta({ examples: [200] }),
      version: path.default('version').describe('The version that answers.'),
      parts: path
        .default('parts')
        .describe(
          'An object with one entry a part; of each, `ok` (or a value of `healthy`), `required`, `ms`, `error`.',
        ),
    })
    .prefault({})
    .describe("The shape of the endpoint's answer."),
  queries: z
    .string()
    .default('drills')
    .describe('Read queries that must bring a row each: `*.sql`, relative to the config.'),
  redis: z
    .string()
    .default('REDIS_URL')
    .describe('Variable with the URL of Redis; where it is not set, Redis is not asked.'),
  metrics: metricsSchema
    .prefault({})
    .describe(
      'What the product calls its metrics; null where it has no such metric. The defaults are those of prom-client and of the reference product.',
    ),
  prometheus: prometheusSchema
    .prefault({})
    .describe('A server that is asked instead of the product, where its URL is set.'),
  objectives: objectivesSchema
    .prefault({})
    .describe('What is good enough. The defaults are section 8 of the runbook; null drops one.'),
  gate: gateSchema.prefault({}).describe('How health:gate judges.'),
  capacity: capacitySchema.prefault({}).describe('When to scale (runbook section 8).'),
  rules: rulesSchema.prefault({}).describe('What health:rules writes for Prometheus, Alertmanager and Grafana.'),
  series: z
    .strictObject({
      folder: z.string().default('.drydock/health').describe('Where, relative to the config.'),
      days: z.number().int().min(1).max(90).default(30).describe('How long they stay.'),
    })
    .prefault({})
    .describe('Samples kept on this machine, a minute a row; the file does not grow beyond that.'),
});

export const healthSection = defineSection({
  key: 'health',
  about:
    'How the product tells that it is well, what its metrics are called, and what is good enough (runbook section 8).',
  schema: healthSchema,
  example: {
    path: '/healthz',
    token: null,
    metrics: { requests: 'http_requests_seconds', routeLabel: 'path', token: 'METRICS_TOKEN' },
    prometheus: { labels: { job: 'shop-{env}' } },
    objectives: { latency: [{ route: '/api/orders', belowMs: 300 }] },
    capacity: { memory: { oldSpaceLimitMiB: 1_024 } },
    gate: { release: { forSeconds: 300, environments: ['production'] } },
    rules: { receivers: { page: { pagerduty_configs: [{ routing_key_file: '/etc/alertmanager/key' }] } } },
  },
  kinds: ({ metrics, prometheus }) => ({ [metrics.urls]: 'url', [prometheus.url]: 'url' }),
});

declare module '@drydock/kit' {
  interface ConfigSections {
    health?: SectionInput<typeof healthSection>;
  }
}

export type HealthConfig = SectionOutput<typeof healthSection>;
