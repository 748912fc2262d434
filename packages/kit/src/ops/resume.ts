import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { EXIT, OpsError, usageError } from '../errors.ts';
import { readRun, readRuns } from '../journal/read.ts';
import type { RunState } from '../journal/state.ts';
import { giveUp } from '../task/change.ts';
import { flag } from '../task/flags.ts';
import { defineReadTask, type Outcome, type TaskContext } from '../task/types.ts';

const TOOLKIT = resolve(import.meta.dirname, '../../../..');

export const resumeTask = defineReadTask({
  name: 'ops:resume',
  summary: 'Lists runs that did not end, goes on with one, or gives one up.',
  description:
    'With one open run and no flag it goes on with that one. The run keeps its flags, its plan and its reason.',
  examples: ['npm run ops:resume', 'npm run ops:resume -- --run 01J…', 'npm run ops:resume -- --abandon 01J…'],
  perEnvironment: false,
  flags: {
    list: flag.boolean({ about: 'only list them' }),
    run: flag.text({ value: 'RUN', about: 'go on with this one' }),
    abandon: flag.text({ value: 'RUN', about: 'give this one up: it is marked as failed, nothing is undone' }),
    yes: flag.boolean({ about: 'passed on to the run' }),
    confirm: flag.text({ value: 'NAME', about: 'passed on to the run' }),
  },
  async run(ctx) {
    const { root } = ctx.config;
    if (ctx.flags.abandon) return abandon(root, readRun(root, ctx.flags.abandon));
    const open = readRuns(root).filter(({ status }) => status === 'open');
    const chosen = ctx.flags.run ? readRun(root, ctx.flags.run) : open.length === 1 ? open[0] : undefined;
    if (chosen && !ctx.flags.list) return goOn(ctx, chosen, ctx.flags);
    if (open.length > 0) ctx.out.table(['run', 'task', 'env', 'started', 'last step', 'actor'], open.map(row));
    return {
      verdict:
        open.length === 0 ? 'No run is open.' : `${open.length} ${open.length === 1 ? 'run is' : 'runs are'} open.`,
      data: { open: open.map(({ run, task, env, startedAt }) => ({ run, task, env, startedAt })) },
      ...(open.length > 0 ? { next: `npm run ops:resume -- --run ${open.at(-1)?.run}` } : {}),
    };
  },
});

function row({ run, task, env, startedAt, steps, start }: RunState): string[] {
  const last = [...steps.values()].at(-1);
  return [run, task, env, startedAt, last ? `${last.name} (${last.state})` : '', start.actor];
}

function abandon(root: string, state: RunState): Outcome {
  if (state.status !== 'open')
    throw usageError('RUN_ENDED', `Run ${state.run} has ended (${state.status}); there is nothing to give up.`);
  giveUp(root, state);
  return { verdict: `Run ${state.run} of ${state.task} is given up; nothing was undone.` };
}

/** Starts the run's own script again, on this terminal, and takes over its exit code. */
async function goOn(
  ctx: TaskContext,
  state: RunState,
  flags: { yes: boolean; confirm: string | undefined },
): Promise<Outcome> {
  const args = [
    '--config',
    ctx.config.file,
    ...(state.start.perEnvironment ? ['--env', state.env] : []),
    '--resume',
    state.run,
    ...(flags.yes ? ['--yes'] : []),
    ...(flags.confirm ? ['--confirm', flags.confirm] : []),
  ];
  const child = spawn(process.execPath, [join(TOOLKIT, state.start.script), ...args], {
    cwd: ctx.config.root,
    stdio: 'inherit',
  });
  const code = await new Promise<number | null>((done, fail) => child.once('error', fail).once('exit', done));
  if (code === 0) return { verdict: `Run ${state.run} of ${state.task} has ended well.` };
  throw new OpsError({
    code: 'RESUMED_RUN_FAILED',
    message: `Run ${state.run} of ${state.task} ended with exit code ${code ?? 'of a signal'}.`,
    exit: exits.includes(code as never) ? (code as (typeof exits)[number]) : EXIT.failed,
  });
}

const exits = Object.values(EXIT);
