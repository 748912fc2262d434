import { z } from 'zod';

const command = z.array(z.string()).min(1);

export const releaseSchema = z.strictObject({
  /** A release must contain the newest commit of this branch ("rebased on master"). */
  baseBranch: z.string().default('master'),
  artifact: z.strictObject({
    /** Git pathspecs that make up the artefact. */
    include: z.array(z.string()).min(1),
    /** Run in order, in the exported tree or in the checkout; `{artifact}` stands for the exported tree's folder. */
    build: z.array(z.strictObject({ command, cwd: z.enum(['artifact', 'checkout']).default('artifact') })).default([]),
    /** How many earlier artefacts stay for a rollback (runbook section 2: the last two). */
    keep: z.number().int().min(1).default(2),
  }),
  app: z.strictObject({
    /** Started in the artefact's folder with the environment's variables. */
    command,
    portVariable: z.string().default('PORT'),
    /** Variable that tells the product which version it is. */
    versionVariable: z.string().default('APP_VERSION'),
    /** Answers 200 once the process can take traffic; no token. */
    readyPath: z.string().default('/readyz'),
    readyTimeoutMs: z.number().int().positive().default(30_000),
    /** Longest wait for requests in flight when a version is retired. */
    drainTimeoutMs: z.number().int().positive().default(15_000),
  }),
  /** HAProxy in front, reached through its runtime API. Names of variables. */
  proxy: z
    .strictObject({
      socket: z.string().default('PROXY_SOCKET'),
      stateFile: z.string().default('PROXY_STATE_FILE'),
      backend: z.string().default('app'),
    })
    .prefault({}),
  /** The product's own end-to-end flow; gets the environment's variables, exit 0 means it passed. */
  flow: z
    .strictObject({ command, environments: z.array(z.enum(['staging', 'production'])).default(['staging']) })
    .optional(),
});
