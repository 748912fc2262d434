import { checkHealth } from '@drydock/health';
import {
  defineChangeTask,
  defineReadTask,
  defineStep,
  type EnvName,
  flag,
  type Json,
  type TaskContext,
} from '@drydock/kit';
import { buildArtifact } from './artifact/build.ts';
import { ArtifactStore } from './artifact/store.ts';
import type { Artifact } from './artifact/types.ts';
import { readCheckout, refuseUnfit } from './checkout.ts';
import { releaseConfig } from './config.ts';
import { LocalDriver } from './driver/local.ts';
import { environmentSteps } from './pipeline/environment.ts';
import { postDeploySteps } from './pipeline/post-deploy.ts';

/** Production is only ever reached through staging. */
function environmentsOf({ env }: Pick<TaskContext, 'env'>): EnvName[] {
  return env === 'production' ? ['staging', 'production'] : [env];
}

export const releaseTask = defineChangeTask({
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
    `release ${commit.slice(0, 10)} (${subject})`,
    'build artifact',
    ...environments.map((env) => `${env}: backup, db:dry-run, db:deploy, stage, switch traffic, health`),
    'post-deploy check',
  ],
  steps: (ctx, { commit, environments }) => {
    const store = new ArtifactStore(ctx.config.root);
    return [
      defineStep<Artifact>({
        name: 'build artifact',
        alwaysCheck: true,
        check: () => store.byCommit(commit),
        run: ({ detail, signal }) =>
          buildArtifact({
            config: ctx.config,
            release: releaseConfig(ctx.config),
            store,
            commit,
            shell: process.env,
            signal,
            onLine: detail,
          }),
        verify: (_, artifact) => store.verify(artifact),
      }),
      // What is done on staging stays when production fails: it is what one then looks at.
      ...environments.map((env, i) => environmentSteps(ctx, env as EnvName, i < environments.length - 1)),
      ...postDeploySteps(ctx, environments as EnvName[]),
    ];
  },
  outcome: ({ env }, { commit, environments }, results) => {
    const { version } = results.get<Artifact>('build artifact');
    return {
      verdict: `${commit.slice(0, 10)} is live on ${environments.join(' and ')} as version ${version}.`,
      data: { commit, version, environments },
      next: `npm run health:check -- --env ${env}`,
    };
  },
});

export const releaseStatusTask = defineReadTask({
  name: 'release:status',
  summary: 'Shows which version is live in an environment, and which artefacts are at hand for a rollback.',
  async run({ config, environment, env, out }) {
    const release = releaseConfig(config);
    const { live, idle } = await new LocalDriver(config, release, environment).inspect();
    const artifacts = await new ArtifactStore(config.root).list();
    out.table(
      ['version', 'commit', 'built', ''],
      artifacts.map(({ version, commit, builtAt }) => [
        version,
        commit.slice(0, 10),
        builtAt,
        version === live?.version ? 'live' : version === idle?.version ? 'before' : '',
      ]),
    );
    if (live?.elsewhere) {
      // Whoever started it, it tells its version itself.
      const version = await checkHealth(config, environment).then(
        (said) => said.version,
        () => undefined,
      );
      return {
        verdict: `${env} is on ${version ? `version ${version}` : 'a version that does not tell its name'}, slot ${live.slot}, started from another checkout.`,
        data: {
          live: { ...live, version: version ?? live.version },
          idle: idle ?? null,
          artifacts: artifacts as unknown as Json,
        },
      };
    }
    return {
      verdict: live
        ? `${env} is on version ${live.version} (${live.commit.slice(0, 10)}), slot ${live.slot}.`
        : `Nothing is live on ${env}.`,
      data: { live: live ?? null, idle: idle ?? null, artifacts: artifacts as unknown as Json },
    };
  },
});
