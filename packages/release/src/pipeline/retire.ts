import { defineStep, type EnvName, environmentSettings, type Step, type TaskContext } from '@drydock/kit';
import { releaseConfig } from '../config.ts';
import type { Driver } from '../driver/types.ts';
import { withRecord } from '../record/record.ts';
import type { Staged } from './stage.ts';

/** Where customers are served the version before stays warm for a while: until then going back is a switch. Elsewhere it ends. */
export function retireSteps(ctx: TaskContext, env: EnvName, driver: Driver, staged: Step<Staged>): Step[] {
  const { bakeSeconds } = releaseConfig(ctx.config);
  if (bakeSeconds === 0 || environmentSettings(ctx.config, env).serves !== 'customers')
    return [retireStep(driver, staged)];
  return [
    defineStep({
      name: 'keep the version before warm',
      houseKeeping: true,
      async run({ run }) {
        const environment = ctx.environmentOf(env);
        await withRecord(ctx.config, environment, (record) => record.bakes(run, bakeSeconds));
        return { seconds: bakeSeconds };
      },
    }),
  ];
}

/** The last of all: nothing that follows could want it back. */
export function retireStep(driver: Driver, staged: Step<Staged>): Step {
  return defineStep({
    name: 'retire the version before',
    houseKeeping: true,
    async run({ results }) {
      const { previous } = results.of(staged);
      if (previous) await driver.retire(previous);
      return { retired: previous?.version ?? null };
    },
  });
}
