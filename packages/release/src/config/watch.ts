import { environmentName } from '@drydock/kit';
import { z } from 'zod';

/** What a new version is watched for once it takes the traffic, by what runs it and what sends it traffic: the product need not say a word. */
export const watchSchema = z.strictObject({
  seconds: z
    .int()
    .min(0)
    .default(10)
    .describe('How long it is watched after its last check; 0: not at all, and not beside the gate either.'),
  environments: z.array(environmentName).optional().describe('Where.').meta({ byItself: 'those that serve customers' }),
  errors: z
    .number()
    .gt(0)
    .lt(1)
    .default(0.01)
    .describe('Share of requests that may fail (500 and above, or no answer) beyond that of the version before.'),
  slower: z
    .number()
    .gt(1)
    .default(3)
    .describe(
      'Its answers may take so many times as long as those of the version before, and a tenth of a second more, on average.',
    ),
});
