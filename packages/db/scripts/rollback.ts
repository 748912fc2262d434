#!/usr/bin/env node
import { command, defineChangeTask, EXIT, flag, hint, main, OpsError } from '@drydock/kit';
import { planRollback, type RollbackPlan, refuseWish } from '../src/rollback/plan.ts';
import { rollbackSteps } from '../src/rollback/steps.ts';
import { targetOf } from '../src/target.ts';

const task = defineChangeTask({
  name: 'db:rollback',
  summary: 'Undoes the newest migrations with their down.sql, each proven beforehand.',
  description:
    'On a scratch database every migration runs up and its down.sql down again; the schema must then be what it was, object by\n' +
    'object. A history that cannot be made anew (it needs rows or roles) is proved on a copy of the database instead. Refused where\n' +
    'a down.sql is missing, or would lose rows without --accept-data-loss. Undone migrations are pending again.',
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
  refuseFlags: ({ flags }) => refuseWish(flags),
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
  describe: ({ undo, losses, undone }) => [
    ...(undone ? [`(proved on a copy of the database, since its history cannot be made anew: ${undone.because})`] : []),
    ...(undone?.onlyRan ?? []).map((name) => `(of ${name} only that its down.sql runs: it could not be applied again)`),
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
    next: command('db:status', { env }),
  }),
});

function refuseLosses(plan: RollbackPlan, accepted: boolean): RollbackPlan {
  const [first] = plan.losses;
  if (!first || accepted) return plan;
  throw new OpsError({
    code: 'DATA_LOSS',
    message: `Undoing ${first.migration} would lose ${first.rows} ${first.rows === 1 ? 'row' : 'rows'} of ${first.what}${plan.losses.length > 1 ? `, and more` : ''}.`,
    hint: hint`Back up first (${command('db:backup')}), then add --accept-data-loss.`,
    exit: EXIT.refused,
  });
}

export default task;
await main(task, import.meta);
