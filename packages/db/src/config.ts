import {
  closest,
  defineSection,
  type EnvName,
  environmentName,
  environmentSettings,
  type LoadedConfig,
  type SectionInput,
} from '@drydock/kit';
import { z } from 'zod';
import { CODES, isCode, wouldFail } from './codes.ts';

const migrationsSchema = z.strictObject({
  schema: z
    .string()
    .default('prisma/schema.prisma')
    .describe(
      'Prisma schema file or folder, relative to the config. Not said: where Prisma finds it, by prisma.config.ts, by package.json, or by its own names.',
    ),
  migrations: z
    .string()
    .default('prisma/migrations')
    .describe('Folder of the migrations, relative to the config. Not said: by prisma.config.ts, or beside the schema.'),
  lockTimeoutMs: z
    .number()
    .int()
    .positive()
    .default(2_000)
    .describe('Longest wait for one lock while deploying; the statement is then retried with back-off.'),
  concurrentlyWaitMs: z
    .number()
    .int()
    .positive()
    .default(1_800_000)
    .describe(
      'Longest wait of CREATE INDEX CONCURRENTLY and its like for one older transaction; nobody queues behind it meanwhile.',
    ),
  largeTableRows: z
    .number()
    .int()
    .positive()
    .default(100_000)
    .describe('From how many rows on a rehearsal counts a long lock as an error, not as a warning.'),
  hazards: z
    .record(z.string(), z.enum(['off', 'info', 'warn', 'error']))
    .superRefine((hazards, ctx) => {
      for (const code of Object.keys(hazards)) {
        const message = problemOfCode(code);
        if (message) ctx.addIssue({ code: 'custom', path: [code], message });
      }
    })
    .default({})
    .describe(
      "Another level for a finding, by its code: `{ INTEGER_KEY: 'off' }`. Codes of what would fail on the target as well are refused.",
    ),
  plans: z
    .string()
    .default('prisma/plans')
    .describe('Queries whose plan is checked when an index is new: `*.sql`, relative to the config.'),
  seed: z
    .strictObject({
      module: z.string().describe("The product's own module; see SeedModule of @drydock/db. Relative to the config."),
      productionAllowlist: z
        .array(z.string())
        .default([])
        .describe(
          'Who may be made an admin in production, with --allow-production: wallets (EIP-55), e-mail addresses, ids.',
        ),
    })
    .optional()
    .describe('Admin seed (runbook section 4).'),
  backupBeforeDeploy: z
    .array(environmentName)
    .optional()
    .describe('Environments whose deploy takes a backup first.')
    .meta({ byItself: 'those that serve customers, once backups are set up' }),
});

/** The end of "database.hazards.CODE: …"; undefined where its level can be chosen. */
function problemOfCode(code: string): string | undefined {
  if (isCode(code)) return wouldFail(code) ? 'no level changes that it would fail; leave it out' : undefined;
  const meant = closest(code, Object.keys(CODES));
  return `is no code${meant ? ` (did you mean ${meant}?)` : ''}; db:dry-run --codes lists them`;
}

/** What only migrations and the seed need of the database; how one gets there is kit's part of the key. */
export const migrationsSection = defineSection({
  key: 'database',
  about:
    'Migrations: where they are, how long a deploy waits for locks, what a rehearsal finds too dangerous; and the admin seed.',
  schema: migrationsSchema,
  example: {
    schema: 'prisma/schema.prisma',
    hazards: { INTEGER_KEY: 'off' },
    backupBeforeDeploy: ['staging', 'production'],
    seed: { module: 'prisma/seed.ts', productionAllowlist: ['0x70997970C51812dc3A010C7d01b50e0d17dc79C8'] },
  },
});

declare module '@drydock/kit' {
  interface DatabaseKeys extends SectionInput<typeof migrationsSection> {}
}

/** Whether a deploy to this environment takes a backup first: the config says so, or it serves customers. */
export function backupBeforeDeploy(config: LoadedConfig, env: EnvName): 'as written' | 'by itself' | false {
  const { backupBeforeDeploy: written } = migrationsSection.of(config);
  if (written) return written.includes(env) && 'as written';
  return environmentSettings(config, env).serves === 'customers' && 'by itself';
}
