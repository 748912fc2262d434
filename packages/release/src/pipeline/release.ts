import { defineStep, type EnvName, type Step, type StepNode, type TaskContext, toOpsError } from '@drydock/kit';
import { artifactStep } from '../artifact/step.ts';
import { artifactStore } from '../artifact/store.ts';
import type { Artifact } from '../artifact/types.ts';
import { releaseConfig } from '../config.ts';
import { neededDigests } from '../record/needed.ts';
import type { Release } from '../record/types.ts';
import { sayWhatServes } from '../serving.ts';
import { refuseUnpassed } from './earlier.ts';
import { environmentSteps } from './environment.ts';
import { notifySteps } from './notify.ts';

export type ReleasePlan = { commit: string; subject: string; environments: EnvName[] };

/** Build once; each environment in turn gets that very artefact. */
export function releaseSteps(
  ctx: TaskContext,
  { commit, subject, environments }: ReleasePlan,
  kind: Release['kind'] = 'release',
): { nodes: StepNode[]; built: Step<Artifact> } {
  const built = artifactStep(ctx, commit, { environments });
  const nodes = [
    built,
    ...(ctx.flags.only ? [passedBeforeStep(ctx, built)] : []),
    // What is done on staging stays when production fails: it is what one then looks at.
    ...environments.map((env, i) => environmentSteps(ctx, env, { built, subject, kind }, i < environments.length - 1)),
    tidyStep(ctx, environments),
    ...notifySteps(ctx, async () => {
      const asked = environments.map((env) => ctx.environmentOf(env));
      return `${commit.slice(0, 10)} (${subject}): ${await sayWhatServes(ctx.config, asked)}`;
    }),
  ];
  return { nodes, built };
}

/** What was built is what passed: the same commit may have become another artefact. */
function passedBeforeStep(ctx: TaskContext, built: Step<Artifact>): Step {
  return defineStep({
    name: 'passed before',
    async run({ results }) {
      const artifact = results.of(built);
      await refuseUnpassed(ctx, artifact.commit, artifact);
      return { digest: artifact.digest };
    },
  });
}

/** The newest of each environment, whoever released it there: they may share the store. */
function tidyStep(ctx: TaskContext, environments: EnvName[]): Step {
  const { config, environmentOf } = ctx;
  return defineStep({
    name: 'keep the last artefacts',
    houseKeeping: true,
    async run({ out }) {
      const removed = new Set<string>();
      try {
        const needed = await neededDigests(config, environmentOf, releaseConfig(config).artifact.keep);
        for (const env of environments)
          for (const version of await artifactStore(config, environmentOf(env)).prune(needed)) removed.add(version);
      } catch (thrown) {
        out.warn(`Old artefacts stay, for what is still needed cannot be told: ${toOpsError(thrown).message}`);
      }
      return { removed: [...removed] };
    },
  });
}
