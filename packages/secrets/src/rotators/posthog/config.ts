import { z } from 'zod';
import { commonShape } from '../../config/common.ts';

export const postHogSecret = z
  .strictObject({
    kind: z.literal('posthog'),
    key: z
      .enum(['project', 'secret'])
      .default('project')
      .describe(
        '`project`: the public one (phc_…), which ends at once when it is replaced; `secret`: the one for flags (phs_…), which stays valid beside the new one.',
      ),
    variable: z.string().default('POSTHOG_KEY').describe('The variable that holds it.'),
    host: z.string().default('POSTHOG_HOST').describe('Variable with the address that the product sends to.'),
    projectKey: z
      .string()
      .default('POSTHOG_KEY')
      .describe("Variable with the project's public key, which goes with a secret one."),
    token: z
      .string()
      .default('POSTHOG_API_KEY')
      .describe(
        "Variable with an operator's personal API key (scopes project:read, project:write). Where it is not set, a person replaces the key in PostHog's web page, and the new one is asked for.",
      ),
    project: z.string().default('POSTHOG_PROJECT_ID').describe("Variable with the project's number."),
    organization: z.string().default('@current').describe('Its id; `@current` is that of the personal API key.'),
    url: z
      .string()
      .optional()
      .describe("Where PostHog's web page and API are.")
      .meta({ byItself: "the host's own; us.posthog.com and eu.posthog.com for its cloud" }),
    ...commonShape,
  })
  .describe("A key of PostHog's.");
export type PostHogSecret = z.output<typeof postHogSecret>;
