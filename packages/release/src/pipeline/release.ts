import { defineStep, type EnvName, type Step, type StepNode, type TaskContext } from '@drydock/kit';
import { buildArtifact } from '../artifact/build.ts';
import { ArtifactStore } from '../artifact/store.ts';
import type { Artifact } from '../artifact/types.ts';
import { releaseConfig } from '../config.ts';
import { versionsInUse } from '../driver/slots.ts';
import type { Release } from '../record/types.ts';
import { refuseUnpassed } from './earlier.ts';
import { environmentSteps } from './environment.ts';

export type ReleasePlan = { commit: string; subject: string; environments: EnvName[] };

/** Build once; each environment in turn gets that very artefact. */
export function releaseSteps(
  ctx: TaskContext,
  { commit, subject, environments }: ReleasePlan,
  kind: Release['kind'] = 'release',
): { nodes: StepNode[]; built: Step<Artifact> } {
  const built = buildStep(ctx, commit);
  const nodes = [
    built,
    ...(ctx.flags.only ? [passedBeforeStep(ctx, built)] : []),
    // What is done on staging stays when production fails: it is what one then looks at.
    ...environments.map((env, i) => environmentSteps(ctx, env, { built, subject, kind }, i < environments.length - 1)),
    tidyStep(ctx),
  ];
  return { nodes, built };
}

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

/** What was built is what passed: the same commit may have become another artefact. */
function passedBeforeStep(ctx: TaskContext, built: Step<Artifact>): Step {
  return defineStep({
    name: 'passed before',
    async run({ results }) {
      const artifact = results.of(built);
      await refuseUnpassed(ctx, artifact.commit, artifact);
      return { digest: artifact.hash };
    },
  });
}

function tidyStep(ctx: TaskContext): Step {
  const { root } = ctx.config;
  return defineStep({
    name: 'keep the last artefacts',
    houseKeeping: true,
    async run() {
      const { keep } = releaseConfig(ctx.config).artifact;
      return { removed: await new ArtifactStore(root).prune(keep, versionsInUse(root)) };
    },
  });
}
