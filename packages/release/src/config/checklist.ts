import { environmentName } from '@drydock/kit';
import { z } from 'zod';

/** Section 10 of the runbook, and what nobody should release without looking at. The name is what `--sign` takes. */
export const BOXES = {
  types: 'Typecheck / Lint',
  tests: 'Tests (contracts + essential e2e)',
  migrations: 'Migrations applied staging',
  flow: 'E2E flow passes',
  metrics: 'Metrics healthy',
  readme: 'README updated (major feature toggles)',
  rollback: 'Rollback plan validated',
  backup: 'Backup fresh',
  drill: 'Restore drill in time',
  secrets: 'No secret overdue',
} as const;
export type Box = keyof typeof BOXES;
export const BOX_NAMES = Object.keys(BOXES) as Box[];

export const checklistSchema = z.strictObject({
  environments: z
    .array(environmentName)
    .optional()
    .describe('Where every box must be ticked before a release goes on.')
    .meta({ byItself: 'those that serve customers' }),
  manual: z
    .array(z.enum(BOX_NAMES))
    .default([])
    .describe('Boxes that a person signs, since nothing here can look: `release:checklist --sign BOX`.'),
  off: z.array(z.enum(BOX_NAMES)).default([]).describe('Boxes that this product does not have.'),
  signedHours: z.number().positive().default(24).describe('How long a signature counts, where it does not say.'),
  readme: z.string().default('README.md').describe('Names every feature flag of `features.all`.'),
  secretDays: z
    .number()
    .positive()
    .optional()
    .describe(
      'The oldest that a declared secret may become that is under no rotation (`secrets.rotate` has a limit for each of its own); left out, those have no age.',
    ),
});
export type ChecklistConfig = z.output<typeof checklistSchema>;
