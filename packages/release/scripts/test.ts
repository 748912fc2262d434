#!/usr/bin/env node
import { command, defineChangeTask, defineStep, main, type Step, type TaskContext, usageError } from '@drydock/kit';
import { readCheckout, refuseDirty } from '../src/checkout.ts';
import { TESTED } from '../src/ci/recorded.ts';
import { runTests } from '../src/ci/run.ts';
import { releaseConfig } from '../src/config.ts';
import { withRecord } from '../src/record/record.ts';

type Ended = { ok: boolean; says: string };

const task = defineChangeTask({
  name: 'release:test',
  summary: "Runs the product's tests on the checked-out commit, and records for the team whether they passed.",
  description:
    'For where no CI can be asked: a release wants to know that the tests of its very commit passed. Runs release.ci.command (npm test by\n' +
    'itself) with nothing of an environment in its variables; a checkout with changes is refused, and what changes meanwhile is no answer.',
  examples: ['npm run release:test -- --env staging'],
  lock: 'checkout',
  restartable: true,
  onFailure: 'keep',
  async plan({ config, signal }) {
    const { ci } = releaseConfig(config);
    const checkout = await readCheckout(config.root, signal);
    refuseDirty(checkout);
    return { commit: checkout.commit, subject: checkout.subject, command: ci.command };
  },
  describe: ({ commit, subject, command: line }) => [`run ${line.join(' ')} on ${commit.slice(0, 10)} (${subject})`],
  steps(ctx, plan) {
    const tested = testStep(ctx, plan);
    return { nodes: [tested, recordStep(ctx, plan.commit, tested)], tested };
  },
  outcome({ env }, { commit }, results, { tested }) {
    const { ok, says } = results.of(tested);
    return {
      verdict: `${says} for ${commit.slice(0, 10)}; recorded on ${env}.`,
      ok,
      data: { commit, ok, says },
      ...(ok ? { next: command('release', { env }) } : {}),
    };
  },
});

function testStep(ctx: TaskContext, plan: { commit: string; command: string[] }): Step<Ended> {
  return defineStep<Ended>({
    name: 'run the tests',
    async run({ detail, signal }) {
      const ended = await runTests(plan.command, {
        root: ctx.config.root,
        env: ctx.environment.forChild('build'),
        signal,
        onLine: detail,
      });
      const after = await readCheckout(ctx.config.root, signal);
      if (after.commit !== plan.commit || after.dirty.length > 0)
        throw usageError(
          'CHECKOUT_CHANGED',
          `The checkout changed while its tests ran${after.dirty[0] ? ` (${after.dirty[0]})` : ''}: what passed is not ${plan.commit.slice(0, 10)}.`,
          'Leave it alone meanwhile, and run it again.',
        );
      return ended;
    },
  });
}

function recordStep(ctx: TaskContext, commit: string, tested: Step<Ended>): Step {
  return defineStep({
    name: 'record it',
    async run({ results, run }) {
      const { ok, says } = results.of(tested);
      const evidence = { commit, item: TESTED, ok, says, link: null, by: ctx.actor, until: null, run };
      await withRecord(ctx.config, ctx.environment, (record) => record.putEvidence(evidence));
      return null;
    },
  });
}

export default task;
await main(task, import.meta);
