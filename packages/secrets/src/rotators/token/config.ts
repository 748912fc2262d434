import { z } from 'zod';
import { commonShape } from '../../config/common.ts';

export const tokenSecret = z
  .strictObject({
    kind: z.literal('token'),
    variable: z.string().default('ADMIN_TOKEN').describe('The variable that holds it.'),
    list: z
      .boolean()
      .default(false)
      .describe(
        'The product takes several, separated by commas: whoever sends one sends the first, and all are accepted. Without that, requests fail while the product is started again.',
      ),
    path: z
      .string()
      .startsWith('/', 'must begin with /')
      .default('/api/admin/health')
      .describe('Where it is tried, by GET: what answers 401 or 403 to a wrong one.'),
    header: z
      .string()
      .regex(/^[A-Za-z0-9-]+: *\S*.*\{token\}/, 'must be a header with {token} in its value')
      .default('authorization: Bearer {token}')
      .describe('The header that carries it; `{token}` stands for it.'),
    timeoutMs: z.number().int().positive().default(5_000).describe('Longest wait for an answer.'),
    settleSeconds: z
      .number()
      .int()
      .min(0)
      .default(0)
      .describe('How long both stay valid at least, for clients that nobody here starts again.'),
    outageSeconds: z
      .number()
      .int()
      .positive()
      .default(60)
      .describe('Without `list`: how long it takes until all instances have been started again, which plan tells.'),
    lastUsed: z
      .strictObject({
        metric: z
          .string()
          .describe(
            "Of the product's metrics page, a gauge: when one that is not the first was sent last, in seconds since 1970.",
          )
          .meta({ examples: ['admin_token_former_used_seconds'] }),
        path: z.string().startsWith('/', 'must begin with /').default('/metrics').describe('Of that page.'),
        quietSeconds: z
          .number()
          .int()
          .positive()
          .default(900)
          .describe('Nobody uses it any more who has not for so long.'),
      })
      .optional()
      .describe(
        'How the product tells that the old one is still sent. Without that, nobody can be told from the outside.',
      ),
    ...commonShape,
  })
  .describe('A token that the product checks, such as the one of its health endpoint.');
export type TokenSecret = z.output<typeof tokenSecret>;
