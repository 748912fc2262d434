#!/usr/bin/env node
import { command, defineChangeTask, defineStep, main } from '@drydock/kit';
import { reset, whatResetDeletes } from '../src/down.ts';

const task = defineChangeTask({
  name: 'sandbox:reset',
  summary: 'Stops the sandbox and deletes all of its data.',
  examples: ['npm run sandbox:reset -- --plan', 'npm run sandbox:reset -- --yes'],
  perEnvironment: false,
  lock: 'checkout',
  restartable: true,
  destructive: true,
  plan: async (ctx) => whatResetDeletes(ctx.config.root),
  describe: ({ deleted, left }) => [
    'stop everything',
    ...deleted.map((path) => `delete ${path}: databases, chain, buckets and passwords of this sandbox`),
    ...left.map((path) => `leave ${path}: the sandbox did not make it`),
  ],
  steps: (ctx) => [
    defineStep({
      name: 'delete',
      run: async () => {
        await reset({ root: ctx.config.root });
        return null;
      },
    }),
  ],
  outcome: (_, { left }) => ({
    verdict: `The sandbox is gone.${left.length > 0 ? ` ${left.join(', ')} is left: the sandbox did not make it.` : ''}`,
    data: { left },
    next: command('sandbox:up'),
  }),
});

export default task;
await main(task, import.meta);
