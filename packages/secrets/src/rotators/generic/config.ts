import { z } from 'zod';
import { commonShape } from '../../config/common.ts';

const command = z.array(z.string()).min(1);

export const genericSecret = z
  .strictObject({
    kind: z.literal('generic'),
    variable: z.string().describe('The variable that holds it.'),
    value: z
      .enum(['random', 'ask'])
      .default('random')
      .describe('`random`: 256 bits as base64url; `ask`: from standard input, or typed without echo.'),
    overlap: z
      .enum(['both', 'none'])
      .default('none')
      .describe(
        '`both`: the service takes the old and the new one for a while. Without that, plan says for how long requests may fail.',
      ),
    settleSeconds: z.number().int().min(0).default(0).describe('How long both stay valid at least.'),
    add: command
      .optional()
      .describe(
        'Makes the new one valid at the service. Gets the old value as OLD, the new one as NEW, in its environment.',
      ),
    retire: command.optional().describe('Makes the old one invalid at the service; OLD and NEW as above.'),
    proof: command
      .optional()
      .describe(
        'Tries the old one (OLD): exit 0 where it still works, 3 where it was refused, anything else: unknown.',
      ),
    ...commonShape,
  })
  .describe('Any variable, with commands of your own.');
export type GenericSecret = z.output<typeof genericSecret>;
