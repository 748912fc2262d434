#!/usr/bin/env node
import { command, defineChangeTask, main } from '@drydock/kit';
import { driverOf } from '../src/driver/driver.ts';
import { maintenanceStep } from '../src/maintenance.ts';

const task = defineChangeTask({
  name: 'maintenance:off',
  summary: 'Lets people in again.',
  examples: ['npm run maintenance:off -- --env staging'],
  lock: 'environment',
  mendsDatabase: true,
  plan: async ({ config, environment }) => ({ before: (await driverOf(config, environment).maintenance()) ?? null }),
  describe: ({ before }) => (before ? [`end maintenance, which has lasted since ${before.since}`] : []),
  steps: ({ config, environment }, { before }) => [maintenanceStep(driverOf(config, environment), undefined, before)],
  outcome: ({ env }, { before }) => ({
    verdict: before ? `${env} is there for people again.` : `${env} was not in maintenance.`,
    data: { was: before },
    next: command('release:status', { env }),
  }),
});

export default task;
await main(task, import.meta);
