import { z } from 'zod';
import { environmentsSchema } from './environments.ts';
import type { ConfigSections } from './sections.ts';
import { variableSchema } from './variable.ts';

export type { VariableKind, VariableSpec } from './variable.ts';

/** The name of an environment of the config. */
export type EnvName = string;

/** kit's own keys; each other key of a config is a section (section.ts). */
export const coreSchema = z.strictObject({
  product: z
    .string()
    .min(1)
    .optional()
    .describe('Its name, as backups, audit log and reports have it.')
    .meta({ byItself: 'the name in the package.json beside the config' }),
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
      variable: z
        .string()
        .default('FEATURE_FLAGS')
        .describe('Variable that lists the flags that are on, separated by commas.'),
      all: z.array(z.string()).default([]).describe('All that exist.'),
      minimal: z.array(z.string()).default([]).describe('The few that `minimal` of the parity table allows.'),
    })
    .prefault({})
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
export type ResolvedConfig = z.output<typeof coreSchema> & { product: string };
