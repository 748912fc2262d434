import { z } from 'zod';

export const ciSchema = z.strictObject({
  by: z
    .enum(['auto', 'github', 'recorded', 'none'])
    .default('auto')
    .describe(
      'Who says that the tests of a commit passed: `github` (check runs and statuses, through gh), `recorded` (release:test, npm test), `none` (nobody is asked). `auto` asks GitHub where origin is there, and goes by what is recorded where that has no answer.',
    ),
  repository: z
    .string()
    .regex(/^([\w.-]+\/)?[\w.-]+\/[\w.-]+$/, 'must be owner/name, or host/owner/name')
    .optional()
    .describe('On GitHub: `owner/name`, or `host/owner/name`.')
    .meta({ byItself: 'read from the address of origin' }),
  checks: z
    .array(z.string())
    .default([])
    .describe('Names of checks that must be there and green, so that one that has not begun yet is not overlooked.'),
  command: z
    .array(z.string())
    .min(1)
    .default(['npm', 'test'])
    .describe('Program and arguments that release:test runs; exit 0 means that types, lint and tests passed.'),
  required: z
    .enum(['always', 'customers', 'never'])
    .default('customers')
    .describe(
      'Where a release is refused if nobody can say whether the tests passed: in front of customers alone, elsewhere it is a warning. That they failed, or have not ended, refuses it everywhere, unless `never`.',
    ),
});

export type CiConfig = z.output<typeof ciSchema>;
