import { z } from 'zod';

export const notifySchema = z.strictObject({
  url: z.string().default('RELEASE_WEBHOOK').describe('Variable with the address of the webhook, which is secret.'),
  always: z.boolean().default(false).describe('Also without `--notify`, where the variable is set.'),
});
