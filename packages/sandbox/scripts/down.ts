#!/usr/bin/env node
import { defineChangeTask, defineStep, main } from '@drydock/kit';
import { down } from '../src/down.ts';
import { status } from '../src/status.ts';

const task = defineChangeTask({
  name: 'sandbox:down',
  summary: "Stops the sandbox and the product's instances that run in it. Data is kept.",
  examples: ['npm run sandbox:down'],
  perEnvironment: false,
  lock: 'checkout',
  restartable: true,
  plan: async (ctx) => (await status(ctx.config)).filter(({ state }) => state !== 'down').map(({ service }) => service),
  describe: (running) => running.map((service) => `stop ${service}`),
  steps: (ctx) => [defineStep({ name: 'stop', run: async () => down({ root: ctx.config.root }) })],
  outcome: (_, running) => ({
    verdict: running.length === 0 ? 'Nothing was running.' : 'The sandbox is down; its data is kept.',
  }),
});

export default task;
await main(task, import.meta);
