#!/usr/bin/env node
import { operatorUrl } from '../src/env/operator-url.ts';
import { command } from '../src/hint.ts';
import type { Json } from '../src/json.ts';
import { readIdentity, writeIdentity } from '../src/lock/identity.ts';
import { withPostgres } from '../src/postgres.ts';
import { defineStep } from '../src/steps/types.ts';
import { main } from '../src/task/main.ts';
import { defineChangeTask, type TaskContext } from '../src/task/types.ts';

interface Claim {
  [key: string]: Json;
  /** What the database says before. */
  before: { product: string | null; environment: string } | null;
}

const task = defineChangeTask({
  name: 'env:claim',
  summary: 'Says in a database which environment it is from now on; every other task refuses to change another one.',
  description:
    'A database learns its environment from the first task that changes it. This is for the day when that is no longer true: a copy\n' +
    'of production that becomes staging, an environment that is renamed. It changes one row, in schema drydock.',
  examples: [
    'npm run env:claim -- --env staging --plan',
    'npm run env:claim -- --env staging --yes --reason "copy of production"',
  ],
  lock: 'environment',
  claims: true,
  destructive: true,
  plan: async (ctx): Promise<Claim> => ({ before: await said(ctx) }),
  describe: ({ before }) => [
    before
      ? `the database says that it is ${before.environment}${before.product ? ` of ${before.product}` : ''}`
      : 'the database does not say yet which environment it is',
  ],
  steps: (ctx, { before }) => [
    defineStep({
      name: 'claim',
      run: async ({ audit }) => {
        const meant = { product: ctx.config.product, environment: ctx.env };
        await withPostgres(operatorUrl(ctx.config, ctx.environment), 'drydock env:claim', (client) =>
          writeIdentity(client, meant),
        );
        await audit('env.claim', { before: before?.environment ?? null, product: before?.product ?? null }, 'claim');
        return null;
      },
      verify: async () => {
        const now = await said(ctx);
        if (now?.environment !== ctx.env || now.product !== ctx.config.product)
          throw new Error(`the database says that it is ${now?.environment ?? 'nothing'}`);
      },
    }),
  ],
  outcome: (ctx, { before }) => ({
    verdict: `The database is ${ctx.env} of ${ctx.config.product}${before?.environment === ctx.env ? ', as before' : ''}.`,
    data: { before },
    next: command('env:check', { env: ctx.env }),
  }),
});

async function said(ctx: TaskContext): Promise<Claim['before']> {
  const identity = await withPostgres(operatorUrl(ctx.config, ctx.environment), 'drydock env:claim', readIdentity);
  return identity ? { product: identity.product ?? null, environment: identity.environment } : null;
}

export default task;
await main(task, import.meta);
