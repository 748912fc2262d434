import { usageError } from '../errors.ts';
import { command, hint } from '../hint.ts';
import { openRuns, readRun } from '../journal/read.ts';
import type { RunState } from '../journal/state.ts';
import { environmentsOfRun, giveUp, isAtWork, tellNow } from '../task/left.ts';
import type { AnyTask, Outcome, TaskContext } from '../task/types.ts';

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
  const state = flags.run ? readRun(config.root, flags.run) : openRuns(config.root).at(-1);
  if (!state) throw usageError('NOTHING_TO_RESUME', 'No run is open.');
  const task = await find(state.task);
  if (!task)
    throw usageError(
      'TASK_UNKNOWN',
      `Run ${state.run} is of ${state.task}, which this toolkit does not have.`,
      hint`Go on with it where it was begun, or give it up: ${command('ops:resume', { abandon: state.run })}`,
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
export async function abandon(
  { config, environmentOf, out }: Pick<TaskContext, 'config' | 'environmentOf' | 'out'>,
  run: string,
): Promise<Outcome> {
  const state = readRun(config.root, run);
  if (state.status !== 'open')
    throw usageError('RUN_ENDED', `Run ${state.run} has ended (${state.status}); there is nothing to give up.`);
  if (isAtWork(state))
    throw usageError(
      'RUN_AT_WORK',
      `Run ${state.run} of ${state.task} is at work, in process ${state.process.pid}.`,
      `Stop it first, with Ctrl-C or: kill ${state.process.pid}`,
    );
  await giveUp(config, state, 'Given up by an operator.');
  for (const text of await tellNow(config, environmentsOfRun(state), environmentOf)) out.warn(text);
  return { verdict: `Run ${state.run} of ${state.task} is given up; nothing was undone.` };
}
