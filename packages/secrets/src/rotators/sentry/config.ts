import { z } from 'zod';
import { commonShape } from '../../config/common.ts';

export const sentrySecret = z
  .strictObject({
    kind: z.literal('sentry'),
    variable: z.string().default('SENTRY_DSN').describe('The variable that holds the DSN.'),
    token: z
      .string()
      .default('SENTRY_AUTH_TOKEN')
      .describe(
        "Variable with the operator's token (scopes project:read, project:write, project:admin). Where it is not set, a person makes the key in Sentry's web page, and its DSN is asked for.",
      ),
    organization: z.string().optional().describe('As in the address of its page; `{env}` stands for the environment.'),
    project: z.string().optional().describe('Its slug or number; `{env}` stands for the environment.'),
    url: z
      .string()
      .optional()
      .describe("Where Sentry's web page and API are.")
      .meta({ byItself: "the DSN's own host; sentry.io for its cloud" }),
    delete: z
      .boolean()
      .default(true)
      .describe('The old key is deleted once it is proven dead; otherwise it stays, disabled.'),
    takenWithinSeconds: z
      .number()
      .int()
      .min(0)
      .default(90)
      .describe(
        'How long it may take until Sentry knows a new key. One that somebody tried too early is refused for 60 s.',
      ),
    refusedWithinSeconds: z
      .number()
      .int()
      .min(0)
      .default(300)
      .describe('How long Sentry may go on taking events with a key that is disabled.'),
    ...commonShape,
  })
  .describe("A DSN of Sentry's.");
export type SentrySecret = z.output<typeof sentrySecret>;
