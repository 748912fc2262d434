import { z } from 'zod';

const share = z.number().gt(0).lt(1);

/** When to scale (runbook section 8). */
export const capacitySchema = z.strictObject({
  cores: z
    .number()
    .positive()
    .default(1)
    .describe('What one instance may use: `process_cpu_seconds_total` counts cores.'),
  cpu: z
    .strictObject({
      above: share.default(0.7).describe('Of `cores`.'),
      minutes: z.number().int().min(1).default(10).describe('For so long.'),
    })
    .prefault({})
    .describe('"Sustained CPU > 70 % for 10 m".'),
  latency: z
    .strictObject({
      windowMinutes: z.number().int().min(1).default(5).describe('Length of a window.'),
      moreThan: z.number().int().min(1).default(3).describe('So many breaches in a row do not fire yet.'),
      minRequests: z.number().int().min(1).default(20).describe('A window with fewer requests is no breach.'),
    })
    .prefault({})
    .describe(
      '"p95 latency breach for > 3 consecutive 5 m windows": 4 of them. The bounds are those of objectives.latency.',
    ),
  memory: z
    .strictObject({
      gcShareAbove: share.default(0.1).describe('Share of the time that collections take.'),
      keptAbove: share.default(0.8).describe('Share of old space that they do not free.'),
      minutes: z.number().int().min(2).default(10).describe('For so long.'),
      oldSpaceLimitMiB: z.number().positive().optional().describe('The --max-old-space-size, where it is set.'),
    })
    .prefault({})
    .describe(
      '"Memory pressure causing GC churn": collections take this share of the time while they free little, i.e. old space after a collection stays above this share of its peak before (or of `oldSpaceLimitMiB`, the --max-old-space-size, where it is told).',
    ),
});
