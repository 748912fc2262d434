import { usageError } from '../errors.ts';
import { readRun, readRuns } from '../journal/read.ts';
import type { RunState } from '../journal/state.ts';
import { giveUp } from '../task/change.ts';
import { flag } from '../task/flags.ts';
import { type AnyTask, defineReadTask, type Outcome, type ReadTask } from '../task/types.ts';

const FLAGS = {
  run: flag.text({ value: 'RUN', about: 'go on with this one' }),
  latest: flag.boolean({ about: 'go on with the one that was begun last' }),
  abandon: flag.text({ value: 'RUN', about: 'give this one up: it is marked as failed, nothing is undone' }),
  yes: flag.boolean({ about: 'passed on to the run' }),
  confirm: flag.text({ value: 'NAME', about: 'passed on to the run' }),
};

/** `find` gives the task of a name: kit knows none but its own. */
export function createResumeTask(find: (name: string) => Promise<AnyTask | undefined>): ReadTask<typeof FLAGS> {
  return defineReadTask({
    name: 'ops:resume',
    summary: 'Lists runs that did not end, goes on with one, or gives one up.',
    description: 'A run that goes on keeps its flags, its plan and its reason.',
    examples: [
      'npm run ops:resume',
      'npm run ops:resume -- --latest',
      'npm run ops:resume -- --run 01J…',
      'npm run ops:resume -- --abandon 01J…',
    ],
    perEnvironment: false,
    flags: FLAGS,
    async handsOver({ config, flags }) {
      if (flags.abandon || (!flags.run && !flags.latest)) return undefined;
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
    },
    async run({ config, flags, out }) {
      if (flags.abandon) return abandon(config.root, readRun(config.root, flags.abandon));
      const open = openOnes(config.root);
      if (open.length > 0) out.table(['run', 'task', 'env', 'started', 'last step', 'actor'], open.map(row));
      return {
        verdict:
          open.length === 0 ? 'No run is open.' : `${open.length} ${open.length === 1 ? 'run is' : 'runs are'} open.`,
        data: { open: open.map(({ run, task, env, startedAt }) => ({ run, task, env, startedAt })) },
        ...(open.length > 0 ? { next: `npm run ops:resume -- --run ${open.at(-1)?.run}` } : {}),
      };
    },
  });
}

const openOnes = (root: string) => readRuns(root).filter(({ status }) => status === 'open');

function argumentsOf(config: string, state: RunState, flags: { yes: boolean; confirm: string | undefined }): string[] {
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

function row({ run, task, env, startedAt, steps, start, damaged }: RunState): string[] {
  const last = [...steps.values()].at(-1);
  const at = damaged.length > 0 ? 'its journal is damaged' : last ? `${last.name} (${last.state})` : '';
  return [run, task, env, startedAt, at, start.actor];
}

function abandon(root: string, state: RunState): Outcome {
  if (state.status !== 'open')
    throw usageError('RUN_ENDED', `Run ${state.run} has ended (${state.status}); there is nothing to give up.`);
  giveUp(root, state, 'Given up by an operator.');
  return { verdict: `Run ${state.run} of ${state.task} is given up; nothing was undone.` };
}
