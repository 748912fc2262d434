import { z } from 'zod';

export const maintenanceSchema = z.strictObject({
  page: z
    .string()
    .optional()
    .describe(
      'Page shown meanwhile, a file of the product; `{reason}` in it stands for the one given. Left out: a plain one.',
    ),
  through: z
    .array(z.string().regex(/^\/\S*$/, 'must begin with /'))
    .default([])
    .describe('Paths that are answered all the same, besides those of health and readiness.'),
  retryAfterSeconds: z
    .number()
    .int()
    .min(1)
    .default(300)
    .describe('What Retry-After says where nothing else is given.'),
});
