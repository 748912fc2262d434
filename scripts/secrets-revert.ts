#!/usr/bin/env node
import { command, defineChangeTask, flag, hint, main, usageError } from '@drydock/kit';
import {
  openRotating,
  outcomeOf,
  planBack,
  type RotationPlan,
  rotationRun,
  secretNamed,
  told,
  WAIT_MS,
} from '@drydock/secrets';
import { aroundOf } from './secrets/around.ts';

const task = defineChangeTask({
  name: 'secrets:revert',
  summary: 'Takes a rotation back: the old one is in use again, and the new one ends. Until the old one was retired.',
  description:
    'Where the new one may have been given out (a token that it signed), it stays valid for as long as the old one would have: the rest\n' +
    'is done by secrets:rotate --continue then.',
  examples: ['npm run secrets:revert -- jwt-access --env staging'],
  words: { value: 'NAME', about: 'secret, as the config calls it' },
  flags: { wait: flag.duration({ about: 'wait so long until nobody uses the new one (default: 30s)' }) },
  lock: 'environment',
  refuseFlags: ({ config, words }) => void secretNamed(config, words),
  async plan(ctx): Promise<RotationPlan[]> {
    const { config, env, words, flags, reason, run } = ctx;
    const name = secretNamed(config, words);
    const r = openRotating(ctx, name, aroundOf(ctx));
    const plan = await planBack(r, { run, emergency: false, reason, waitMs: flags.wait ?? WAIT_MS });
    if (plan) return [plan];
    throw usageError(
      'NO_ROTATION',
      `No rotation of ${name} is under way in ${env}.`,
      hint`See what there is: ${command('secrets:status', { env })}`,
    );
  },
  describe: (plans) => plans.flatMap(told),
  steps: (ctx, plans) => rotationRun(ctx, plans, aroundOf(ctx)),
  outcome: (ctx, _, results, run) => outcomeOf(ctx, results, run),
});

export default task;
await main(task, import.meta);
