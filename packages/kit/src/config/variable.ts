import { z } from 'zod';
import { environmentName } from './environment-name.ts';

const written = z.strictObject({
  kind: z
    .enum(['text', 'url', 'postgres', 'redis', 'integer', 'number', 'boolean', 'hex', 'address', 'list'])
    .default('text')
    .describe(
      'What a value must look like. Those that a section names, such as `database.url`, are of their kind without a word.',
    ),
  for: z
    .enum(['product', 'operator', 'build'])
    .optional()
    .describe(
      "Whose it is: the product's processes get no value that is the operator's or the build's. Left out, it is the product's, unless a section names it for something that operators alone do.",
    ),
  secret: z.boolean().default(false).describe('Masked everywhere.'),
  required: z.array(environmentName).default([]).describe('Environments in which the product cannot do without it.'),
  example: z
    .string()
    .optional()
    .describe('A well-formed value for the error message; never a real one.')
    .meta({ byItself: 'one of its kind' }),
  about: z.string().default('').describe('What it is, in a few words.'),
});
export type VariableKind = z.output<typeof written>['kind'];

/** What a value of each kind looks like. */
export const EXAMPLES: Record<VariableKind, string> = {
  text: '…',
  url: 'https://shop.example',
  postgres: 'postgresql://user:password@host:5432/database',
  redis: 'redis://user:password@host:6379',
  integer: '3000',
  number: '0.5',
  boolean: 'true',
  hex: '0x…',
  address: '0x5FbDB2315678afecb367f032d93F642f64180aa3',
  list: 'one,two',
};

export const variableSchema = written.transform((spec) => ({ ...spec, example: spec.example ?? EXAMPLES[spec.kind] }));
export type VariableSpec = z.output<typeof variableSchema>;
