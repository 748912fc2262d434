import { z } from 'zod';
import { capacitySchema } from './capacity.ts';
import { gateSchema } from './gate.ts';
import { metricsSchema, prometheusSchema } from './metrics.ts';
import { objectivesSchema } from './objectives.ts';
import { rulesSchema } from './rules.ts';

/** Where a fact stands in the endpoint's answer: keys joined by dots, `components.db.status`. */
const path = z.string().regex(/^[^.]+(\.[^.]+)*$/, 'must be keys joined by dots, such as build.version');

export const healthSchema = z.strictObject({
  path: z.string().default('/api/admin/health'),
  /** Variable with the bearer token of the health endpoint; null where it needs none. */
  token: z.string().nullable().default('ADMIN_TOKEN'),
  timeoutMs: z.number().int().positive().default(5_000),
  /** The shape of the endpoint's answer. */
  expect: z
    .strictObject({
      /** Must be there, or, where this is the default, a usual one such as `status`: an answer that says nothing is not healthy. */
      ok: path.default('ok'),
      /** What `ok` says when all is well. */
      healthy: z
        .array(z.union([z.string(), z.boolean(), z.number()]))
        .default([true, 'ok', 'pass', 'up', 'UP', 'healthy']),
      version: path.default('version'),
      /** An object with one entry a part; of each, `ok` (or a value of `healthy`), `required`, `ms`, `error`. */
      parts: path.default('parts'),
    })
    .prefault({}),
  /** Read queries that must bring a row each: `*.sql`, relative to the config. */
  queries: z.string().default('drills'),
  /** Variable with the URL of Redis; where it is not set, Redis is not asked. */
  redis: z.string().default('REDIS_URL'),
  metrics: metricsSchema.prefault({}),
  prometheus: prometheusSchema.prefault({}),
  objectives: objectivesSchema.prefault({}),
  gate: gateSchema.prefault({}),
  capacity: capacitySchema.prefault({}),
  rules: rulesSchema.prefault({}),
  /** Samples kept on this machine, a minute a row; the file does not grow beyond that. */
  series: z
    .strictObject({ folder: z.string().default('.drydock/health'), days: z.number().int().min(1).max(90).default(30) })
    .prefault({}),
});
