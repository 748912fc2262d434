import { z } from 'zod';

export const gateSchema = z.strictObject({
  /** How long it looks, if --for does not say. */
  forSeconds: z.number().int().min(1).default(300),
  intervalSeconds: z.number().min(0.1).default(10),
  /** Each measurement looks back this far: shorter is quicker, and blind where there is little traffic. */
  windowSeconds: z.number().min(0.1).default(30),
  /** More measurements than this beyond a bound, and the objective has failed (Argo Rollouts' failureLimit). */
  failureLimit: z.number().int().min(0).default(0),
  /** More scrapes than this in a row without an answer, and it is over (Argo Rollouts' consecutiveErrorLimit). */
  consecutiveErrors: z.number().int().min(1).default(4),
  /** Fewer requests than this over the whole run, or than the bound needs, decide nothing. */
  minRequests: z.number().int().min(1).default(50),
  /** More restarts than this while it looks are a crash loop. */
  restarts: z.number().int().min(0).default(1),
  /** Against the version before: worse by this factor, and past this share of the bound. */
  regression: z
    .strictObject({
      factor: z.number().gt(1).default(1.5),
      shareOfBound: z.number().min(0).max(1).default(0.5),
      outcome: z.enum(['fail', 'warn', 'off']).default('fail'),
      /** How much of the version before is looked at. */
      minutes: z.number().int().min(1).default(60),
    })
    .prefault({}),
  /** A clock that is off by more than this is worth a word. */
  clockSkewSeconds: z.number().positive().default(5),
  /** Lets a release wait for the gate after its last check. Left out, it does not. */
  release: z
    .strictObject({
      forSeconds: z.number().int().min(1),
      environments: z
        .array(z.enum(['staging', 'production']))
        .min(1)
        .default(['production']),
      /** What a gate that cannot tell means for the release. */
      inconclusive: z.enum(['fail', 'pass']).default('fail'),
    })
    .optional(),
});
