import { usageError } from '../errors.ts';
import { readRun, readRuns } from '../journal/read.ts';
import type { RunState } from '../journal/state.ts';
import { giveUp } from '../task/change.ts';
import type { AnyTask, Outcome } from '../task/types.ts';

/** Runs that did not end, oldest first. */
export const openOnes = (root: string) => readRuns(root).filter(({ status }) => status === 'open');

interface Resuming {
  run: string | undefined;
  yes: boolean;
  confirm: string | undefined;
}

/** The task of the run, or of the one begun last, and its command line. `find` gives the task of a name. */
export async function resumption(
  config: { root: string; file: string },
  flags: Resuming,
  find: (name: string) => Promise<AnyTask | undefined>,
): Promise<{ task: AnyTask; argv: string[] }> {
  const state = flags.run ? readRun(config.root, flags.run) : openOnes(config.root).at(-1);
  if (!state) throw usageError('NOTHING_TO_RESUME', 'No run is open.');
  const task = await find(state.task);
  if (!task)
    throw usageError(
      'TASK_UNKNOWN',
      `Run ${state.run} is of ${state.task}, which this toolkit does not have.`,
      `Go on with it where it was begun, or give it up: npm run ops:resume -- --abandon ${state.run}`,
    );
  return { task, argv: argumentsOf(config.file, state, flags) };
}

function argumentsOf(config: string, state: RunState, flags: Resuming): string[] {
  return [
    '--config',
    config,
    ...(state.start.perEnvironment ? ['--env', state.env] : []),
    '--resume',
    state.run,
    ...(flags.yes ? ['--yes'] : []),
    ...(flags.confirm ? ['--confirm', flags.confirm] : []),
  ];
}

/** One of them, as the list shows it. */
export function row({ run, task, env, startedAt, steps, start, damaged }: RunState): string[] {
  const last = [...steps.values()].at(-1);
  const at = damaged.length > 0 ? 'its journal is damaged' : last ? `${last.name} (${last.state})` : '';
  return [run, task, env, startedAt, at, start.actor];
}

/** Marks a run as failed; nothing of it is undone. */
export function abandon(root: string, run: string): Outcome {
  const state = readRun(root, run);
  if (state.status !== 'open')
    throw usageError('RUN_ENDED', `Run ${state.run} has ended (${state.status}); there is nothing to give up.`);
  giveUp(root, state, 'Given up by an operator.');
  return { verdict: `Run ${state.run} of ${state.task} is given up; nothing was undone.` };
}
