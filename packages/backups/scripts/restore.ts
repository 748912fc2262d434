#!/usr/bin/env node
import {
  command,
  counted,
  defineChangeTask,
  type Finding,
  flag,
  hint,
  type Json,
  main,
  operatorUrl,
  psqlCommand,
  type Secret,
  type StepNode,
  type TaskContext,
  withDatabase,
} from '@drydock/kit';
import { dropOldStep, planDropOld } from '../src/restore/drop-old.ts';
import { describeLeftOut } from '../src/restore/left-out.ts';
import { planRestore, type RestorePlan, refuseWish } from '../src/restore/plan.ts';
import type { Proved } from '../src/restore/prove.ts';
import { type RestoreSteps, restoreSteps } from '../src/restore/steps.ts';

type Plan = { restore: RestorePlan | null; drop: string | null };

const urlOf = ({ config, environment }: Pick<TaskContext, 'config' | 'environment'>): Secret =>
  operatorUrl(config, environment);

const task = defineChangeTask({
  name: 'db:restore',
  summary: 'Restores a backup beside the live database, proves it, and in place lets the two change their names.',
  description:
    'Rows, checksums, large objects, sequences, the number of objects of each kind and the newest migration must be those of the\n' +
    'manifest before anything is renamed; the one before stays as NAME_before_RUN until --drop-old. Needs BACKUP_IDENTITY.\n' +
    'What the database itself has (rights, settings, locale, limit, comment) stays that of the live one in place; beside it, or where\n' +
    'the live one is gone, it is that of the backup. With --jobs 1 nothing lies on the disk in the clear; more jobs read from a private temporary file. Nothing of a\n' +
    'backup is opened before a signer of backups.signers stands for its manifest, and the manifest for every byte of it.',
  examples: [
    'npm run db:restore -- --env staging --from latest --to marketplace_look',
    'npm run db:restore -- --env production --from latest --in-place --yes --confirm production --reason "incident 12"',
    'npm run db:restore -- --env staging --from production/latest --in-place --anonymise prisma/anonymise.sql',
    'npm run db:restore -- --env production --drop-old RUN',
  ],
  flags: {
    from: flag.text({ value: 'ID|latest|ENV/ID|PATH', about: 'which backup (default latest)' }),
    to: flag.text({ value: 'NEWDB', about: 'into a new database of this name' }),
    inPlace: flag.boolean({ about: 'put it in the place of the live database' }),
    table: flag.text({ value: 'TABLE', about: 'this table alone, with its rows' }),
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
    dropOld: flag.text({ value: 'RUN', about: 'drop what the restore of that run kept, and do nothing else' }),
  },
  lock: 'environment',
  mendsDatabase: true,
  destructive: true,
  refuseFlags(ctx) {
    if (!ctx.flags.dropOld) refuseWish(ctx, ctx.flags);
  },
  async plan(ctx): Promise<Plan> {
    const url = urlOf(ctx);
    if (ctx.flags.dropOld) return { restore: null, drop: await planDropOld(url, ctx.flags.dropOld) };
    return { restore: await planRestore(ctx, url, ctx.flags), drop: null };
  },
  describe: ({ restore, drop }) =>
    drop
      ? [`drop the database ${drop}`]
      : restore
        ? [
            `restore ${restore.label}${restore.table ? ` (${restore.table} alone)` : ''} into ${restore.before ? restore.fresh : restore.name}`,
            ...describeLeftOut(restore.leftOut),
            ...(restore.trusted ? [`although ${restore.trusted.why}: ${restore.trusted.reason}`] : []),
            ...(restore.anonymise ? [`run ${restore.anonymise} there`] : []),
            ...(restore.before
              ? [`${restore.name} becomes ${restore.before}, and ${restore.fresh} becomes ${restore.name}`]
              : []),
          ]
        : [],
  steps(ctx, { restore, drop }): Partial<RestoreSteps> & { nodes: StepNode[] } {
    const url = urlOf(ctx);
    if (drop) return { nodes: [dropOldStep(url, drop)] };
    return restore ? restoreSteps(ctx, url, restore) : { nodes: [] };
  },
  outcome({ config, env, environment, run }, { restore, drop }, results, { restored, proved: compared, swapped }) {
    if (drop || !restore || !restored || !compared || !swapped)
      return { verdict: `The database ${drop} is dropped.`, data: { dropped: drop } };
    const { skipped, seconds, refused: rights } = results.of(restored);
    const { tables, rows, by } = results.of(compared);
    const { blockedMs, refused } = results.of(swapped);
    const proved = provedText({ tables, rows, by });
    return {
      verdict: restore.before
        ? `${env} is what ${restore.label} was${proved}; what it was before is ${restore.before}.`
        : `${restore.label} is restored into ${restore.name}${proved}.`,
      data: {
        ...restore,
        skipped,
        refused: [...rights, ...refused],
        seconds,
        tables,
        rows,
        provedBy: by,
        blockedMs,
      } as unknown as Json,
      findings: [...restore.notes, ...[...skipped, ...rights, ...refused].map(leftOut)],
      next: restore.before
        ? hint`${command('db:restore', { env, dropOld: run })}   (when nobody needs it any more)`
        : psqlCommand(withDatabase(operatorUrl(config, environment), restore.name)),
    };
  },
});

/** Said when it happened, long before the end; the proof of rows and rules says nothing of it, so the closing line must. */
function leftOut({ what, why }: { what: string; why: string }): Finding {
  return { level: 'warn', code: 'LEFT_OUT', message: `${what} is not in what was restored (${why}).` };
}

function provedText({ tables, rows, by }: Proved): string {
  if (tables === 0 || by === 'nothing') return '';
  const are =
    by === 'checksums' ? 'as they were backed up' : 'as many as were backed up (their values were not compared)';
  return `, ${counted(tables, 'table')} with ${rows.toLocaleString('en')} ${rows === 1 ? 'row' : 'rows'} ${are}`;
}

export default task;
await main(task, import.meta);
