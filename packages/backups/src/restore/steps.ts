import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  command,
  defineStep,
  dropDatabase,
  exec,
  hint,
  OpsError,
  type Secret,
  type Step,
  type StepContext,
  type StepNode,
  type TaskContext,
  withPostgres,
} from '@drydock/kit';
import type { Client } from 'pg';
import { backupsSection } from '../config/backups.ts';
import { trustSteps } from '../trust.ts';
import { findingsWithout, manifestWithout } from './accept.ts';
import { type Aftermath, aftermathStep } from './aftermath.ts';
import { carryLog } from './carry-log.ts';
import type { Comparison } from './compare.ts';
import { onServer } from './databases.ts';
import { inTransaction, mayLeaveOut, putOn, type Refused, refuseRefused } from './dress.ts';
import { type Restored, restoreFresh, statementsFor } from './fresh.ts';
import { chooseGiven, readBackupHead } from './given.ts';
import type { Head } from './head.ts';
import { isBusy, pausedFor, pauseForThem } from './in-the-way.ts';
import { freshUrl, openPlanned, type RestorePlan } from './plan.ts';
import { type Proved, prove } from './prove.ts';
import { isSwapped, type Swap, swapDatabases } from './swap.ts';
import { orUnproved } from './unproved.ts';

export interface RestoreSteps {
  nodes: StepNode[];
  restored: Step<Restored>;
  proved: Step<Proved>;
  swapped: Step<Swapped>;
  /** In place alone. */
  aftermath: Step<Aftermath> | undefined;
}

/** Beside the live database; what was made is proved; only then, in place, do the two change their names. */
export function restoreSteps(ctx: TaskContext, url: Secret, plan: RestorePlan): RestoreSteps {
  // What the backup's beginning tells is read once, unless the run is resumed in between.
  let head: Promise<Head> | undefined;
  const headOf: HeadOf = (signal) => {
    head ??= readBackupHead(ctx, plan, signal);
    return head;
  };
  const restored = restoreStep(ctx, url, plan, headOf);
  const proved = verifyStep(ctx, url, plan, restored);
  const swapped = swapStep(ctx, url, plan, { headOf, restored });
  const aftermath = plan.before === null ? undefined : aftermathStep(ctx, url, { ...plan, before: plan.before });
  const nodes = [
    ...trustSteps(plan.label, plan.trusted),
    restored,
    proved,
    ...(plan.anonymise ? [anonymiseStep(ctx, url, plan, plan.anonymise)] : []),
    ...(aftermath ? [lookStep(url, plan), ...drainSteps(ctx), swapped, ...openSteps(ctx), aftermath] : [swapped]),
  ];
  return { nodes, restored, proved, swapped, aftermath };
}

type HeadOf = (signal: AbortSignal) => Promise<Head>;

function restoreStep(ctx: TaskContext, url: Secret, plan: RestorePlan, headOf: HeadOf): Step<Restored> {
  return defineStep<Restored>({
    name: 'restore',
    async run(step) {
      const started = performance.now();
      try {
        const restored = await restoreFresh(ctx, url, plan, await headOf(step.signal), step);
        for (const { what, why } of restored.refused) step.out.warn(`Not put on: ${what} (${why})`);
        return { ...restored, seconds: (performance.now() - started) / 1_000 };
      } catch (error) {
        await dropOurs(url, plan);
        throw error;
      }
    },
    undo: () => dropOurs(url, plan),
  });
}

function verifyStep(ctx: TaskContext, url: Secret, plan: RestorePlan, restored: Step<Restored>): Step<Proved> {
  return defineStep({
    name: 'verify',
    async run({ out, results }) {
      const { manifest } = await openPlanned(ctx, plan);
      const { counted, largeObjects = null, tables, accepted } = results.of(restored);
      if (!manifest)
        out.warn('There is no manifest: what is there is compared with the dump alone, rows by their number.');
      else if (tables) out.warn('Of one table the rest is not compared.');
      const { findings: found, ...proved } = await orUnproved(
        prove(freshUrl(url, plan), {
          manifest: manifest && manifestWithout(manifest, accepted),
          counted,
          largeObjects,
          tables,
          jobs: plan.jobs,
          access: !plan.noOwner,
        }),
      );
      const findings = findingsWithout(found, accepted);
      refuseDifferences(findings);
      for (const { level, message } of findings) if (level === 'warn') out.warn(message);
      return proved;
    },
  });
}

export function refuseDifferences(findings: Comparison['findings']): void {
  const errors = findings.filter(({ level }) => level === 'error');
  const [first] = errors;
  if (!first) return;
  throw new OpsError({
    code: first.code,
    message: `What was restored is not what was backed up: ${first.message}${errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''}`,
    hint: hint`Nothing was put in the place of anything. Take another backup: ${command('backup:list')}`,
  });
}

function anonymiseStep(ctx: TaskContext, url: Secret, plan: RestorePlan, script: string): Step<{ script: string }> {
  return defineStep({
    name: 'anonymise',
    async run() {
      const sql = readFileSync(resolve(ctx.config.root, script), 'utf8');
      await withPostgres(freshUrl(url, plan), 'drydock anonymise', async (client) => {
        try {
          await client.query('BEGIN');
          await client.query(sql);
          await client.query('COMMIT');
        } catch (cause) {
          throw new OpsError({
            code: 'ANONYMISE_FAILED',
            message: `${script} failed: ${(cause as Error).message}.`,
            hint: 'Nothing was put in the place of anything. Mend the script and run it again.',
            cause,
          });
        }
      });
      return { script };
    },
  });
}

/** Before anybody is sent away, and before traffic is stopped: who stands in the way then costs nothing but a wait. */
function lookStep(url: Secret, { name }: RestorePlan): Step {
  return defineStep({
    name: 'look who is in it',
    async run({ signal }) {
      await onServer(url, (client) => pauseForThem(client, name, signal));
      return null;
    },
  });
}

/** The product's own way of stopping traffic; a failure later opens it again. */
function drainSteps(ctx: TaskContext): Step[] {
  const { drain } = backupsSection.of(ctx.config);
  if (!drain) return [];
  return [
    defineStep({
      name: 'drain',
      async run({ signal }) {
        await hook(ctx, drain.before, signal);
        return null;
      },
      undo: ({ signal }) => hook(ctx, drain.after, signal),
    }),
  ];
}

function openSteps(ctx: TaskContext): Step[] {
  const { drain } = backupsSection.of(ctx.config);
  if (!drain) return [];
  return [
    defineStep({
      name: 'open again',
      async run({ signal }) {
        await hook(ctx, drain.after, signal);
        return null;
      },
    }),
  ];
}

async function hook(ctx: TaskContext, [program = '', ...args]: string[], signal: AbortSignal): Promise<void> {
  await exec(program, args, { cwd: ctx.config.root, env: ctx.environment.forChild('operator'), signal });
}

type Swapped = Swap & { blockedMs: number | null; refused: Refused[] };

function swapStep(
  ctx: TaskContext,
  url: Secret,
  plan: RestorePlan,
  { headOf, restored }: { headOf: HeadOf; restored: Step<Restored> },
): Step<Swapped> {
  const { fresh, name, before } = plan;
  const swap: Swap = { fresh, name, before };
  const { drain } = backupsSection.of(ctx.config);
  let again = false;
  const isOurs = ({ results }: StepContext) =>
    onServer(url, (client) => isSwapped(client, swap, results.of(restored).oid));
  return defineStep<Swapped>({
    name: before ? 'swap' : 'name it',
    async check(step) {
      again = true;
      return (await isOurs(step)) ? { ...swap, blockedMs: null, refused: [] } : undefined;
    },
    async run({ withoutLockSession, signal, out }) {
      // Where an attempt before met somebody, traffic was opened again.
      if (again && before && drain) await hook(ctx, drain.before, signal);
      if (before) await carryLog(ctx, url, plan, out);
      // Asked anew: hours may have passed.
      const ofBackup = async () => (await headOf(signal)).properties;
      const given = await chooseGiven(url, plan, ofBackup, signal);
      const statements = statementsFor(plan, given.properties);
      let refused: Refused[] = [];
      const dress = async (client: Client, database: string) => {
        refused = await putOn(client, database, statements);
        if (!mayLeaveOut(plan)) refuseRefused(refused.filter(({ what }) => !plan.accept?.includes(what)));
      };
      // What belongs to the server is kept in the encoding of the database that it is said in.
      const early = given.properties.create?.get('encoding') !== 'UTF8';
      if (early)
        await withPostgres(freshUrl(url, plan), 'drydock db:restore', (client) =>
          inTransaction(client, 'COMMIT', () => dress(client, fresh)),
        );
      const swapped = () => swapDatabases(url, swap, async (client) => (early ? undefined : dress(client, name)));
      const blockedMs = await (before ? withoutLockSession(swapped) : swapped()).catch(async (cause) => {
        if (!isBusy(cause)) throw cause;
        if (before && drain) await hook(ctx, drain.after, signal);
        throw pausedFor(cause, before !== null && drain !== undefined);
      });
      for (const { what, why } of refused) out.warn(`Not put on: ${what} (${why})`);
      return { ...swap, blockedMs, refused };
    },
    async verify(step) {
      if (!(await isOurs(step))) throw new Error(`${name} is not the database that was restored`);
    },
  });
}

function dropOurs(url: Secret, { fresh }: RestorePlan): Promise<void> {
  return onServer(url, (client) => dropDatabase(client, fresh, { evenTemplate: true }));
}
