#!/usr/bin/env node
import { command, defineChangeTask, type EnvName, flag, main, promotionTo, type TaskContext } from '@drydock/kit';
import { releaseConfig } from '../src/config.ts';
import { type AdvisoryPlan, advisoryStep, SEVERITIES } from '../src/hotfix/advisory.ts';
import { byHand, describeRotations, type Rotations, rotateNext, rotationsOf } from '../src/hotfix/rotations.ts';
import { impactedSecrets, regressionTests } from '../src/hotfix/rules.ts';
import { lastWordsOf, outcomeOf } from '../src/pipeline/ending.ts';
import { preflight } from '../src/pipeline/preflight.ts';
import { type ReleasePlan, releaseSteps } from '../src/pipeline/release.ts';
import { servingCommit } from '../src/running.ts';

type HotfixPlan = ReleasePlan & AdvisoryPlan & { rotations: Rotations };

const environmentsOf = ({ config, env }: TaskContext): EnvName[] => promotionTo(config, env);

const task = defineChangeTask({
  name: 'release:hotfix',
  summary:
    'Releases a security fix: without what the config calls non-critical, never without rehearsal, backup and gate.',
  description:
    'Goes the way of a release, through staging. Left out, and named, is what release.hotfix.skip says. It asks which secrets are impacted,\n' +
    'wants a regression test among what changed since the version that serves, and opens a private advisory on GitHub, or writes its draft\n' +
    'below .drydock/advisories. A freeze window does not hold it up. The last words say how to rotate what is impacted.',
  examples: [
    'npm run release:hotfix -- --env production --secrets JWT_ACCESS_KEYS --yes --confirm production --reason "tokens could be forged"',
    'npm run release:hotfix -- --env production --secrets none --no-test "a dependency was updated" --yes --confirm production --reason "CVE in a parser"',
  ],
  flags: {
    secrets: flag.texts({ value: 'NAME', about: 'declared secrets that are impacted, or none; required' }),
    noTest: flag.sentence({ value: 'WHY', about: 'there is no regression test in the fix' }),
    severity: flag.choice(SEVERITIES, { about: 'of the advisory', fallback: 'high' }),
    offline: flag.boolean({ about: 'ask neither origin nor GitHub: what was fetched last counts' }),
    sign: flag.texts({
      value: 'BOX',
      about: 'stand by your name for a box of the checklist, where that is not left out',
    }),
    notify: flag.boolean({ about: 'tell the webhook of release.notify how it ended' }),
    allowDirty: flag.boolean({ about: 'release the commit although the checkout has other changes' }),
    accept: flag.texts({ value: 'CODE', about: 'take on a hazard of a migration: npm run db:dry-run -- --codes' }),
  },
  lock: 'environment',
  environments: environmentsOf,
  async plan(ctx): Promise<HotfixPlan> {
    const { config, flags } = ctx;
    const environments = environmentsOf(ctx);
    const secrets = impactedSecrets(config, flags.secrets);
    const rotations = await rotationsOf(ctx, secrets);
    const { commit, subject } = await ask(ctx);
    const since = await servingCommit(config, ctx.environment);
    const tests = await regressionTests(config, { since, noTest: flags.noTest });
    const { skip } = releaseConfig(config).hotfix;
    const summary = ctx.reason ?? subject;
    return {
      commit,
      subject,
      environments,
      secrets,
      rotations,
      tests,
      skipped: skip,
      summary,
      severity: flags.severity ?? 'high',
    };
  },
  async withoutLock(ctx) {
    await ask(ctx);
  },
  describe: ({ commit, subject, environments, secrets, rotations, tests, skipped }) => [
    `hotfix ${commit.slice(0, 10)} (${subject}) to ${environments.join(', then ')}`,
    `left out: ${skipped.join(', ') || 'nothing'}`,
    `impacted secrets: ${secrets.join(', ') || 'none'}`,
    ...describeRotations(rotations),
    `regression test: ${tests.slice(0, 3).join(', ') || 'none, and it is said why'}`,
  ],
  steps(ctx, plan) {
    const advised = advisoryStep(ctx, plan);
    const { nodes, built } = releaseSteps(ctx, plan, 'hotfix');
    return { nodes: [advised, ...nodes], built, advised };
  },
  async outcome(ctx, plan, results, steps) {
    const outcome = await outcomeOf(ctx, plan, results, steps);
    const { where } = results.of(steps.advised);
    const { secrets, rotations, environments } = plan;
    ctx.out.line(`The advisory is a draft: ${where}`);
    return {
      ...outcome,
      findings: [...(outcome.findings ?? []), ...byHand(rotations)],
      data: { ...(outcome.data as object), advisory: where, secrets, rotations },
      ...(rotations.secrets.length > 0 ? { next: rotateNext(rotations, environments) } : {}),
    };
  },
  lastWords: async (ctx, { environments }) => ({
    says: await lastWordsOf(ctx, environments),
    next: command('release:hotfix', { secrets: ['…'] }),
  }),
});

/** A freeze is no reason to leave a hole open; why it is opened stands in the audit log. */
function ask(ctx: TaskContext) {
  const { skip } = releaseConfig(ctx.config).hotfix;
  return preflight(ctx, environmentsOf(ctx), { ...ctx.flags, skip, inFreeze: ctx.reason ?? 'a hotfix' });
}

export default task;
await main(task, import.meta);
