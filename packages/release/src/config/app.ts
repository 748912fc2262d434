import { z } from 'zod';

export const appSchema = z.strictObject({
  command: z
    .array(z.string())
    .min(1)
    .default(['npm', 'start'])
    .describe("Program and arguments, started in the artefact's folder with the environment's variables."),
  node: z
    .string()
    .optional()
    .describe(
      'The Node that the product runs under: its folder comes first on its PATH, and `node` of the command is it. Left out: a copy of the one that the toolkit runs under.',
    ),
  inherit: z
    .array(z.string())
    .default([])
    .describe(
      'Variables that the product gets from the shell of whoever releases. Others come from there only where an env file has them too or `variables` declares them.',
    ),
  portVariable: z.string().default('PORT').describe('Variable that tells the product where to listen.'),
  versionVariable: z.string().default('APP_VERSION').describe('Variable that tells the product which version it is.'),
  readyPath: z
    .string()
    .startsWith('/', 'must begin with /')
    .optional()
    .describe('Answers 200 once the process can take traffic; no token.')
    .meta({
      byItself: '`/readyz`, or `health.path` where that takes no token and `artifact.include` is left out',
      examples: ['/readyz'],
    }),
  readyTimeoutMs: z.number().int().positive().default(30_000).describe('Longest wait for that.'),
  drainTimeoutMs: z
    .number()
    .int()
    .positive()
    .default(15_000)
    .describe('Longest wait for requests in flight when a version is retired.'),
});

export type AppConfig = z.output<typeof appSchema>;
