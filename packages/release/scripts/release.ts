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
import { releaseConfig } from '../src/config.ts';
import { environmentSteps } from '../src/pipeline/environment.ts';
import { postDeploySteps } from '../src/pipeline/post-deploy.ts';
import { preflight } from '../src/pipeline/preflight.ts';
import { sayWhatServes, whatServes } from '../src/serving.ts';

/** Production is only ever reached through staging: the config says what goes before what. */
function environmentsOf({ config, env }: Pick<TaskContext, 'config' | 'env'>): EnvName[] {
  return promotionTo(config, env);
}

const task = defineChangeTask({
  name: 'release',
  summary: 'Takes the checked-out commit through a whole release: staging, then production.',
  description:
    'Checkout → artefact → per environment: backup, dry-run, deploy, stage, switch without downtime, health; the full flow on\n' +
    'staging → post-deploy check. What it needs is asked for first. A step that fails stops it and switches traffic back; migrations\n' +
    'stay applied. The last words say what is live, what was undone, and what to type.',
  examples: [
    'npm run release -- --env staging',
    'npm run release -- --env production --yes --confirm production --reason "release 12"',
  ],
  flags: {
    offline: flag.boolean({ about: 'ask neither origin nor GitHub: what was fetched last counts' }),
    allowDirty: flag.boolean({ about: 'release the commit although the checkout has other changes' }),
    accept: flag.texts({ value: 'CODE', about: 'take on a hazard of a migration: npm run db:dry-run -- --codes' }),
  },
  lock: 'environment',
  environments: environmentsOf,
  async plan(ctx) {
    const { commit, subject } = await preflight(ctx, environmentsOf(ctx), ctx.flags);
    return { commit, subject, environments: environmentsOf(ctx) };
  },
  async withoutLock(ctx) {
    await preflight(ctx, environmentsOf(ctx), ctx.flags);
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
  async outcome({ env, config, environmentOf }, { commit, environments }, results, { built }) {
    const { version } = results.of(built);
    const serving = await Promise.all(environments.map((each) => whatServes(config, environmentOf(each as EnvName))));
    const others = serving.filter(({ live }) => live?.version !== version);
    return {
      verdict:
        others.length === 0
          ? `${commit.slice(0, 10)} is live on ${environments.join(' and ')} as version ${version}.`
          : `${commit.slice(0, 10)} was released as version ${version}, and is not live any more: ${others.map(({ sentence }) => sentence).join(' ')}`,
      ok: others.length === 0,
      data: {
        commit,
        version,
        environments,
        serving: serving.map(({ env: each, live }) => ({ env: each, live: live ?? null })),
      },
      next: command('health:check', { env }),
    };
  },
  async lastWords({ config, environmentOf }, { environments }) {
    const asked = environments.map((each) => environmentOf(each as EnvName));
    return { says: await sayWhatServes(config, asked), next: command('release') };
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
