import { checkHealth } from '@drydock/health';
import { defineStep, type EnvName, OpsError, type Step, type TaskContext } from '@drydock/kit';
import { ArtifactStore } from '../artifact/store.ts';
import { releaseConfig } from '../config.ts';
import { versionsInUse } from '../driver/slots.ts';

/** Section 2, step 9, and the house-keeping that may only follow it. */
export function postDeploySteps(ctx: TaskContext, environments: EnvName[]): Step[] {
  return [
    defineStep({
      name: 'post-deploy check',
      async run() {
        for (const env of environments) {
          const { healthy, parts } = await checkHealth(ctx.config, ctx.environmentOf(env));
          const bad = parts.find(({ ok, required }) => required && !ok);
          if (!healthy)
            throw new OpsError({
              code: 'NOT_HEALTHY',
              message: `${env} is not healthy after the release: ${bad?.part} ${bad?.detail}.`,
              hint: `npm run health:check -- --env ${env}`,
            });
        }
        return { healthy: environments };
      },
    }),
    defineStep({
      name: 'keep the last artefacts',
      async run() {
        const release = releaseConfig(ctx.config);
        return {
          removed: await new ArtifactStore(ctx.config.root).prune(
            release.artifact.keep,
            versionsInUse(ctx.config.root),
          ),
        };
      },
    }),
  ];
}
