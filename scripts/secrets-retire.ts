#!/usr/bin/env node
import { command, defineChangeTask, flag, hint, main, usageError } from '@drydock/kit';
import {
  openRotating,
  outcomeOf,
  planOpen,
  type RotationPlan,
  rotationRun,
  secretNamed,
  told,
  WAIT_MS,
} from '@drydock/secrets';
import { aroundOf } from './secrets/around.ts';

const task = defineChangeTask({
  name: 'secrets:retire',
  summary: 'Ends the old one of a rotation that has settled, and proves that it is dead; says who still uses it.',
  description:
    'Exit 3 where somebody still uses it, or its time is not over: each is named by host, process and age. With --emergency it ends at\n' +
    'once, and with it whoever uses it.',
  examples: [
    'npm run secrets:retire -- database --env staging',
    'npm run secrets:retire -- database --env staging --emergency --reason "in a public log"',
  ],
  words: { value: 'NAME', about: 'secret, as the config calls it' },
  flags: {
    emergency: flag.boolean({ about: 'do not wait until nobody uses it; wants --reason' }),
    wait: flag.duration({ about: 'wait so long until nobody uses it (default: 30s)' }),
  },
  lock: 'environment',
  refuseFlags({ config, words, flags, reason }) {
    secretNamed(config, words);
    if (flags.emergency && !reason)
      throw usageError('REASON_MISSING', '--emergency wants a --reason.', 'For example: --reason "in a public log"');
  },
  async plan(ctx): Promise<RotationPlan[]> {
    const { config, env, words, flags, reason, run } = ctx;
    const name = secretNamed(config, words);
    const r = openRotating(ctx, name, aroundOf(ctx));
    const plan = await planOpen(r, 'goOn', { run, emergency: flags.emergency, reason, waitMs: flags.wait ?? WAIT_MS });
    if (plan) return [plan];
    throw usageError(
      'NO_ROTATION',
      `No rotation of ${name} waits in ${env}.`,
      hint`See what there is: ${command('secrets:status', { env })}`,
    );
  },
  describe: (plans) => plans.flatMap(told),
  steps: (ctx, plans) => rotationRun(ctx, plans, aroundOf(ctx)),
  outcome(ctx, _, results, run) {
    const outcome = outcomeOf(ctx, results, run);
    return { ...outcome, ok: run.each.every(({ settled }) => results.of(settled).over) };
  },
});

export default task;
await main(task, import.meta);
