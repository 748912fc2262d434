#!/usr/bin/env node
import { command, defineChangeTask, EXIT, flag, hint, main, OpsError } from '@drydock/kit';
import { planRollback, type RollbackPlan } from '../src/rollback/plan.ts';
import { rollbackSteps } from '../src/rollback/steps.ts';
import { describeWay, lostRows } from '../src/rollback/tell.ts';
import { sayWhatServes } from '../src/serving.ts';

const task = defineChangeTask({
  name: 'release:rollback',
  summary: 'Goes back to the version that was live before: a switch while it is warm, else a cold start.',
  description:
    'Before is what stood before the version that is live, by the record of the environment: after A, B and C, twice back is B, then A.\n' +
    'Over migrations it follows docs/RUNBOOK.md and says which row it takes: they only expand → switch; each has a proven down.sql → undo\n' +
    'them, then switch; else maintenance, restore of the backup from before, switch, maintenance off. What that loses is counted first.\n' +
    'Gates are skipped; health and the pages of release.smoke are not.',
  examples: [
    'npm run release:rollback -- --env production --plan',
    'npm run release:rollback -- --env production --yes --confirm production --reason "incident 12"',
    'npm run release:rollback -- --env staging --to 25d76cbb6957',
  ],
  flags: {
    to: flag.text({ value: 'NAME', about: 'this one instead: a version, digest, tag or commit that was live' }),
    acceptDataLoss: flag.boolean({ about: 'go back although rows are lost' }),
  },
  lock: 'environment',
  mendsDatabase: true,
  destructive: true,
  async plan(ctx): Promise<RollbackPlan> {
    const progress = ctx.out.progress('look for the way back');
    try {
      const plan = await planRollback(ctx, ctx.flags.to, (text) => progress.update(text));
      progress.done();
      return refuseLosses(plan, ctx.flags.acceptDataLoss === true);
    } catch (error) {
      progress.fail();
      throw error;
    }
  },
  describe: ({ live, to, warm, way }) => [
    `go back from version ${live.version} (${live.subject}) to ${to.version} (${to.subject}), which ${warm ? 'still runs' : 'has to be started'}`,
    ...describeWay(way),
  ],
  steps: rollbackSteps,
  outcome: ({ env }, { live, to, way }) => ({
    verdict: `${env} is back on version ${to.version} (${to.commit.slice(0, 10)}), from ${live.version}.`,
    data: { from: live.version, version: to.version, commit: to.commit, way: way.row, why: way.why },
    next: command('health:check', { env }),
  }),
  async lastWords({ config, environment }) {
    return { says: await sayWhatServes(config, [environment]), next: command('release:rollback') };
  },
});

function refuseLosses(plan: RollbackPlan, accepted: boolean): RollbackPlan {
  const rows = lostRows(plan.way);
  if (rows === 0 || accepted) return plan;
  throw new OpsError({
    code: 'DATA_LOSS',
    message: `Going back loses rows: ${describeWay(plan.way).join('; ')}.`,
    hint: hint`Back up first (${command('db:backup')}), then add --accept-data-loss.`,
    exit: EXIT.refused,
  });
}

export default task;
await main(task, import.meta);
