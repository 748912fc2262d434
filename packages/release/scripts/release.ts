#!/usr/bin/env node
import {
  command,
  defineChangeTask,
  defineStep,
  type EnvName,
  flag,
  main,
  promotionTo,
  type Step,
  type TaskContext,
} from '@drydock/kit';
import { buildArtifact } from '../src/artifact/build.ts';
import { ArtifactStore } from '../src/artifact/store.ts';
import type { Artifact } from '../src/artifact/types.ts';
import { readCheckout, refuseUnfit } from '../src/checkout.ts';
import { releaseConfig } from '../src/config.ts';
import { environmentSteps } from '../src/pipeline/environment.ts';
import { postDeploySteps } from '../src/pipeline/post-deploy.ts';

/** Production is only ever reached through staging: the config says what goes before what. */
function environmentsOf({ config, env }: Pick<TaskContext, 'config' | 'env'>): EnvName[] {
  return promotionTo(config, env);
}

const task = defineChangeTask({
  name: 'release',
  summary: 'Takes the checked-out commit through a whole release: staging, then production.',
  description:
    'Checkout → artefact → per environment: backup, dry-run, deploy, stage, switch without downtime, health; the full flow on\n' +
    'staging → post-deploy check. A step that fails stops it and switches traffic back; migrations stay applied.',
  examples: [
    'npm run release -- --env staging',
    'npm run release -- --env production --yes --confirm production --reason "release 12"',
  ],
  flags: {
    allowDirty: flag.boolean({ about: 'release the commit although the checkout has other changes' }),
    accept: flag.texts({ value: 'CODE', about: 'take on a hazard of a migration: npm run db:dry-run -- --codes' }),
  },
  lock: 'environment',
  environments: environmentsOf,
  async plan(ctx) {
    const { baseBranch } = releaseConfig(ctx.config);
    const checkout = await readCheckout(ctx.config.root, baseBranch, ctx.signal);
    refuseUnfit(checkout, baseBranch, ctx.flags.allowDirty === true);
    return { commit: checkout.commit, subject: checkout.subject, environments: environmentsOf(ctx) };
  },
  describe: ({ commit, subject, environments }) => [
    `release ${commit.slice(0, 10)} (${subject}) to ${environments.join(', then ')}`,
  ],
  steps: (ctx, { commit, environments }) => {
    const built = buildStep(ctx, commit);
    const nodes = [
      built,
      // What is done on staging stays when production fails: it is what one then looks at.
      ...environments.map((env, i) => environmentSteps(ctx, env, built, i < environments.length - 1)),
      ...postDeploySteps(ctx, environments),
    ];
    return { nodes, built };
  },
  outcome: ({ env }, { commit, environments }, results, { built }) => {
    const { version } = results.of(built);
    return {
      verdict: `${commit.slice(0, 10)} is live on ${environments.join(' and ')} as version ${version}.`,
      data: { commit, version, environments },
      next: command('health:check', { env }),
    };
  },
});

function buildStep(ctx: TaskContext, commit: string): Step<Artifact> {
  const store = new ArtifactStore(ctx.config.root);
  return defineStep<Artifact>({
    name: 'build artifact',
    alwaysCheck: true,
    check: () => store.byCommit(commit),
    run: ({ detail, signal }) =>
      buildArtifact({
        config: ctx.config,
        release: releaseConfig(ctx.config),
        store,
        commit,
        env: ctx.environment.forChild('build'),
        signal,
        onLine: detail,
      }),
    verify: (_, artifact) => store.verify(artifact),
  });
}

export default task;
await main(task, import.meta);
