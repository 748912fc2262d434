import { toOpsError } from '../errors.ts';
import type { Hint } from '../hint.ts';
import { readRuns } from '../journal/read.ts';
import { takeNotices } from '../state/notices.ts';
import { isPlanned } from '../steps/plan.ts';
import { parseTaskArgs } from '../task/args.ts';
import { newRunId } from '../task/change.ts';
import { executeTask } from '../task/execute.ts';
import { type WordedError, type WordedOutcome, wordedError, wordedOutcome } from '../task/present.ts';
import { type Typing, typed } from '../task/typed.ts';
import type { AnyTask, Outcome } from '../task/types.ts';
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
  const out = silentOutput();
  const controller = new AbortController();
  const typing: Typing = { door: 'npm' };
  const say = (hint: Hint) => typed(hint, typing);
  const perform = async (one: AnyTask, args: string[]): Promise<Outcome> =>
    executeTask(one, parseTaskArgs(one, args), {
      run: newRunId(),
      argv: args,
      cwd: root,
      shell: { DRYDOCK_ACTOR: 'test' },
      out,
      signal: controller.signal,
      abort: (reason) => controller.abort(reason),
      emit: (data) => out.line(JSON.stringify(data)),
      onEnvironment: () => {},
      typing,
      interactive: true,
      handOver: perform,
    });
  try {
    return { outcome: wordedOutcome(await perform(task, argv), say), said: out.said };
  } catch (thrown) {
    return { error: wordedError(toOpsError(thrown), say), said: out.said };
  } finally {
    refuseUnplanned(root);
    out.said.push(...takeNotices(say));
  }
}

/** The hint of an error or a finding as it would be read: `npm run …`, of no environment. */
export function hintOf(of: { hint?: Hint | undefined } | undefined): string {
  return typed(of?.hint ?? '');
}
