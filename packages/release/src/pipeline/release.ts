import { defineStep, type EnvName, type Step, type StepNode, type TaskContext } from '@drydock/kit';
import { artifactStep } from '../artifact/step.ts';
import { artifactStore } from '../artifact/store.ts';
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
  const built = artifactStep(ctx, commit);
  const nodes = [
    built,
    ...(ctx.flags.only ? [passedBeforeStep(ctx, built)] : []),
    // What is done on staging stays when production fails: it is what one then looks at.
    ...environments.map((env, i) => environmentSteps(ctx, env, { built, subject, kind }, i < environments.length - 1)),
    tidyStep(ctx),
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

function tidyStep({ config, environment }: TaskContext): Step {
  return defineStep({
    name: 'keep the last artefacts',
    houseKeeping: true,
    async run() {
      const store = artifactStore(config, environment);
      const inUse = versionsInUse(config.root);
      const idle = (await store.list()).map(({ version }) => version).filter((version) => !inUse.has(version));
      const last = [...new Set(idle)].slice(0, releaseConfig(config).artifact.keep);
      return { removed: await store.prune(new Set([...inUse, ...last])) };
    },
  });
}
