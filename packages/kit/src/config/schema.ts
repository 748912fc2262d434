import { z } from 'zod';
import { environmentName } from './environment-name.ts';
import { environmentsSchema } from './environments.ts';
import type { ConfigSections } from './sections.ts';

/** The name of an environment of the config. */
export type EnvName = string;

const variableSchema = z.strictObject({
  kind: z
    .enum(['text', 'url', 'postgres', 'redis', 'integer', 'number', 'boolean', 'hex', 'address', 'list'])
    .default('text')
    .describe('What a value must look like.'),
  for: z
    .enum(['product', 'operator', 'build'])
    .optional()
    .describe(
      "Whose it is: the product's processes get no value that is the operator's or the build's. Left out, it is the product's, unless a section names it for something that operators alone do.",
    ),
  secret: z.boolean().default(false).describe('Masked everywhere.'),
  required: z.array(environmentName).default([]).describe('Environments in which the product cannot do without it.'),
  example: z.string().describe('A well-formed value for the error message; never a real one.'),
  about: z.string().describe('What it is, in a few words.'),
});
export type VariableSpec = z.infer<typeof variableSchema>;

/** kit's own keys; each other key of a config is a section (section.ts). */
export const coreSchema = z.strictObject({
  product: z.string().min(1).describe('Its name, as backups, audit log and reports have it.'),
  envDirs: z
    .array(z.string())
    .default(['.'])
    .describe('Folders with dotenv-flow files, relative to the config; a later folder wins over an earlier one.'),
  environments: environmentsSchema,
  variables: z
    .record(z.string().regex(/^[A-Z][A-Z0-9_]*$/, 'must be UPPER_SNAKE_CASE'), variableSchema)
    .default({})
    .describe(
      'What the product and its operators have in their environment. What is declared is checked, masked and explained.',
    ),
  features: z
    .strictObject({
      variable: z.string().describe('Variable that lists the flags that are on, separated by commas.'),
      all: z.array(z.string()).describe('All that exist.'),
      minimal: z.array(z.string()).describe('The few that `minimal` of the parity table allows.'),
    })
    .default({ variable: 'FEATURE_FLAGS', all: [], minimal: [] })
    .describe('Feature flags, which the parity table compares.'),
});

/** For docs/CONFIG.md. */
export const coreExample: z.input<typeof coreSchema> = {
  product: 'shop',
  envDirs: ['.', 'env'],
  environments: {
    development: {},
    qa: {
      serves: 'validation',
      guard: 'none',
      url: 'QA_URL',
      after: null,
      parity: { redis: 'optional', sentrySampleRateMax: 0.05 },
    },
    production: { after: 'qa' },
  },
  variables: {
    OPS_DATABASE_URL: {
      kind: 'postgres',
      for: 'operator',
      secret: true,
      required: ['production'],
      example: 'postgresql://owner:password@db.internal:5432/shop',
      about: 'the role that owns the schema',
    },
  },
  features: { variable: 'FEATURE_FLAGS', all: ['reviews', 'chat'], minimal: ['reviews'] },
};

/** What a product writes in drydock.config.ts. */
export type DrydockConfig = z.input<typeof coreSchema> & ConfigSections;
/** kit's own keys after checks and defaults. */
export type ResolvedConfig = z.output<typeof coreSchema>;

/** Identity, for types while writing. The check happens when a task loads the file. */
export function defineConfig(config: DrydockConfig): DrydockConfig {
  return config;
}
