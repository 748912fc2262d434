import { z } from 'zod';
import { backupsSchema } from './backups.ts';
import { chainSchema } from './chain.ts';
import { databaseSchema } from './database.ts';
import { escrowSchema } from './escrow.ts';
import { healthSchema } from './health/index.ts';
import { releaseSchema } from './release.ts';

export const ENV_NAMES = ['development', 'staging', 'production'] as const;
export type EnvName = (typeof ENV_NAMES)[number];

const variableSchema = z.strictObject({
  kind: z
    .enum(['text', 'url', 'postgres', 'redis', 'integer', 'number', 'boolean', 'hex', 'address', 'list'])
    .default('text'),
  /**
   * Whose it is: the product's processes get no value that is the operator's or the build's. Left out, it is the product's, unless the config
   * names it for something that operators alone do (see env/audience.ts).
   */
  for: z.enum(['product', 'operator', 'build']).optional(),
  /** Masked everywhere. */
  secret: z.boolean().default(false),
  /** Environments in which the product cannot do without it. */
  required: z.array(z.enum(ENV_NAMES)).default([]),
  /** A well-formed value for the error message; never a real one. */
  example: z.string(),
  about: z.string(),
});
export type VariableSpec = z.infer<typeof variableSchema>;

/** The runbook's parity table, section 1: one row a concern. */
const paritySchema = z.strictObject({
  nodeEnv: z.enum(['development', 'production']),
  schema: z.enum(['dev', 'deploy']),
  features: z.enum(['all', 'subset', 'minimal']),
  sentry: z.enum(['optional', 'required']),
  /** The highest SENTRY_TRACES_SAMPLE_RATE allowed ("sample rate low"). */
  sentrySampleRateMax: z.number().min(0).max(1).optional(),
  redis: z.enum(['optional', 'required']),
});

const environmentSchema = z.strictObject({
  /** Variable that holds the address people use, e.g. `PUBLIC_URL`. */
  url: z.string().default('PUBLIC_URL'),
  /** `confirm`: its name must be typed, or given as `--confirm NAME`, and `--reason` is required. */
  guard: z.enum(['none', 'confirm']),
  parity: paritySchema,
});

export const configSchema = z.strictObject({
  product: z.string().min(1),
  /** Folders with dotenv-flow files, relative to the config; a later folder wins over an earlier one. */
  envDirs: z.array(z.string()).default(['.']),
  environments: z.strictObject({
    development: environmentSchema,
    staging: environmentSchema,
    production: environmentSchema,
  }),
  variables: z.record(z.string().regex(/^[A-Z][A-Z0-9_]*$/, 'must be UPPER_SNAKE_CASE'), variableSchema).default({}),
  /** Feature flags: the variable that lists those switched on, all that exist, and the few production may have. */
  features: z
    .strictObject({ variable: z.string(), all: z.array(z.string()), minimal: z.array(z.string()) })
    .default({ variable: 'FEATURE_FLAGS', all: [], minimal: [] }),
  database: databaseSchema.prefault({}),
  backups: backupsSchema.prefault({}),
  chain: chainSchema.optional(),
  escrow: escrowSchema.prefault({}),
  health: healthSchema.prefault({}),
  release: releaseSchema.optional(),
});

/** What a product writes in drydock.config.ts. */
export type DrydockConfig = z.input<typeof configSchema>;
/** The same after checks and defaults. */
export type ResolvedConfig = z.output<typeof configSchema>;

/** Identity, for types while writing. The check happens when a task loads the file. */
export function defineConfig(config: DrydockConfig): DrydockConfig {
  return config;
}
