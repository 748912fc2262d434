#!/usr/bin/env node
import { relative } from 'node:path';
import { command, counted, defineChangeTask, type Finding, flag, hint, main } from '@drydock/kit';
import { planSquash, type SquashPlan } from '../src/squash/plan.ts';
import { squashSteps } from '../src/squash/steps.ts';
import { targetOf } from '../src/target.ts';

const task = defineChangeTask({
  name: 'db:squash',
  summary:
    'Makes one migration of many, proven to make the same database; those that have them all record it and run nothing.',
  description:
    'The old ones, one behind the other, in a new folder: with their views, functions, triggers and rows, without BEGIN, COMMIT and CONCURRENTLY,\n' +
    'which an empty database has no use for. Old and new are applied to empty scratch databases first, and must make the same, object by\n' +
    'object and row count by row count. NAME/squashed.json says what it stands for: by that db:deploy records it where all of them are\n' +
    'applied, and refuses a database that has a part of them. The old folders are put aside into .drydock/squashed/NAME. Changes the checkout\n' +
    'alone; --env names a database that must have all of them, or none, and whose server has room for the scratch databases.',
  examples: [
    'npm run db:squash -- --env staging --plan',
    'npm run db:squash -- --env staging --through 20260706090000_certificates --yes',
  ],
  flags: {
    through: flag.text({ value: 'MIGRATION', about: 'the last one that goes into it (default: all)' }),
    name: flag.text({ value: 'NAME', about: "what it is called (default: the last one's number, and _squashed)" }),
  },
  lock: 'checkout',
  plan: ({ config, environment, flags }): Promise<SquashPlan> => planSquash(targetOf(config, environment), flags),
  describe: ({ name, standsFor, later }) => [
    `one migration ${name} of ${standsFor.length}, ${standsFor[0]?.name} to ${standsFor.at(-1)?.name}`,
    `${counted(later, 'migration', 'migrations')} behind it ${later === 1 ? 'stays' : 'stay'} as ${later === 1 ? 'it is' : 'they are'}`,
  ],
  steps: ({ config, environment }, plan) => squashSteps(targetOf(config, environment), plan),
  outcome({ env, config, environment }, { name, standsFor }, results, { proven }) {
    const { objects, inPieces } = results.of(proven);
    const findings: Finding[] = inPieces
      ? [
          {
            level: 'warn',
            code: 'SQUASH_IN_PIECES',
            message: `Something in ${name} runs in no transaction: db:deploy applies it in pieces, and Prisma's own CLI cannot.`,
            hint: 'Squash up to the migration before that (--through NAME), if new databases are made by Prisma alone.',
          },
        ]
      : [];
    const { migrationsDir } = targetOf(config, environment);
    return {
      verdict: `${name} stands for ${standsFor.length} migrations, and makes the same ${counted(objects, 'object')}. Commit ${relative(config.root, migrationsDir)}.`,
      data: { name, standsFor: standsFor.map((one) => one.name), objects, inPieces },
      findings,
      next: hint`${command('db:deploy', { env })}   (records it; runs nothing of it)`,
    };
  },
});

export default task;
await main(task, import.meta);
