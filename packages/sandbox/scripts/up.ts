#!/usr/bin/env node
import { command, defineChangeTask, defineStep, type Json, main } from '@drydock/kit';
import { readState } from '../src/state.ts';
import { status } from '../src/status.ts';
import { up } from '../src/up.ts';
import { handOverToPerson } from '../src/whose.ts';

const task = defineChangeTask({
  name: 'sandbox:up',
  summary: 'Brings up the sandbox: PostgreSQL, Redis, chain, S3, Sentry and PostHog sink, and a proxy per environment.',
  description:
    'Everything listens on loopback only and lives under .drydock/. What is up stays up; what was killed is repaired.',
  examples: ['npm run sandbox:up'],
  perEnvironment: false,
  lock: 'checkout',
  restartable: true,
  plan: async (ctx) => ({
    stopped: (await status(ctx.config)).filter(({ state }) => state !== 'up').map(({ service }) => service),
  }),
  describe: ({ stopped }) => stopped.map((service) => `start ${service}`),
  steps: (ctx) => [
    defineStep({
      name: 'bring up',
      run: async ({ out }) => {
        // Whoever began it: from now on it is not npm start's to end.
        handOverToPerson(ctx.config.root);
        return (await up({ ...ctx.config, out })) as unknown as Json;
      },
    }),
    defineStep({
      name: 'check',
      run: async () => {
        const silent = (await status(ctx.config)).filter(({ state }) => state !== 'up').map(({ service }) => service);
        if (silent.length > 0) throw new Error(`${silent.join(', ')} did not stay up`);
        return null;
      },
    }),
  ],
  outcome: (ctx, { stopped }) => ({
    verdict: stopped.length === 0 ? 'The sandbox was up already.' : 'The sandbox is up.',
    data: { ports: readState(ctx.config.root)?.ports ?? {} },
    next: command('env:check', { env: Object.keys(ctx.config.environments).at(-1) }),
  }),
});

export default task;
await main(task, import.meta);
