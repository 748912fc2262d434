import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  defineStep,
  exec,
  OpsError,
  type Secret,
  type Step,
  type StepContext,
  type StepNode,
  type TaskContext,
  withDatabase,
  withPostgres,
} from '@drydock/kit';
import { dumpSchema } from '../dump/pg-dump.ts';
import { Pace } from '../pace.ts';
import { trustSteps } from '../trust.ts';
import { type Comparison, compareRestored } from './compare.ts';
import { dressLike, dropDatabase, factsOf, makeDatabase, onServer } from './databases.ts';
import { isHole, pgRestore, type Skipped } from './pg-restore.ts';
import { readPlain } from './plain.ts';
import { freshUrl, openPlanned, type RestorePlan } from './plan.ts';
import { isSwapped, type Swap, swapDatabases } from './swap.ts';

export type Restored = { skipped: Skipped[]; seconds: number };

/** Beside the live database; what was made is proved; only then, in place, do the two change their names. */
export function restoreSteps(ctx: TaskContext, url: Secret, plan: RestorePlan): StepNode[] {
  return [
    ...trustSteps(plan.label, plan.trusted),
    restoreStep(ctx, url, plan),
    verifyStep(ctx, url, plan),
    ...(plan.anonymise ? [anonymiseStep(ctx, url, plan, plan.anonymise)] : []),
    ...(plan.before ? [...drainSteps(ctx), swapStep(url, plan), ...openSteps(ctx)] : [swapStep(url, plan)]),
  ];
}

function restoreStep(ctx: TaskContext, url: Secret, plan: RestorePlan): Step<Restored> {
  return defineStep<Restored>({
    name: 'restore',
    async run(step) {
      const started = performance.now();
      try {
        const skipped = await restoreFresh(ctx, url, plan, step);
        for (const { what, why } of skipped) step.out.warn(`Not restored: ${what} (${why})`);
        return { skipped, seconds: (performance.now() - started) / 1_000 };
      } catch (error) {
        await dropOurs(url, plan);
        throw error;
      }
    },
    undo: () => dropOurs(url, plan),
  });
}

async function restoreFresh(
  ctx: TaskContext,
  url: Secret,
  plan: RestorePlan,
  { detail, signal }: StepContext,
): Promise<Skipped[]> {
  const source = await openPlanned(ctx, plan);
  const identity = ctx.environment.secret(ctx.config.backups.identity);
  await onServer(url, async (client) => {
    const like = plan.before ? await factsOf(client, plan.name) : undefined;
    await makeDatabase(client, plan.fresh, like ?? source.manifest?.locale);
  });
  const pace = new Pace(source.manifest?.plain.bytes ?? 0, detail);
  const paced = async function* () {
    for await (const chunk of readPlain(source, identity)) {
      pace.add(chunk.length);
      yield chunk;
    }
    detail('rows and indexes');
  };
  const skipped = await pgRestore(paced(), freshUrl(url, plan), {
    jobs: plan.jobs,
    noOwner: plan.noOwner,
    signal,
    table: plan.table ?? undefined,
    // In place the log of what was done goes on: it is taken from the live database.
    excludeSchema: plan.before ? 'drydock' : undefined,
  });
  refuseHoles(skipped);
  return skipped;
}

function refuseHoles(skipped: Skipped[]): void {
  const holes = skipped.filter(isHole);
  const [first] = holes;
  if (!first) return;
  throw new OpsError({
    code: 'RESTORE_INCOMPLETE',
    message: `${holes.length} ${holes.length === 1 ? 'object was' : 'objects were'} not restored: ${holes
      .slice(0, 3)
      .map(({ what, why }) => `${what} (${why})`)
      .join('; ')}${holes.length > 3 ? ' and more' : ''}.`,
    hint: 'Nothing was put in the place of anything. The role may lack a right; --no-owner leaves owners and grants out.',
  });
}

function verifyStep(ctx: TaskContext, url: Secret, plan: RestorePlan): Step<{ tables: number; rows: number }> {
  return defineStep({
    name: 'verify',
    async run({ out }) {
      const { manifest } = await openPlanned(ctx, plan);
      if (!manifest || plan.table) {
        out.warn(
          manifest ? 'Of one table the rest is not compared.' : 'There is no manifest: nothing can be compared.',
        );
        return { tables: 0, rows: 0 };
      }
      const { tables, rows, findings } = await compareRestored(freshUrl(url, plan), manifest, plan.jobs);
      refuseDifferences(findings);
      for (const { level, message } of findings) if (level === 'warn') out.warn(message);
      return { tables, rows };
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
    hint: 'Nothing was put in the place of anything. Take another backup: npm run backup:list',
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

/** The product's own way of stopping traffic; a failure later opens it again. */
function drainSteps(ctx: TaskContext): Step[] {
  const { drain } = ctx.config.backups;
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
  const { drain } = ctx.config.backups;
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
  await exec(program, args, { cwd: ctx.config.root, env: ctx.environment.forChild(), signal });
}

type Swapped = Swap & { blockedMs: number | null };

function swapStep(url: Secret, plan: RestorePlan): Step<Swapped> {
  const { fresh, name, before, mark } = plan;
  const swap: Swap = { fresh, name, before, mark };
  return defineStep<Swapped>({
    name: before ? 'swap' : 'name it',
    check: () =>
      onServer(url, async (client) => ((await isSwapped(client, swap)) ? { ...swap, blockedMs: null } : undefined)),
    async run({ withoutLockSession }) {
      if (!before) return { ...swap, blockedMs: await swapDatabases(url, swap) };
      await onServer(url, async (client) => {
        const like = await factsOf(client, name);
        if (!like) return;
        await dressLike(client, fresh, like);
        await carryLog(url, plan);
      });
      return { ...swap, blockedMs: await withoutLockSession(() => swapDatabases(url, swap)) };
    },
    async verify() {
      await withPostgres(withDatabase(url, name), 'drydock db:restore', (client) => client.query('SELECT 1'));
    },
  });
}

/** The audit log is a chain, and the backup's is its beginning: the live one takes its place. */
async function carryLog(url: Secret, plan: RestorePlan): Promise<void> {
  const has = await withPostgres(url, 'drydock db:restore', (client) =>
    client.query<{ there: boolean }>(`SELECT to_regnamespace('drydock') IS NOT NULL AS there`),
  );
  if (!has.rows[0]?.there) return;
  await withPostgres(freshUrl(url, plan), 'drydock db:restore', (client) =>
    client.query('DROP SCHEMA IF EXISTS drydock CASCADE'),
  );
  refuseHoles(await pgRestore(dumpSchema(url, 'drydock'), freshUrl(url, plan), { jobs: 1 }));
}

function dropOurs(url: Secret, { fresh }: RestorePlan): Promise<void> {
  return onServer(url, (client) => dropDatabase(client, fresh));
}
