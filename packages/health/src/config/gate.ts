import { environmentName } from '@drydock/kit';
import { z } from 'zod';

export const gateSchema = z.strictObject({
  forSeconds: z.number().int().min(1).default(300).describe('How long it looks, if --for does not say.'),
  intervalSeconds: z.number().min(0.1).default(10).describe('Time between measurements.'),
  windowSeconds: z
    .number()
    .min(0.1)
    .default(30)
    .describe('Each measurement looks back this far: shorter is quicker, and blind where there is little traffic.'),
  failureLimit: z
    .number()
    .int()
    .min(0)
    .default(0)
    .describe(
      "More measurements than this beyond a bound, and the objective has failed (Argo Rollouts' failureLimit).",
    ),
  consecutiveErrors: z
    .number()
    .int()
    .min(1)
    .default(4)
    .describe(
      "More scrapes than this in a row without an answer, and it is over (Argo Rollouts' consecutiveErrorLimit).",
    ),
  minRequests: z
    .number()
    .int()
    .min(1)
    .default(50)
    .describe('Fewer requests than this over the whole run, or than the bound needs, decide nothing.'),
  restarts: z.number().int().min(0).default(1).describe('More restarts than this while it looks are a crash loop.'),
  regression: z
    .strictObject({
      factor: z.number().gt(1).default(1.5).describe('Worse by this factor.'),
      shareOfBound: z.number().min(0).max(1).default(0.5).describe('Past this share of the bound.'),
      outcome: z.enum(['fail', 'warn', 'off']).default('fail').describe('What it means.'),
      minutes: z.number().int().min(1).default(60).describe('How much of the version before is looked at.'),
    })
    .prefault({})
    .describe('Against the version before.'),
  clockSkewSeconds: z.number().positive().default(5).describe('A clock that is off by more than this is worth a word.'),
  release: z
    .strictObject({
      forSeconds: z.number().int().min(1).describe('How long it looks.'),
      environments: z
        .array(environmentName)
        .min(1)
        .optional()
        .describe('Where.')
        .meta({ byItself: 'those that serve customers' }),
      inconclusive: z
        .enum(['pause', 'fail', 'pass'])
        .default('pause')
        .describe(
          'What a gate that cannot tell means for the release; `pause` waits for release:continue or release:abort.',
        ),
    })
    .optional()
    .describe('Lets a release wait for the gate after its last check. Left out, it does not.'),
});
