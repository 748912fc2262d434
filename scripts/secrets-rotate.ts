#!/usr/bin/env node
import { defineChangeTask, flag, main, usageError } from '@drydock/kit';
import {
  openRotating,
  outcomeOf,
  planBegin,
  planOpen,
  type RotationPlan,
  refuseByGate,
  rotationRun,
  secretNamed,
  secretsNamed,
  stagingGate,
  told,
  WAIT_MS,
} from '@drydock/secrets';
import { aroundOf } from './secrets/around.ts';

const task = defineChangeTask({
  name: 'secrets:rotate',
  summary:
    'Makes a new secret, brings it into use with no failed request, ends the old one, and proves that it is dead.',
  description:
    'add → stage → validate → promote → settle → retire → document. Where old and new are valid together, the product is started again\n' +
    'one instance after the other, and each is asked which one it uses. What has to settle for longer than --wait is gone on with by\n' +
    '--continue, from any clone. An environment that others come before wants the same secret rotated and settled there first.\n' +
    'A run that fails before the old one ends takes back what it did.',
  examples: [
    'npm run secrets:rotate -- jwt-access --env staging',
    'npm run secrets:rotate -- --continue --env staging',
    'npm run secrets:rotate -- database --env production --emergency --reason "in a public log" --yes --confirm production',
  ],
  words: {
    value: 'NAME',
    about: 'secret to rotate, as the config calls it; with --continue all that wait if none is named',
  },
  flags: {
    continue: flag.boolean({ about: 'go on with what waits, and begin nothing' }),
    emergency: flag.boolean({ about: 'it has leaked: the old one ends at once, with whoever uses it; wants --reason' }),
    wait: flag.duration({ about: 'wait so long until the old one has settled (default: 30s)' }),
  },
  lock: 'environment',
  refuseFlags({ config, words, flags, reason }) {
    if (flags.continue) secretsNamed(config, words);
    else secretNamed(config, words);
    if (flags.emergency && !reason)
      throw usageError('REASON_MISSING', '--emergency wants a --reason.', 'For example: --reason "in a public log"');
  },
  async plan(ctx): Promise<RotationPlan[]> {
    const { config, environmentOf, env, words, flags, reason, run } = ctx;
    const { emergency } = flags;
    const wanted = { run, emergency, reason, waitMs: flags.wait ?? WAIT_MS };
    const open = (name: string) => openRotating(ctx, name, aroundOf(ctx));
    if (flags.continue) {
      const names = secretsNamed(config, words);
      const plans = await Promise.all(names.map((name) => planOpen(open(name), 'goOn', wanted)));
      return plans.filter((plan) => plan !== undefined);
    }
    const name = secretNamed(config, words);
    if (!emergency) refuseByGate(await stagingGate(config, environmentOf, env, name), { env, name });
    return [await planBegin(open(name), wanted)];
  },
  describe: (plans) => plans.flatMap(told),
  steps: (ctx, plans) => rotationRun(ctx, plans, aroundOf(ctx)),
  outcome: (ctx, _, results, run) => outcomeOf(ctx, results, run),
});

export default task;
await main(task, import.meta);
