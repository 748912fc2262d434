#!/usr/bin/env node
import {
  command,
  defineChangeTask,
  flag,
  hint,
  main,
  operatorUrl,
  psqlCommand,
  type Secret,
  type StepNode,
  type TaskContext,
  withDatabase,
} from '@drydock/kit';
import { type DropPlan, describeDrop, dropOldStep, planDropOld } from '../src/restore/drop-old.ts';
import { planRestore, type RestorePlan, refuseWish } from '../src/restore/plan.ts';
import { type RestoreSteps, restoreSteps } from '../src/restore/steps.ts';
import { describeRestore, tellRestored } from '../src/restore/words.ts';

type Plan = { restore: RestorePlan | null; drop: DropPlan | null };

const urlOf = ({ config, environment }: Pick<TaskContext, 'config' | 'environment'>): Secret =>
  operatorUrl(config, environment);

const task = defineChangeTask({
  name: 'db:restore',
  summary: 'Restores a backup beside the live database, proves it, and in place lets the two change their names.',
  description:
    'Rows, checksums, large objects, sequences, the number of objects of each kind and the newest migration must be those of the\n' +
    'manifest before anything is renamed; the one before stays as NAME_before_RUN until db:drop-old. Needs BACKUP_IDENTITY.\n' +
    'What the database itself has (rights, settings, locale, limit, comment) stays that of the live one in place; beside it, or where\n' +
    'the live one is gone, it is that of the backup. With --jobs 1 nothing lies on the disk in the clear; more jobs read from a private temporary file. Nothing of a\n' +
    'backup is opened before a signer of backups.signers stands for its manifest, and the manifest for every byte of it.',
  examples: [
    'npm run db:restore -- --env staging --from latest --to marketplace_look',
    'npm run db:restore -- --env production --from latest --in-place --yes --confirm production --reason "incident 12"',
    'npm run db:restore -- --env staging --from production/latest --in-place --anonymise prisma/anonymise.sql',
    'npm run db:restore -- --env staging --from latest --to one_table --table "Job" --keys',
  ],
  flags: {
    from: flag.text({ value: 'ID|latest|ENV/ID|PATH', about: 'which backup (default latest)' }),
    to: flag.text({ value: 'NEWDB', about: 'into a new database of this name' }),
    inPlace: flag.boolean({ about: 'put it in the place of the live database' }),
    table: flag.text({ value: 'TABLE', about: 'this table alone, with its rows and what it cannot be without' }),
    keys: flag.boolean({ about: 'with --table: its keys, indexes and checks as well' }),
    accept: flag.texts({
      value: 'OBJECT',
      about: 'go on without this thing of the backup, as a refusal names it; may be given several times',
    }),
    jobs: flag.integer({ about: 'so many at once (default 2)', min: 1, max: 32 }),
    anonymise: flag.text({ value: 'FILE.sql', about: 'run this before anybody sees it' }),
    foreign: flag.boolean({
      about: 'yes, a backup of another environment or product, as it is; in place with --reason',
    }),
    trust: flag.sentence({
      value: 'REASON',
      about: 'open it although no pinned signer stands for it; kept in the log',
    }),
    noOwner: flag.boolean({ about: 'leave owners and grants out' }),
    skipRefused: flag.boolean({
      about: 'go on without what the role may not set on the database itself, and say what',
    }),
    dropOld: flag.text({ value: 'RUN', about: 'the same as db:drop-old --run RUN' }),
  },
  lock: 'environment',
  mendsDatabase: true,
  // Beside a database that takes no writes: it is none of that one's.
  needsNoWrites: ({ flags }) => flags.to !== undefined,
  destructive: true,
  refuseFlags(ctx) {
    if (!ctx.flags.dropOld) refuseWish(ctx, ctx.flags);
  },
  async plan(ctx): Promise<Plan> {
    const url = urlOf(ctx);
    if (ctx.flags.dropOld) return { restore: null, drop: await planDropOld(url, ctx.flags.dropOld) };
    return { restore: await planRestore(ctx, url, ctx.flags), drop: null };
  },
  describe: ({ restore, drop }) => (drop ? describeDrop(drop) : restore ? describeRestore(restore) : []),
  steps(ctx, { restore, drop }): { nodes: StepNode[]; restore?: RestoreSteps } {
    const url = urlOf(ctx);
    if (drop) return { nodes: [dropOldStep(url, drop)] };
    const steps = restore ? restoreSteps(ctx, url, restore) : undefined;
    return { nodes: steps?.nodes ?? [], ...(steps ? { restore: steps } : {}) };
  },
  outcome(ctx, { restore, drop }, results, { restore: steps }) {
    if (!restore || !steps)
      return { verdict: `The database ${drop?.name} is dropped.`, data: { dropped: drop?.name ?? null } };
    const { env, run } = ctx;
    return {
      ...tellRestored(env, restore, results, steps),
      next: restore.before
        ? hint`${command('db:drop-old', { env, run })}   (when nobody needs it any more)`
        : psqlCommand(withDatabase(urlOf(ctx), restore.name)),
    };
  },
});

export default task;
await main(task, import.meta);
