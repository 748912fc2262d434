#!/usr/bin/env node
import { command, defineChangeTask, defineStep, flag, main } from '@drydock/kit';
import {
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
    '--applied: all of it is there; nobody looks whether that is so. db:baseline looks, for a database that came before its migrations.',
  examples: [
    'npm run db:resolve -- --env staging --rolled-back 20260706090000_certificates',
    'npm run db:resolve -- --env production --applied 20260706090000_certificates --yes --confirm production --reason "finished by hand"',
  ],
  flags: {
    applied: flag.texts({ value: 'NAME', about: 'all of it is in the database; may be given several times' }),
    rolledBack: flag.texts({ value: 'NAME', about: 'nothing of it is in the database' }),
  },
  lock: 'environment',
  onFailure: 'keep',
  refuseFlags: ({ flags }) => refuseWish(flags),
  plan: ({ config, environment, flags }): Promise<Resolution> => planResolve(targetOf(config, environment), flags),
  describe: ({ applied, rolledBack }) => [
    ...applied.map((name) => `mark ${name} as applied`),
    ...rolledBack.map((name) => `mark ${name} as rolled back`),
  ],
  steps: ({ config, environment }, { applied, rolledBack }) => {
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
    ];
  },
  outcome: ({ env }, { applied, rolledBack }) => ({
    verdict: `${applied.length + rolledBack.length === 1 ? 'It is' : 'They are'} marked on ${env}.`,
    data: { applied, rolledBack },
    next: command('db:status', { env }),
  }),
});

export default task;
await main(task, import.meta);
