import { z } from 'zod';

export const databaseSchema = z.strictObject({
  /** Variable with the operator's URL: a role that owns the schema and may CREATEDB (for rehearsals). */
  url: z.string().default('OPS_DATABASE_URL'),
  /** Variable with the URL the product itself uses; the operator's falls back to it. */
  appUrl: z.string().default('DATABASE_URL'),
  /** Variable with the URL of a role that may only read; where it is set, queries of drills, plans and health run as that role. */
  readUrl: z.string().default('READ_DATABASE_URL'),
  /** Prisma schema file or folder, relative to the config. */
  schema: z.string().default('prisma/schema.prisma'),
  migrations: z.string().default('prisma/migrations'),
  /** PostgreSQL schemas that Prisma manages here. */
  schemas: z.array(z.string()).default(['public']),
  /** Longest wait for one lock while deploying; the statement is then retried with back-off. */
  lockTimeoutMs: z.number().int().positive().default(2_000),
  /** Longest wait of CREATE INDEX CONCURRENTLY and its like for one older transaction; nobody queues behind it meanwhile. */
  concurrentlyWaitMs: z.number().int().positive().default(1_800_000),
  /** From how many rows on a rehearsal counts a long lock as an error, not as a warning. */
  largeTableRows: z.number().int().positive().default(100_000),
  /** Another level for a finding of the rehearsal, by its code: `{ INTEGER_KEY: 'off' }`. */
  hazards: z.record(z.string(), z.enum(['off', 'info', 'warn', 'error'])).default({}),
  /** Queries whose plan is checked when an index is new: `*.sql`, relative to the config. */
  plans: z.string().default('prisma/plans'),
  /** Admin seed (runbook section 4). */
  seed: z
    .strictObject({
      /** The product's own module; see SeedModule of @drydock/db. Relative to the config. */
      module: z.string(),
      /** Wallets that may be made admins in production, with --allow-production. EIP-55. */
      productionAllowlist: z.array(z.string()).default([]),
    })
    .optional(),
  /** Environments whose deploy takes a backup first. */
  backupBeforeDeploy: z.array(z.enum(['development', 'staging', 'production'])).default(['production']),
});
