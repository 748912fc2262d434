import { setTimeout as sleep } from 'node:timers/promises';
import {
  defineStep,
  type EnvName,
  environmentSettings,
  type Step,
  type StepContext,
  type TaskContext,
} from '@drydock/kit';
import { releaseConfig } from '../config.ts';
import type { Driver } from '../driver/types.ts';
import { proxyOf } from '../proxy/of.ts';
import { Watch } from '../watch.ts';
import type { Staged } from './stage.ts';

interface Watching {
  ctx: TaskContext;
  env: EnvName;
  driver: Driver;
  staged: Step<Staged>;
}

/** A version that is well when it is asked, and not for long or not for all: found out while the one before is warm. */
export function watchSteps(watching: Watching): Step[] {
  const { ctx, env } = watching;
  const { seconds, environments } = releaseConfig(ctx.config).watch;
  const watched = environments?.includes(env) ?? environmentSettings(ctx.config, env).serves === 'customers';
  if (seconds === 0 || !watched) return [];
  return [
    defineStep({
      name: 'watch',
      async run(step) {
        const watch = watchOf(watching, step);
        const began = performance.now();
        await watch.during((signal) => sleep(seconds * 1_000, undefined, { signal }), {
          signal: step.signal,
          onLook: ({ requests, failed }) =>
            step.detail(
              `${Math.round((performance.now() - began) / 1_000)} of ${seconds} s, ${failed} of ${requests} requests failed`,
            ),
        });
        watch.refuseSlow();
        const { requests, failed, meanMs = null } = watch.answered;
        return { requests, failed, meanMs };
      },
    }),
  ];
}

/** Beside a gate, which looks for longer: what metrics do not tell, or not yet, ends it. */
export function besideWatch(watching: Watching): Beside {
  const { seconds } = releaseConfig(watching.ctx.config).watch;
  if (seconds === 0) return (step, work) => work(step.signal);
  return (step, work) => watchOf(watching, step).during(work, { signal: step.signal });
}

export type Beside = <T>(step: StepContext, work: (signal: AbortSignal) => Promise<T>) => Promise<T>;

function watchOf({ ctx, env, driver, staged }: Watching, { results }: StepContext): Watch {
  const environment = ctx.environmentOf(env);
  const proxy = proxyOf(ctx.config, environment);
  return new Watch(ctx.config, environment, { driver, proxy, turn: results.of(staged) });
}
