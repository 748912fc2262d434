import { z } from 'zod';

const share = z.number().gt(0).lt(1);

/** What is good enough. Defaults are section 8 of the runbook; `null` drops one. */
export const objectivesSchema = z.strictObject({
  latency: z
    .array(
      z.strictObject({
        route: z.string().describe('As the route label says it; `*`: every route by itself.'),
        method: z.string().default('GET').describe('As the method label says it.'),
        quantile: share.default(0.95).describe('The share of requests that must be as quick.'),
        belowMs: z.number().positive().describe('As quick as this.'),
      }),
    )
    .default([{ route: '/api/jobs', method: 'GET', quantile: 0.95, belowMs: 400 }])
    .describe('How quick answers are, route by route.'),
  errors: z
    .strictObject({ below: share.describe('The bound.') })
    .nullable()
    .default({ below: 0.01 })
    .describe('Share of requests that failed on our side.'),
  cacheHits: z
    .strictObject({ above: share.describe('The bound.') })
    .nullable()
    .default({ above: 0.4 })
    .describe('Share of answers that come from the cache.'),
  blocks: z
    .strictObject({ below: share.describe('The bound.') })
    .nullable()
    .default({ below: 0.05 })
    .describe('Share of requests answered with "too many".'),
  cpu: z
    .strictObject({ below: share.describe('The bound.') })
    .nullable()
    .default({ below: 0.7 })
    .describe("Cores' worth of processor time, as a share of `capacity.cores`."),
  gc: z
    .strictObject({ below: share.describe('The bound.') })
    .nullable()
    .default({ below: 0.1 })
    .describe('Share of time spent in collections.'),
  memory: z
    .strictObject({ growthPerHourBelow: z.number().positive().describe('The bound.') })
    .nullable()
    .default({ growthPerHourBelow: 0.5 })
    .describe('Growth of old space after collections, as a share of itself in an hour: more is a leak.'),
  budgetDays: z.number().int().min(1).max(90).default(30).describe('The time over which an error budget is counted.'),
});
