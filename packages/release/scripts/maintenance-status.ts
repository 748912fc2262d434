#!/usr/bin/env node
import { command, defineReadTask, main } from '@drydock/kit';
import { driverOf } from '../src/driver/driver.ts';

const task = defineReadTask({
  name: 'maintenance:status',
  summary: 'Tells whether people are kept out, since when, and what they read.',
  examples: ['npm run maintenance:status -- --env production', 'npm run maintenance:status -- --env production --json'],
  async run({ config, environment, env }) {
    const on = await driverOf(config, environment).maintenance();
    if (!on) return { verdict: `${env} is there for people.`, data: { on: null } };
    return {
      verdict: `${env} is in maintenance since ${on.since}: "${on.reason}", to come again after ${on.retryAfterSeconds} s.`,
      mark: 'plain',
      data: { on },
      next: command('maintenance:off', { env }),
    };
  },
});

export default task;
await main(task, import.meta);
