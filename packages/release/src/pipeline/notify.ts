import { defineStep, type Step, type TaskContext } from '@drydock/kit';
import { notifies, notify } from '../notify.ts';

/** The last of all. That nobody could be told is said, and fails nothing. */
export function notifySteps(ctx: TaskContext, says: () => Promise<string>): Step[] {
  const { config, environment } = ctx;
  if (!notifies(config, environment, ctx.flags.notify === true)) return [];
  return [
    defineStep({
      name: 'notify',
      houseKeeping: true,
      async run({ out }) {
        const why = await notify(config, environment, `${config.product}: ${await says()} (${ctx.actor})`);
        if (why) out.warn(`Nobody was told: ${why}.`);
        return { told: why === undefined };
      },
    }),
  ];
}

/** Of a run that did not come to its end; what stands now is known by then. */
export async function notifyFailure(ctx: TaskContext, says: string): Promise<void> {
  const { config, environment, task, run, actor } = ctx;
  if (!notifies(config, environment, ctx.flags.notify === true)) return;
  const why = await notify(
    config,
    environment,
    `${config.product}: ${task} did not come to its end (run ${run}, ${actor}). ${says}`,
  );
  if (why) ctx.out.warn(`Nobody was told: ${why}.`);
}
