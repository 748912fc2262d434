#!/usr/bin/env node
import { currentActor } from '../src/actor.ts';
import { operatorUrl } from '../src/env/operator-url.ts';
import { usageError } from '../src/errors.ts';
import { command } from '../src/hint.ts';
import { mattersOf, settleMatters } from '../src/matters.ts';
import { counted } from '../src/output/counted.ts';
import { withPostgres } from '../src/postgres.ts';
import { defineStep } from '../src/steps/types.ts';
import { flag } from '../src/task/flags.ts';
import { main } from '../src/task/main.ts';
import { defineChangeTask, type TaskContext } from '../src/task/types.ts';

const task = defineChangeTask({
  name: 'ops:settle',
  summary:
    'Shows what a run left to be put right (after a restore in place: chain, caches, slots), and settles what is.',
  description:
    'health:check shows it as well, until it is settled. Without --matter it only shows. What the database itself can tell (its migrations are\n' +
    'as far as before, a slot is there again) settles itself, and the chain with an escrow:reconcile --fix that leaves nothing.',
  examples: ['npm run ops:settle -- --env production', 'npm run ops:settle -- --env production --matter caches'],
  flags: { matter: flag.texts({ value: 'WORD', about: 'this one is put right; may be given several times' }) },
  lock: 'environment',
  look: (ctx) => (ctx.flags.matter.length > 0 ? undefined : show(ctx)),
  async plan({ config, environment, env, flags }) {
    const open = (await mattersOf(config, environment)).map(({ key }) => key);
    const unknown = flags.matter.filter((key) => !open.includes(key));
    if (unknown.length > 0)
      throw usageError(
        'MATTER_UNKNOWN',
        `${env} has no open matter ${unknown.join(', ')}${open.length > 0 ? `; there are ${[...new Set(open)].join(', ')}` : ', nor any other'}.`,
        command('ops:settle', { env }),
      );
    return { matters: flags.matter };
  },
  describe: ({ matters }) => matters.map((key) => `${key} is put right`),
  steps: ({ config, environment }, { matters }) => [
    defineStep({
      name: 'settle',
      async run({ audit }) {
        const settled = await withPostgres(operatorUrl(config, environment), 'drydock ops:settle', (client) =>
          settleMatters(client, matters, currentActor(process.env)),
        );
        await audit('ops.settle', { matters }, 'settle');
        return settled;
      },
    }),
  ],
  outcome: ({ env }, { matters }) => ({
    verdict: `${matters.join(', ')} of ${env} ${matters.length === 1 ? 'is' : 'are'} settled.`,
    data: { matters },
  }),
});

async function show({
  config,
  environment,
  env,
  out,
  typed,
}: Pick<TaskContext, 'config' | 'environment' | 'env' | 'out' | 'typed'>) {
  const open = await mattersOf(config, environment);
  out.table(
    ['matter', 'since', 'what', 'next'],
    open.map(({ key, since, says, next }) => [key, since.toISOString(), says, typed(next)]),
  );
  return {
    verdict:
      open.length === 0
        ? `Nothing of ${env} waits to be put right.`
        : `${counted(open.length, 'matter')} of ${env} to be put right.`,
    data: { open: open.map(({ key, run, says, since }) => ({ key, run, says, since: since.toISOString() })) },
  };
}

export default task;
await main(task, import.meta);
