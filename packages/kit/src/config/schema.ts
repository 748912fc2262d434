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
  variables: z.record(z.string().regex(/^[A-Z][A-Z0-9_]*$/, 'must be UPPER_SNAKE_CASE'), variableSchema).default({}),
  features: z
    .strictObject({ variable: z.string(), all: z.array(z.string()), minimal: z.array(z.string()) })
    .default({ variable: 'FEATURE_FLAGS', all: [], minimal: [] })
    .describe(
      'Feature flags: the variable that lists those switched on, all that exist, and the few production may have.',
    ),
});

/** What a product writes in drydock.config.ts. */
export type DrydockConfig = z.input<typeof coreSchema> & ConfigSections;
/** kit's own keys after checks and defaults. */
export type ResolvedConfig = z.output<typeof coreSchema>;

/** Identity, for types while writing. The check happens when a task loads the file. */
export function defineConfig(config: DrydockConfig): DrydockConfig {
  return config;
}
