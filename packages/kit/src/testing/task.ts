import { toOpsError } from '../errors.ts';
import type { Hint } from '../hint.ts';
import { readRuns } from '../journal/read.ts';
import { shownJson } from '../output/shown.ts';
import { takeNotices } from '../state/notices.ts';
import { isPlanned } from '../steps/plan.ts';
import { parseTaskArgs } from '../task/args.ts';
import { newRunId } from '../task/change.ts';
import { executeTask } from '../task/execute.ts';
import {
  type Ending,
  exitCodeOf,
  toJson,
  type WordedError,
  type WordedOutcome,
  wordedError,
  wordedOutcome,
} from '../task/present.ts';
import { type Typing, typed } from '../task/typed.ts';
import type { AnyTask, Outcome } from '../task/types.ts';
import { findTask, knowsFlag } from '../task/wired.ts';
import { silentOutput } from './output.ts';

/**
 * `--plan` prints the very steps that will run. Each run keeps what it would have printed; every run of every test is compared with
 * what it then did.
 */
export function refuseUnplanned(root: string): void {
  for (const { task, start, steps } of readRuns(root)) {
    const planned = start.steps;
    if (!planned) continue;
    const untold = [...steps.keys()].filter((step) => !isPlanned(planned, step));
    if (untold.length > 0) throw new Error(`${task} took steps that its plan does not tell: ${untold.join(', ')}`);
  }
}

/** Runs a whole task on a product, in this process, the way that `main` takes: arguments, config, guard, lock, plan, journal, steps, audit. */
export async function runTaskForTest(
  task: AnyTask,
  root: string,
  argv: string[],
): Promise<{ outcome?: WordedOutcome; error?: WordedError; said: string[] }> {
  const { ending, said } = await perform(task, root, argv, { shell: { DRYDOCK_ACTOR: 'test' }, interactive: true });
  const say = (hint: Hint) => typed(hint, ending.typing);
  return {
    ...(ending.outcome ? { outcome: wordedOutcome(ending.outcome, say) } : {}),
    ...(ending.error ? { error: wordedError(ending.error, say) } : {}),
    said,
  };
}

/**
 * What a process of the task would answer with `--json`, without starting one: the object, the exit code, and on `stderr` what else was
 * said. For what needs no process of its own (signals, memory, programs named in the environment).
 */
export async function askTask(
  root: string,
  name: string,
  argv: string[],
  shell: NodeJS.ProcessEnv = {},
  // biome-ignore lint/suspicious/noExplicitAny: what a task prints is its own.
): Promise<any> {
  const said = argv.includes('--env') || !knowsFlag(name, '--env') ? [] : ['--env', 'staging'];
  const task = await findTask(name);
  if (!task) throw new Error(`There is no task ${name}.`);
  const { ending, said: stderr } = await perform(task, root, [...said, ...argv], { shell, interactive: false });
  return { code: exitCodeOf(ending), stderr: stderr.join('\n'), ...JSON.parse(shownJson(toJson(ending))) };
}

async function perform(
  task: AnyTask,
  root: string,
  argv: string[],
  { shell, interactive }: { shell: NodeJS.ProcessEnv; interactive: boolean },
): Promise<{ ending: Ending; said: string[] }> {
  const out = silentOutput();
  const controller = new AbortController();
  const typing: Typing = { door: 'npm' };
  const ending: Ending = { task: task.name, env: '', run: newRunId(), startedAt: new Date(), typing };
  const execute = async (one: AnyTask, args: string[]): Promise<Outcome> => {
    const parsed = parseTaskArgs(one, args);
    return executeTask(one, parsed, {
      run: ending.run,
      argv: args,
      cwd: root,
      shell,
      out,
      signal: controller.signal,
      abort: (reason) => controller.abort(reason),
      emit: (data) => out.line(JSON.stringify(data)),
      onEnvironment: (env) => {
        ending.env = env;
      },
      typing,
      interactive,
      handOver: (next, nextArgs) => {
        ending.run = newRunId();
        return execute(next, nextArgs);
      },
    });
  };
  try {
    ending.outcome = await execute(task, argv);
  } catch (thrown) {
    ending.error = toOpsError(thrown);
  } finally {
    refuseUnplanned(root);
    out.said.push(...takeNotices((hint) => typed(hint, typing)));
  }
  return { ending, said: out.said };
}

/** The hint of an error or a finding as it would be read: `npm run …`, of no environment. */
export function hintOf(of: { hint?: Hint | undefined } | undefined): string {
  return typed(of?.hint ?? '');
}
