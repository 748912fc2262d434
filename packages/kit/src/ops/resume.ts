import type { EnvName } from '../config/schema.ts';
import { type OpsError, usageError } from '../errors.ts';
import { command, hint } from '../hint.ts';
import { copyInto } from '../journal/copy.ts';
import { isRunId } from '../journal/file-journal.ts';
import { joinRuns } from '../journal/join.ts';
import { refuseAnothers } from '../journal/own.ts';
import { readJournal, readRun, readRunIfAny, unknownRun } from '../journal/read.ts';
import type { RunState } from '../journal/state.ts';
import { acquireEnvironmentLock } from '../lock/environment.ts';
import { environmentsOfRun, giveUp, isAtWork, tellNow } from '../task/left.ts';
import type { AnyTask, Outcome, TaskContext } from '../task/types.ts';
import { findElsewhere, type OpenRun, openEverywhere } from './everywhere.ts';

type Asking = Pick<TaskContext, 'config' | 'environmentOf'>;

interface Resuming {
  run: string | undefined;
  yes: boolean;
  confirm: string | undefined;
}

/** The task of the run, or of the one begun last, and its command line; wherever the run was begun. `find` gives the task of a name. */
export async function resumption(
  ctx: Asking,
  flags: Resuming,
  find: (name: string) => Promise<AnyTask | undefined>,
): Promise<{ task: AnyTask; argv: string[] }> {
  const state = flags.run ? await stateOf(ctx, flags.run) : await latest(ctx);
  if (!state) throw usageError('NOTHING_TO_RESUME', 'No run is open.');
  refuseAnothers(ctx.config, state);
  const task = await find(state.task);
  if (!task)
    throw usageError(
      'TASK_UNKNOWN',
      `Run ${state.run} is of ${state.task}, which this toolkit does not have.`,
      hint`Go on with it where it was begun, or give it up: ${command('ops:resume', { abandon: state.run })}`,
    );
  return { task, argv: argumentsOf(ctx.config.file, state, flags) };
}

async function stateOf(ctx: Asking, run: string): Promise<RunState> {
  const ours = isRunId(run) ? readRunIfAny(ctx.config.root, run) : undefined;
  if (ours) return ours;
  const { found, unseen } = await findElsewhere(ctx, run);
  if (!found) throw unknownRun(run, unseen);
  if (found.state) return found.state;
  throw ended(run, found.head.task, found.head.status);
}

async function latest(ctx: Asking): Promise<RunState | undefined> {
  const { open } = await openEverywhere(ctx);
  return open.findLast(({ atWork }) => !atWork)?.state;
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
export function row({ state, here, atWork }: OpenRun): string[] {
  const { run, task, env, startedAt, steps, start, process, damaged } = state;
  const last = [...steps.values()].at(-1);
  const at = damaged.length > 0 ? 'its journal is damaged' : last ? `${last.name} (${last.state})` : '';
  const where = atWork
    ? `at work: ${atWork}`
    : here
      ? 'here'
      : `${process.host ?? start.host ?? 'another host'}, another checkout`;
  return [run, task, env, startedAt, at, start.actor, where];
}

/** Marks a run as failed, for every checkout; nothing of it is undone. */
export async function abandon(ctx: TaskContext, run: string): Promise<Outcome> {
  const { config, environmentOf, out } = ctx;
  const ours = isRunId(run) ? readRunIfAny(config.root, run) : undefined;
  if (ours) refuseAnothers(config, ours, 'abandon');
  if (ours) refuseEnded(ours);
  if (ours && isAtWork(ours))
    throw usageError(
      'RUN_AT_WORK',
      `Run ${ours.run} of ${ours.task} is at work, in process ${ours.process.pid}.`,
      `Stop it first, with Ctrl-C or: kill ${ours.process.pid}`,
    );
  const { found, unseen } = await findElsewhere(ctx, run);
  if (!ours && !found) throw unknownRun(run, unseen);
  if (found && found.head.status !== 'open' && !ours) throw ended(run, found.head.task, found.head.status);
  if (found?.state) refuseAnothers(config, found.state, 'abandon');
  const state = found ? await giveUpForAll(ctx, found.env, run) : ours;
  if (!state) throw unknownRun(run, unseen);
  if (!found) await giveUp(config, state, WHY);
  for (const text of await tellNow(config, environmentsOfRun(state), environmentOf)) out.warn(text);
  return { verdict: `Run ${state.run} of ${state.task} is given up; nothing was undone.` };
}

const WHY = 'Given up by an operator.';

/** Under the lock of its environment: whoever is at work on it has that. */
async function giveUpForAll(
  { config, environmentOf, run: own }: TaskContext,
  env: EnvName,
  run: string,
): Promise<RunState> {
  const holder = { task: 'ops:resume', run: own, reason: `gives up run ${run}` };
  const lock = await acquireEnvironmentLock(environmentOf(env), { config, ...holder });
  try {
    const client = lock.session?.();
    if (client) await joinRuns(client, config.root, env, run);
    const state = readRun(config.root, run);
    refuseEnded(state);
    const copy = copyInto(
      () => lock.session?.(),
      () => readJournal(config.root, run)?.entries ?? [],
    );
    await giveUp(config, state, WHY, copy);
    return state;
  } finally {
    await lock.release();
  }
}

function refuseEnded({ run, task, status }: RunState): void {
  if (status !== 'open') throw ended(run, task, status);
}

function ended(run: string, task: string, status: string): OpsError {
  return usageError('RUN_ENDED', `Run ${run} of ${task} has ended (${status}); there is nothing to give up.`);
}
