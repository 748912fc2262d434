import {
  currentHost,
  defineStep,
  OpsError,
  type Step,
  type StepContext,
  type TaskContext,
  toOpsError,
} from '@drydock/kit';
import type { Deployment, Driver } from '../driver/types.ts';
import { withRecord } from '../record/record.ts';
import type { Release } from '../record/types.ts';
import { wentBackUnwritten } from '../record/unwritten.ts';
import type { Staged } from './stage.ts';

/** What the record is told of a version that takes over, besides where it is. */
export type Known = Pick<Release, 'kind' | 'subject' | 'tag' | 'migrations' | 'backup'>;

interface Switch {
  ctx: TaskContext;
  env: string;
  driver: Driver;
  staged: Step<Staged>;
  knownOf(step: StepContext): Promise<Known>;
}

/** Traffic and record change together: a switch that cannot be written down is none. */
export function switchStep({ ctx, env, driver, staged, knownOf }: Switch): Step {
  const environment = ctx.environmentOf(env);
  const recorded = (run: string) =>
    withRecord(ctx.config, environment, async (record) => (await record.live())?.run === run);
  return defineStep({
    name: 'switch traffic',
    async check({ results, run }) {
      return (await driver.isLive(results.of(staged).instance)) && (await recorded(run)) ? null : undefined;
    },
    async run(step) {
      const { instance, previous } = step.results.of(staged);
      // Asked before: afterwards nothing may stand between the traffic and its record.
      const known = await knownOf(step);
      if (!(await driver.isLive(instance))) await driver.shift(instance);
      try {
        await withRecord(ctx.config, environment, async (record) => {
          // What went back before us never stood, also where that could not be written down then.
          const unwritten = await wentBackUnwritten(record, previous?.version);
          if (unwritten && unwritten.run !== step.run) await record.wentBack(unwritten.run);
          await record.wentLive({ ...wordsOf(ctx, step.run, instance), ...known, bakeUntil: null });
        });
      } catch (thrown) {
        throw await takenBack(driver, instance, previous, thrown);
      }
      return null;
    },
    async verify({ results }) {
      if (await driver.isLive(results.of(staged).instance)) return;
      throw new OpsError({ code: 'NOT_LIVE', message: 'The proxy does not send traffic to the new version.' });
    },
    async undo({ results, run }) {
      const { instance, previous } = results.of(staged);
      if (previous) await goBack(driver, previous);
      else await driver.unshift(instance);
      await withRecord(ctx.config, environment, (record) => record.wentBack(run));
    },
  });
}

function wordsOf({ actor, reason }: TaskContext, run: string, { version, digest, commit }: Deployment) {
  return { run, version, digest, commit, actor, host: currentHost(), reason: reason ?? null };
}

/** What serves is kept: without the version before, the new one is better than none. */
async function goBack(driver: Driver, previous: Deployment): Promise<void> {
  if (!(await driver.isRunning(previous)))
    throw new OpsError({ code: 'NOTHING_TO_GO_BACK_TO', message: `version ${previous.version} does not run any more` });
  await driver.shift(previous);
}

async function takenBack(
  driver: Driver,
  instance: Deployment,
  previous: Deployment | null,
  thrown: unknown,
): Promise<OpsError> {
  const error = toOpsError(thrown);
  try {
    if (previous) await goBack(driver, previous);
    else await driver.unshift(instance);
    return error;
  } catch (left) {
    const { code, message, hint, exit } = error;
    const also = `${message} And traffic could not be sent back: ${toOpsError(left).message}`;
    return new OpsError({ code, message: also, hint, exit, cause: error });
  }
}
