import { gate, gateError, healthSection } from '@drydock/health';
import {
  command,
  defineStep,
  type EnvName,
  environmentSettings,
  hint,
  OpsError,
  paused,
  type Step,
  type TaskContext,
} from '@drydock/kit';
import { withRecord } from '../record/record.ts';
import type { Decision } from '../record/types.ts';
import type { Beside } from './watch.ts';

const GATE = 'gate';

/**
 * Where the config asks for it: "monitor metrics" of section 2, step 8, as a verdict. One that cannot tell pauses the run. `beside`: what
 * looks meanwhile, and may end it.
 */
export function gateSteps(ctx: TaskContext, env: EnvName, beside: Beside = (step, work) => work(step.signal)): Step[] {
  const { release } = healthSection.of(ctx.config).gate;
  if (!release) return [];
  const gated = release.environments?.includes(env) ?? environmentSettings(ctx.config, env).serves === 'customers';
  if (!gated) return [];
  const environment = ctx.environmentOf(env);
  // Asked of a run that goes on: one that is at the gate for the first time has not waited yet.
  let decision: Decision | undefined;
  return [
    defineStep<{ verdict: string; measurements: number }>({
      name: GATE,
      async check({ run }) {
        decision = await withRecord(ctx.config, environment, (record) => record.decision(run, `${env} › ${GATE}`));
        return decision === 'continue' ? { verdict: 'gone on with', measurements: 0 } : undefined;
      },
      async run(step) {
        if (decision === 'abort') throw new OpsError({ code: 'ABORTED', message: 'Somebody decided against it.' });
        const result = await beside(step, (signal) =>
          gate(ctx.config, environment, {
            forSeconds: release.forSeconds,
            signal,
            onMeasurement: ({ verdict }, seconds) =>
              step.detail(`${Math.round(seconds)} of ${release.forSeconds} s, so far ${verdict}`),
          }),
        );
        const { verdict, windows } = result;
        if (verdict === 'pass' || (verdict === 'inconclusive' && release.inconclusive === 'pass'))
          return { verdict, measurements: windows.length };
        const error = gateError(env, result);
        if (verdict === 'fail' || release.inconclusive === 'fail') throw error;
        throw paused(
          `${error.message} The new version serves, the one before is kept warm, and the run waits.`,
          hint`Look: ${command('health:watch', { env })}   Then: ${command('release:continue', { env })}   or: ${command('release:abort', { env })}`,
        );
      },
    }),
  ];
}
