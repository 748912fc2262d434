import { OpsError, usageError } from '../errors.ts';
import { command, hint } from '../hint.ts';
import { refuseAnothers } from '../journal/own.ts';
import { newestRun, openRuns, readRun, refuseDamaged } from '../journal/read.ts';
import type { RunState } from '../journal/state.ts';
import { formatDuration } from '../output/terminal.ts';
import { anotherConfig } from '../state/owner.ts';
import { asksToResume, type CommonValues } from './args.ts';
import { ABANDONED, giveUp } from './left.ts';
import { planRun, type RunPlan } from './plan.ts';
import { isInteractive } from './prompt.ts';
import type { AnyChangeTask, TaskContext } from './types.ts';

/** What a run is about to do: begin by a plan, or go on with a run that did not end. `stands`: nobody has asked for that yet. */
export type Next = { planned: RunPlan } | { state: RunState; stands: boolean };

interface Asked {
  task: AnyChangeTask;
  ctx: TaskContext;
  common: Pick<CommonValues, 'resume'>;
}

/**
 * Looked up under the lock, and again when somebody has answered. `goOn`: the run that they said to go on with; `left`: those that the
 * environment's database has as open.
 */
export async function whatNext(asked: Asked, goOn: string | undefined, left: ReadonlySet<string>): Promise<Next> {
  const found = await runToResume(asked, goOn, left);
  return found ?? { planned: await planRun(asked.task, asked.ctx) };
}

/** The same text, the same thing to do: what was agreed to still holds. */
export function substance(next: Next): string {
  if ('state' in next) return next.state.run;
  const { lines, steps } = next.planned;
  return JSON.stringify({ lines, steps });
}

/** The run that `--resume` names, or the unfinished one that stands in the way of a new one. */
async function runToResume(
  { task, ctx, common }: Asked,
  goOn: string | undefined,
  left: ReadonlySet<string>,
): Promise<Exclude<Next, { planned: RunPlan }> | undefined> {
  const { config } = ctx;
  const { root } = config;
  const named = goOn ?? (common.resume === 'latest' || common.resume === 'any' ? undefined : common.resume);
  if (named) return { state: checkedRun(task, ctx, readRun(root, named)), stands: false };
  // What another config of the folder has begun stands in nobody's way here, unless it was begun on this very database.
  const others = (state: RunState) => anotherConfig(config, state.process);
  const open = openRuns(root, task.name, ctx.env)
    .filter((state) => !others(state) || left.has(state.run))
    .at(-1);
  if (open) refuseDamaged(root, open);
  if (common.resume) {
    if (open) refuseAnothers(config, open);
    if (open) return { state: open, stands: false };
    if (!asksToResume(common)) return undefined;
    const failed = task.resumesFailed && newestRun(root, task.name, ctx.env, (state) => !others(state));
    if (failed && failed.status === 'failed' && failed.lastError !== ABANDONED)
      return { state: checkedRun(task, ctx, failed), stands: false };
    throw usageError(
      'NOTHING_TO_RESUME',
      `No run of ${task.name} on ${ctx.env} is unfinished.`,
      hint`Start one: ${command(task.name)}`,
    );
  }
  if (!open) return undefined;
  if (others(open)) throw unfinished(open, others(open));
  if (task.restartable) {
    await giveUp(ctx.config, open, 'A new run took its place.');
    return undefined;
  }
  if (isInteractive()) return { state: open, stands: true };
  throw unfinished(open);
}

/** `config`: the file of the other config that it was begun with. */
export function unfinished({ run, task, env, startedAt, process }: RunState, config?: string): OpsError {
  const by = config && ` It was begun with ${process.config}.`;
  return new OpsError({
    code: 'UNFINISHED_RUN',
    message: `Run ${run} of ${task} on ${env}, started ${startedAt}, did not end.${by ?? ''}`,
    hint: hint`Go on with it: ${command(task, { resume: run, config })}   Or give it up: ${command('ops:resume', { abandon: run, config })}`,
  });
}

/** Whose it is, how far it came and why: for the one who is asked whether it goes on. */
export function describeOpen({ run, task, env, startedAt, steps, start }: RunState): string {
  const last = [...steps.values()].at(-1);
  const age = formatDuration(Math.max(0, Date.now() - Date.parse(startedAt)));
  return [
    `Run ${run} of ${task}${env ? ` on ${env}` : ''} did not end: begun ${age} ago by ${start.actor}`,
    last ? `it came to "${last.name}" (${last.state})` : 'no step was begun',
    ...(start.reason ? [`because: ${start.reason}`] : []),
  ].join(', ');
}

function checkedRun(task: AnyChangeTask, ctx: TaskContext, state: RunState): RunState {
  refuseAnothers(ctx.config, state);
  if (state.task !== task.name || state.env !== ctx.env) {
    throw usageError(
      'RUN_OF_ANOTHER_TASK',
      `Run ${state.run} is ${state.task} on ${state.env}, not ${task.name} on ${ctx.env}.`,
      command('ops:resume', { run: state.run }),
    );
  }
  refuseDamaged(ctx.config.root, state);
  if (state.status === 'done')
    throw usageError('RUN_ENDED', `Run ${state.run} ended well; there is nothing to go on with.`);
  return state;
}
