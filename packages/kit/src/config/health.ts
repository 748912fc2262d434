import { z } from 'zod';

export const healthSchema = z.strictObject({
  path: z.string().default('/api/admin/health'),
  /** Variable with the bearer token of the health endpoint. */
  token: z.string().default('ADMIN_TOKEN'),
  timeoutMs: z.number().int().positive().default(5_000),
});
