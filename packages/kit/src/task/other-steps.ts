import { OpsError } from '../errors.ts';
import { command, hint } from '../hint.ts';
import type { RunState } from '../journal/state.ts';
import { stepOfOthers } from '../steps/same.ts';
import { nodesOf } from './plan.ts';
import type { AnyChangeTask, TaskContext } from './types.ts';

/**
 * A run is gone on with by the steps that it was begun with. Where the toolkit or its config has others by now, what was done cannot be
 * told apart from what was not: the run is refused (RUN_OF_OTHER_STEPS), and nothing is changed.
 */
export function refuseOtherSteps(
  task: AnyChangeTask,
  ctx: TaskContext,
  { run, start, steps, startedAt }: RunState,
): void {
  let stranger: string | undefined;
  try {
    stranger = stepOfOthers(nodesOf(task.steps(ctx, start.plan)), steps);
  } catch (cause) {
    // What it cannot read of a plan, a task stumbles over.
    if (!(cause instanceof TypeError)) throw cause;
    throw otherSteps(task, { run, startedAt }, 'its plan cannot be read by the toolkit of now', cause);
  }
  if (stranger !== undefined)
    throw otherSteps(
      task,
      { run, startedAt },
      `it came to "${stranger}", which has another place among those of now, or none`,
    );
}

function otherSteps(
  { name }: AnyChangeTask,
  { run, startedAt }: Pick<RunState, 'run' | 'startedAt'>,
  why: string,
  cause?: unknown,
): OpsError {
  return new OpsError({
    code: 'RUN_OF_OTHER_STEPS',
    message: `Run ${run} of ${name}, begun ${startedAt}, has other steps than the toolkit or its config of now: ${why}. Nothing was changed.`,
    hint: hint`Go on with it from a checkout of that time: ${command(name, { resume: run })}   Or look at what it did, and give it up: ${command('ops:resume', { abandon: run })}`,
    cause,
  });
}
