import {
  defineChangeTask,
  defineReadTask,
  EXIT,
  flag,
  type Json,
  OpsError,
  type StepNode,
  type TaskContext,
} from '@drydock/kit';
import { type DeployPlan, deploySteps, planDeploy } from './deploy/steps.ts';
import { blockedBy } from './rehearsal/hazards.ts';
import type { ObservedMigration } from './rehearsal/observe.ts';
import { planRollback, type RollbackPlan } from './rollback/plan.ts';
import { rollbackSteps } from './rollback/steps.ts';
import { targetOf } from './target.ts';

export const statusTask = defineReadTask({
  name: 'db:status',
  summary:
    'Shows which migrations are applied, pending, failed, edited or missing, and whether the schema has drifted.',
  description:
    "Reads only, in this process; drift is looked for with Prisma's own engine. Exit 3 unless all is applied and equal.",
  examples: ['npm run db:status -- --env staging', 'npm run db:status -- --env production --json'],
  async run({ config, environment, env, out }) {
    const { readState } = await import('./rehearsal/rehearse.ts');
    const { diffToSchema } = await import('./drift.ts');
    const target = targetOf(config, environment);
    const [state, drift] = await Promise.all([readState(target), diffToSchema(target.url, target.schemaFile)]);
    const rows = [
      ['applied', String(state.applied.length), state.applied.at(-1) ?? ''],
      ['pending', String(state.pending.length), state.pending.join(', ')],
      ['failed', String(state.failed.length), state.failed.map(({ name }) => name).join(', ')],
      ['edited', String(state.edited.length), state.edited.join(', ')],
      ['missing', String(state.missing.length), state.missing.join(', ')],
    ];
    out.table(['migrations', '', ''], rows);
    const unsound = state.failed.length + state.edited.length + state.missing.length > 0;
    // Before everything is applied, the schema is ahead of the database by right.
    const drifted = state.pending.length === 0 && drift !== undefined;
    const verdict = unsound
      ? `The migration history of ${env} needs attention.`
      : state.pending.length > 0
        ? `${state.pending.length} migrations are pending on ${env}.`
        : drifted
          ? `All migrations are applied, but the schema of ${env} has drifted.`
          : `All migrations are applied on ${env}, and the schema is as it should be.`;
    return {
      verdict,
      ok: !unsound && state.pending.length === 0 && !drifted,
      data: { ...state, drift: drifted } as unknown as Json,
      ...(state.pending.length > 0 ? { next: `npm run db:dry-run -- --env ${env}` } : {}),
    };
  },
});

export const dryRunTask = defineReadTask({
  name: 'db:dry-run',
  summary: 'Rehearses the pending migrations on a copy of the target. The target itself is only read.',
  description:
    'Makes a scratch database (a whole copy where nobody is connected, else its structure), applies each pending\nmigration there as db:deploy would, compares the result with the Prisma schema, and drops the copy. Exit 3 on an error.',
  examples: ['npm run db:dry-run -- --env staging', 'npm run db:dry-run -- --env production --json'],
  async run({ config, environment, env, out }) {
    const { rehearse } = await import('./rehearsal/rehearse.ts');
    const progress = out.progress('rehearse on a copy');
    try {
      const { state, copy, migrations, findings } = await rehearse(targetOf(config, environment), (name) =>
        progress.update(name),
      );
      const failed = findings.some(({ level }) => level === 'error');
      if (failed) progress.fail();
      else progress.done();
      if (migrations.length > 0)
        out.table(['migration', 'ms', 'locks on existing tables'], migrations.map(describeMigration));
      return {
        verdict: failed
          ? `The rehearsal for ${env} found what would fail.`
          : state.pending.length === 0
            ? `Nothing is pending on ${env}.`
            : `${migrations.length} migrations would apply to ${env}.`,
        data: { pending: state.pending, copy: copy ?? null, migrations: migrations as unknown as Json },
        findings,
        ...(!failed && state.pending.length > 0 ? { next: `npm run db:deploy -- --env ${env}` } : {}),
      };
    } catch (error) {
      progress.fail();
      throw error;
    }
  },
});

/** One row of the rehearsal's table; what a lock blocks is said in words. */
function describeMigration({ name, durationMs, statements }: ObservedMigration): string[] {
  const blocked = statements
    .flatMap(({ locks }) => locks)
    .flatMap(({ relation, mode }) => (blockedBy(mode) ? [`blocks ${blockedBy(mode)} of ${relation}`] : []));
  return [name, String(durationMs), [...new Set(blocked)].join(', ')];
}

/** `backup` is passed in by the script: the feature packages do not know each other. */
export function createDeployTask(backup: (ctx: TaskContext) => StepNode) {
  return defineChangeTask({
    name: 'db:deploy',
    summary: 'Rehearses, then applies the pending migrations, and proves that the schema is what it should be.',
    description:
      'A failed, edited or unknown history is refused. Each migration and its record commit together; a lock that is not free in\n' +
      "time is given back and asked for again. Prisma's own CLI agrees before and after.",
    examples: [
      'npm run db:deploy -- --env staging',
      'npm run db:deploy -- --env production --yes --confirm production --reason "release 12"',
    ],
    lock: 'environment',
    onFailure: 'keep',
    plan: ({ config, environment }) => planDeploy(targetOf(config, environment)),
    describe: ({ pending }) => pending.map(({ name }) => `apply ${name}`),
    steps: (ctx, plan) => [
      ...(plan.pending.length > 0 && ctx.config.database.backupBeforeDeploy.includes(ctx.env) ? [backup(ctx)] : []),
      {
        name: 'migrate',
        plan: async () => plan,
        steps: (planned: DeployPlan) => deploySteps(targetOf(ctx.config, ctx.environment), planned),
      },
    ],
    outcome: ({ env }, { pending }) => ({
      verdict:
        pending.length === 0
          ? `Nothing was pending on ${env}; the schema is as it should be.`
          : `${pending.length} migrations are applied to ${env}.`,
      data: { applied: pending.map(({ name }) => name) },
    }),
  });
}

export const rollbackTask = defineChangeTask({
  name: 'db:rollback',
  summary: 'Undoes the newest migrations with their down.sql, each proven beforehand.',
  description:
    'On a scratch database every migration runs up and its down.sql down again; the schema must then be what it was, to the\n' +
    'letter. Refused where a down.sql is missing, or would lose rows without --accept-data-loss. Undone migrations are pending again.',
  examples: [
    'npm run db:rollback -- --env staging --steps 1',
    'npm run db:rollback -- --env staging --to 20260706090000_certificates --plan',
  ],
  flags: {
    to: flag.text({ value: 'NAME', about: 'the migration that is to be the newest afterwards' }),
    steps: flag.integer({ about: 'how many to undo', min: 1 }),
    acceptDataLoss: flag.boolean({ about: 'undo although rows are lost' }),
  },
  lock: 'environment',
  onFailure: 'keep',
  destructive: true,
  async plan(ctx): Promise<RollbackPlan> {
    const progress = ctx.out.progress('prove on a scratch database');
    try {
      const plan = await planRollback(targetOf(ctx.config, ctx.environment), ctx.flags, (text) =>
        progress.update(text),
      );
      progress.done();
      return refuseLosses(plan, ctx.flags.acceptDataLoss === true);
    } catch (error) {
      progress.fail();
      throw error;
    }
  },
  describe: ({ undo, losses }) => [
    ...undo.map(({ name }) => `undo ${name}`),
    ...losses.map(
      ({ what, rows, migration }) => `lose ${rows} ${rows === 1 ? 'row' : 'rows'} of ${what} (${migration})`,
    ),
  ],
  steps: (ctx, plan) => rollbackSteps(targetOf(ctx.config, ctx.environment), plan),
  outcome: ({ env }, { undo }) => ({
    verdict:
      undo.length === 0
        ? `Nothing to undo on ${env}.`
        : `${undo.length} ${undo.length === 1 ? 'migration is' : 'migrations are'} undone on ${env}.`,
    data: { undone: undo.map(({ name }) => name) },
    next: `npm run db:status -- --env ${env}`,
  }),
});

function refuseLosses(plan: RollbackPlan, accepted: boolean): RollbackPlan {
  const [first] = plan.losses;
  if (!first || accepted) return plan;
  throw new OpsError({
    code: 'DATA_LOSS',
    message: `Undoing ${first.migration} would lose ${first.rows} ${first.rows === 1 ? 'row' : 'rows'} of ${first.what}${plan.losses.length > 1 ? `, and more` : ''}.`,
    hint: 'Back up first (npm run db:backup), then add --accept-data-loss.',
    exit: EXIT.refused,
  });
}
