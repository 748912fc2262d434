import { z } from 'zod';
import { commonShape } from '../../config/common.ts';

const command = (...example: string[]) =>
  z
    .array(z.string())
    .min(1)
    .meta({ examples: [example] });

export const genericSecret = z
  .strictObject({
    kind: z
      .literal('generic')
      .describe(
        'What it is, and so how it is rotated: each kind is told beside its code, in packages/secrets/src/rotators/.',
      ),
    variable: z.string().describe('The variable that holds it.'),
    value: z
      .enum(['random', 'ask'])
      .default('random')
      .describe(
        '`random`: made here, of `bytes` random bytes as base64url; `ask`: from standard input, or typed without echo.',
      ),
    bytes: z.number().int().min(16).max(512).default(32).describe('How many random bytes.'),
    overlap: z
      .enum(['both', 'none'])
      .default('none')
      .describe(
        '`both`: the service takes the old and the new one for a while. Without that, plan says for how long requests may fail.',
      ),
    outageSeconds: z
      .number()
      .int()
      .positive()
      .default(60)
      .describe(
        'Without an overlap: from the moment at which the old one ends until every instance has the new one. Measured by you; plan tells it.',
      ),
    settleSeconds: z.number().int().min(0).default(0).describe('How long both stay valid at least.'),
    add: command('scripts/mail-key', 'add')
      .optional()
      .describe(
        'Makes the new one valid at the service; without an overlap, in the place of the old one, right before the product is started with it. Gets the old value as OLD, the new one as NEW, in its environment; may run twice.',
      ),
    tryEach: command('scripts/mail-key', 'try')
      .optional()
      .describe(
        'Tries the new one (NEW) at one instance of the product, whose address is ADDRESS: run for each; exit 0 means that it works.',
      ),
    users: command('scripts/mail-key', 'users')
      .optional()
      .describe(
        'Prints a line for everybody who still uses the old one (OLD): the old one is not ended before it prints none.',
      ),
    retire: command('scripts/mail-key', 'end')
      .optional()
      .describe('Makes the old one invalid at the service; OLD and NEW as above; may run twice.'),
    withdraw: command('scripts/mail-key', 'end-new')
      .optional()
      .describe(
        'Takes the new one (NEW) away again, where a rotation is given up. Left out, `retire` does it (without an overlap `add`), with OLD and NEW in each other’s place.',
      ),
    proof: command('scripts/mail-key', 'is-alive')
      .optional()
      .describe(
        'Tries the old one (OLD): exit 0 where it still works, 3 where it was refused, anything else: unknown.',
      ),
    timeoutMs: z.number().int().positive().default(60_000).describe('How long each of these commands may take.'),
    ...commonShape,
  })
  .describe('Any variable, with commands of your own.');
export type GenericSecret = z.output<typeof genericSecret>;
