import { z } from 'zod';

/** How versions are named to people: tags of the repository. What runs is named by its content. */
export const versionSchema = z.strictObject({
  tagPrefix: z
    .string()
    .regex(/^[A-Za-z0-9._/-]*$/, 'can only have letters, digits and . _ / -')
    .default('v')
    .describe('Stands before the number in a tag: `v1.4.0`.'),
  remote: z
    .string()
    .min(1)
    .default('origin')
    .describe(
      'Is asked which tags there are, and gets new ones. Where the clone has no such remote, tags stay in the clone.',
    ),
  push: z.boolean().default(true).describe('New tags are pushed; otherwise they stay in the clone.'),
});
