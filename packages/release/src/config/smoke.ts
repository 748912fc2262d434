import { z } from 'zod';

export const smokeSchema = z.strictObject({
  pages: z
    .array(
      z.strictObject({
        path: z.string().regex(/^\//, 'must begin with /').describe('Asked with GET, by nobody who is signed in.'),
        status: z
          .number()
          .int()
          .min(200)
          .max(599)
          .optional()
          .describe('What it must answer. Left out: anything that is no error of the product, below 500.'),
        text: z.string().min(1).optional().describe('What must stand in the answer.'),
      }),
    )
    .default([{ path: '/' }])
    .describe('Pages that users ask for; each is asked of every instance of a new version, and at the public address.'),
  timeoutMs: z.number().int().positive().default(5_000).describe('Longest wait for one of them.'),
  command: z
    .array(z.string())
    .min(1)
    .optional()
    .describe("A smoke test of the product's own; the variable of the environment's address holds what it is to ask."),
});
