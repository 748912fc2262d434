import { z } from 'zod';

/** What a hotfix may leave out. Rehearsal, backup and gate are none of these. */
export const SKIPPABLE = ['ci', 'checklist', 'smoke', 'flow'] as const;
export type Skippable = (typeof SKIPPABLE)[number];

export const hotfixSchema = z.strictObject({
  skip: z
    .array(z.enum(SKIPPABLE))
    .default(['ci', 'checklist', 'flow'])
    .describe('What is not critical, and is left out and named. Rehearsal, backup and gate never are.'),
  tests: z
    .array(z.string())
    .default(['**/test/**', '**/tests/**', '**/__tests__/**', '**/*.{test,spec}.*', 'e2e/**'])
    .describe('Where a regression test is found: one of these must be new or changed since the version that serves.'),
  advisory: z
    .enum(['draft', 'github'])
    .default('draft')
    .describe(
      '`github` opens a private security advisory in the repository of release.ci; `draft` writes one below .drydock/advisories, which git ignores.',
    ),
  package: z
    .string()
    .optional()
    .describe('What the advisory is about, as its ecosystem knows it.')
    .meta({ byItself: 'the product' }),
});
