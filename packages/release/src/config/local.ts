import { z } from 'zod';

export const localSchema = z.strictObject({
  instances: z.number().int().min(1).max(64).default(1).describe('Processes of a version.'),
  folder: z
    .string()
    .default('RELEASE_FOLDER')
    .describe(
      "Variable with the folder of the host in which versions lie and run, one for all checkouts. Not set: `drydock` beside the proxy's state file.",
    ),
});
