import { z } from 'zod';

export const documentsSchema = z.strictObject({
  releases: z
    .string()
    .default('docs/releases')
    .describe('Folder with a page for each version that went live, relative to the config.'),
  rotations: z
    .string()
    .default('docs/OPERATIONS_SECRETS_ROTATION.md')
    .describe('Where rotations of secrets are written down, relative to the config.'),
});
