import { checkHealth, gate, gateError, healthSection } from '@drydock/health';
import {
  command,
  defineStep,
  type EnvName,
  environmentSettings,
  OpsError,
  type Step,
  type TaskContext,
} from '@drydock/kit';
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
              hint: command('health:check', { env }),
            });
        }
        return { healthy: environments };
      },
    }),
    ...gateSteps(ctx, environments),
    defineStep({
      name: 'keep the last artefacts',
      houseKeeping: true,
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

/** Where health.gate.release asks for it: "monitor metrics" of section 2, step 8, as a verdict. */
function gateSteps(ctx: TaskContext, environments: EnvName[]): Step[] {
  const { release } = healthSection.of(ctx.config).gate;
  if (!release) return [];
  const gated = environments.filter(
    (env) => release.environments?.includes(env) ?? environmentSettings(ctx.config, env).serves === 'customers',
  );
  return gated.map((env) =>
    defineStep({
      name: `gate of ${env}`,
      async run({ detail, signal }) {
        const result = await gate(ctx.config, ctx.environmentOf(env), {
          forSeconds: release.forSeconds,
          signal,
          onMeasurement: ({ verdict }, seconds) =>
            detail(`${Math.round(seconds)} of ${release.forSeconds} s, so far ${verdict}`),
        });
        const passes =
          result.verdict === 'pass' || (result.verdict === 'inconclusive' && release.inconclusive === 'pass');
        if (!passes) throw gateError(env, result);
        return { verdict: result.verdict, measurements: result.windows.length };
      },
    }),
  );
}
