#!/usr/bin/env node
import { command, defineChangeTask, main } from '@drydock/kit';
import { adoptSteps, openRotating, planAdopt, secretNamed } from '@drydock/secrets';
import { aroundOf } from './secrets/around.ts';

const task = defineChangeTask({
  name: 'secrets:adopt',
  summary:
    'Brings what is there today under rotation: a single database role, a single Redis password, a ring of HS256 keys.',
  description: 'What is in use stays valid, and the product is not started again. Twice is harmless.',
  examples: ['npm run secrets:adopt -- database --env staging'],
  words: { value: 'NAME', about: 'secret, as the config calls it' },
  lock: 'environment',
  refuseFlags: ({ config, words }) => void secretNamed(config, words),
  plan: (ctx) => planAdopt(openRotating(ctx, secretNamed(ctx.config, ctx.words), aroundOf(ctx))),
  describe: ({ says }) => says,
  steps: (ctx, plan) => adoptSteps(openRotating(ctx, plan.name, aroundOf(ctx))),
  outcome: ({ env }, { name, says }) => ({
    verdict: says.length > 0 ? `${name} of ${env} is under rotation.` : `${name} of ${env} needs no adoption.`,
    next: command('secrets:plan', { env }, name),
  }),
});

export default task;
await main(task, import.meta);
