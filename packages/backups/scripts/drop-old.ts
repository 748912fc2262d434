#!/usr/bin/env node
import { defineChangeTask, flag, main, operatorUrl } from '@drydock/kit';
import { type DropPlan, describeDrop, dropOldStep, planDropOld } from '../src/restore/drop-old.ts';

const task = defineChangeTask({
  name: 'db:drop-old',
  summary: 'Drops the database that a restore in place kept, when nobody needs it any more.',
  description:
    'What was written after the backup is in that database alone. Replication slots in it go with it, and are named before; a subscription,\n' +
    'a reader of a slot or a prepared transaction keeps it from going, and is named with what ends it.',
  examples: [
    'npm run db:drop-old -- --env production --run RUN --yes --confirm production --reason "nobody missed a row"',
  ],
  flags: {
    run: flag.text({ value: 'RUN', about: 'the run of the restore; without it those that kept something are named' }),
  },
  lock: 'environment',
  destructive: true,
  plan: ({ config, environment, flags: { run } }): Promise<DropPlan> =>
    planDropOld(operatorUrl(config, environment), run),
  describe: describeDrop,
  steps: ({ config, environment }, plan) => [dropOldStep(operatorUrl(config, environment), plan)],
  outcome: (_, { name, slots }) => ({ verdict: `The database ${name} is dropped.`, data: { dropped: name, slots } }),
});

export default task;
await main(task, import.meta);
