import { z } from 'zod';
import { commonShape } from '../../config/common.ts';

export const redisSecret = z
  .strictObject({
    kind: z.literal('redis'),
    variable: z
      .string()
      .default('REDIS_URL')
      .describe('The variable with the URL whose password is rotated: redis://, rediss://, or the path of a socket.'),
    operator: z
      .string()
      .default('OPS_REDIS_URL')
      .describe(
        'Variable with the URL of the user that may change ACLs, for operators alone. The same as `variable` where a user rotates itself.',
      ),
    save: z
      .enum(['found', 'never'])
      .default('found')
      .describe(
        '`found`: by ACL SAVE or CONFIG REWRITE, whichever the server is set up for, and refused where it is for neither; `never`: the server keeps its users in a way of its own, or may forget them when it starts again.',
      ),
    unnamed: z
      .enum(['block', 'pass'])
      .default('block')
      .describe(
        'Connections whose name has no generation: nobody can tell which password they came in with. `block`: the old one stays until they are gone; `pass`: it counts what the instances were started with.',
      ),
    nodes: z
      .number()
      .int()
      .positive()
      .optional()
      .describe(
        'How many nodes there are, replicas counted: with fewer nothing is changed. A replica that is off is unknown to its master, and would come back with the old password.',
      ),
    settleSeconds: z.number().int().min(0).default(0).describe('How long both stay valid at least.'),
    tls: z
      .strictObject({
        ca: z.string().optional().describe("File with the server's authority, where it is none of the machine's."),
        cert: z.string().optional().describe('File with the certificate that we show.'),
        key: z.string().optional().describe('File with its key.'),
      })
      .optional()
      .describe('For rediss://. Paths are those of the product.'),
    ...commonShape,
  })
  .describe('A user of Redis, with two passwords for a while.');
export type RedisSecret = z.output<typeof redisSecret>;
