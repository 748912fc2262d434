#!/usr/bin/env node
import { command, defineChangeTask, defineStep, flag, main } from '@drydock/kit';
import {
  forget,
  planResolve,
  type Resolution,
  refuseWish,
  resolveApplied,
  resolveRolledBack,
} from '../src/migrations/resolve.ts';
import { targetOf } from '../src/target.ts';

const task = defineChangeTask({
  name: 'db:resolve',
  summary: 'Says how a failed migration ended, after somebody mended the database by hand.',
  description:
    'Changes the history alone, no table of the product. --rolled-back: nothing of it is there any more, it is pending again.\n' +
    '--applied: all of it is there; nobody looks whether that is so. db:baseline looks, for a database that came before its migrations, and a\n' +
    'squash (db:squash) is recorded only where all is applied that it stands for; db:deploy does that by itself.\n' +
    '--forget: it is in the history, and not in the folder any more: its row stays and counts no more.',
  examples: [
    'npm run db:resolve -- --env staging --rolled-back 20260706090000_certificates',
    'npm run db:resolve -- --env production --applied 20260706090000_certificates --yes --confirm production --reason "finished by hand"',
  ],
  flags: {
    applied: flag.texts({ value: 'NAME', about: 'all of it is in the database; may be given several times' }),
    rolledBack: flag.texts({ value: 'NAME', about: 'nothing of it is in the database' }),
    forget: flag.texts({ value: 'NAME', about: 'it is applied, and was taken out of the folder for good' }),
  },
  lock: 'environment',
  onFailure: 'keep',
  refuseFlags: ({ flags }) => refuseWish(flags),
  plan: ({ config, environment, flags }): Promise<Resolution> => planResolve(targetOf(config, environment), flags),
  describe: ({ applied, rolledBack, forget: forgotten = [] }) => [
    ...applied.map((name) => `mark ${name} as applied`),
    ...rolledBack.map((name) => `mark ${name} as rolled back`),
    ...forgotten.map((name) => `forget ${name}`),
  ],
  steps: ({ config, environment }, { applied, rolledBack, forget: forgotten = [] }) => {
    const target = targetOf(config, environment);
    const mark = (name: string, work: () => Promise<void>) =>
      defineStep({
        name,
        run: async () => {
          await work();
          return null;
        },
      });
    return [
      ...applied.map((name) => mark(`applied ${name}`, () => resolveApplied(target, name))),
      ...rolledBack.map((name) => mark(`rolled back ${name}`, () => resolveRolledBack(target, name))),
      ...forgotten.map((name) => mark(`forgotten ${name}`, () => forget(target, name))),
    ];
  },
  outcome: ({ env }, { applied, rolledBack, forget: forgotten = [] }) => ({
    verdict: `${applied.length + rolledBack.length + forgotten.length === 1 ? 'It is' : 'They are'} marked on ${env}.`,
    data: { applied, rolledBack, forgotten },
    next: command('db:status', { env }),
  }),
});

export default task;
await main(task, import.meta);
