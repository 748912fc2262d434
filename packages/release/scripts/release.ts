#!/usr/bin/env node
import { command, defineChangeTask, type EnvName, flag, main, promotionTo, type TaskContext } from '@drydock/kit';
import { refuseUnpassed } from '../src/pipeline/earlier.ts';
import { lastWordsOf, outcomeOf } from '../src/pipeline/ending.ts';
import { preflight } from '../src/pipeline/preflight.ts';
import { type ReleasePlan, releaseSteps } from '../src/pipeline/release.ts';

/** Production is only ever reached through staging: the config says what goes before what. */
function environmentsOf({ config, env, flags }: TaskContext): EnvName[] {
  return flags.only ? [env] : promotionTo(config, env);
}

const task = defineChangeTask({
  name: 'release',
  summary: 'Takes the checked-out commit through a whole release: staging, then production.',
  description:
    'Checkout → artefact → per environment: backup, dry-run, deploy, stage, health and pages of the candidate, switch without downtime,\n' +
    'health, pages, the full flow on staging, watch, gate, post-deploy check. What it needs is asked for first. A step that fails stops it and\n' +
    'switches traffic back; migrations stay applied. A gate that cannot tell pauses it: release:continue, release:abort. Where customers are\n' +
    'served the version before stays warm for a while: release:rollback, then release:settle. The last words say what is live.',
  examples: [
    'npm run release -- --env staging',
    'npm run release -- --env production --yes --confirm production --reason "release 12"',
    'npm run release -- --env production --only --yes --confirm production --reason "passed on staging this morning"',
  ],
  flags: {
    offline: flag.boolean({ about: 'ask neither origin nor GitHub: what was fetched last counts' }),
    sign: flag.texts({
      value: 'BOX',
      about: 'stand by your name for a box of the checklist that nothing can tell: tests, drill, …',
    }),
    inFreeze: flag.sentence({ value: 'WHY', about: 'release although release.freeze says that nothing is to be' }),
    notify: flag.boolean({ about: 'tell the webhook of release.notify how it ended' }),
    allowDirty: flag.boolean({ about: 'release the commit although the checkout has other changes' }),
    accept: flag.texts({ value: 'CODE', about: 'take on a hazard of a migration: npm run db:dry-run -- --codes' }),
    only: flag.boolean({ about: 'this environment alone; those before it must have passed with the same artefact' }),
  },
  lock: 'environment',
  environments: environmentsOf,
  async plan(ctx): Promise<ReleasePlan> {
    const environments = environmentsOf(ctx);
    const { commit, subject } = await preflight(ctx, environments, ctx.flags);
    if (ctx.flags.only) await refuseUnpassed(ctx, commit, undefined);
    return { commit, subject, environments };
  },
  async withoutLock(ctx) {
    await preflight(ctx, environmentsOf(ctx), ctx.flags);
  },
  describe: ({ commit, subject, environments }) => [
    `release ${commit.slice(0, 10)} (${subject}) to ${environments.join(', then ')}`,
  ],
  steps: (ctx, plan) => releaseSteps(ctx, plan),
  outcome: (ctx, plan, results, steps) => outcomeOf(ctx, plan, results, steps),
  lastWords: async (ctx, { environments }) => ({
    says: await lastWordsOf(ctx, environments),
    next: command('release'),
  }),
});

export default task;
await main(task, import.meta);
