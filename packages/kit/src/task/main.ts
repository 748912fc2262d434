import { existsSync, realpathSync } from 'node:fs';
import { inspect } from 'node:util';
import { EXIT, OpsError, toOpsError } from '../errors.ts';
import { cancelStatements } from '../open-sessions.ts';
import { guardProcess } from '../output/guard-process.ts';
import { writeShown } from '../output/masked-stream.ts';
import type { Output } from '../output/output.ts';
import { surviveLostReader } from '../output/reader-gone.ts';
import { shownJson, shownLines } from '../output/shown.ts';
import { createOutput } from '../output/terminal.ts';
import { TOOLKIT } from '../toolkit.ts';
import { flagsOf, type ParsedArgs, parseTaskArgs } from './args.ts';
import { newRunId } from './change.ts';
import { executeTask } from './execute.ts';
import { helpText } from './help.ts';
import { listenForInterrupts } from './interrupt.ts';
import { prefixTo, whereTheyAre } from './prefix.ts';
import { type Ending, exitCodeOf } from './present.ts';
import { isInteractive } from './prompt.ts';
import { refuseSwallowedFlags } from './swallowed.ts';
import { isStopped, tell } from './tell.ts';
import { DOOR, type Door } from './typed.ts';
import type { AnyTask, Outcome } from './types.ts';
import { runsTask } from './wired.ts';

/**
 * What a task's file calls with its own `import.meta`: where that file was started, the task runs and ends the process with its
 * exit code; where it was imported (by the `drydock` command, which reads the task it exports), nothing happens.
 */
export async function main(task: AnyTask, file: Pick<ImportMeta, 'main' | 'filename'>): Promise<void> {
  if (!isStarted(file)) return;
  runsTask(file.filename, task);
  await runTask(task, process.argv.slice(2));
}

/** Node before 24.2 does not say. */
function isStarted({ main, filename }: Pick<ImportMeta, 'main' | 'filename'>): boolean {
  const [, started] = process.argv;
  return main ?? (started !== undefined && existsSync(started) && realpathSync(started) === filename);
}

/** Runs a task and ends the process with its exit code. `door` is how it was called: what it says to type next goes by the same. */
export async function runTask(task: AnyTask, argv: string[], door: Door = DOOR): Promise<never> {
  const prefix = prefixTo(TOOLKIT, task.name, process.env);
  const ending: Ending = { task: task.name, env: '', run: newRunId(), startedAt: new Date(), typing: { door, prefix } };
  const wantsJson = argv.includes('--json');
  let stream = wantsJson ? process.stderr : process.stdout;
  let out = createOutput(stream, { draws: !wantsJson });
  const end = async (): Promise<never> => {
    tell(task, ending, { out, wantsJson, stdout: process.stdout });
    return exit(exitCodeOf(ending));
  };
  guardProcess((thrown) => {
    // A second one, while the first is told, has nobody left to tell it.
    if (ending.crashed) process.exit(EXIT.failed);
    Object.assign(ending, { crashed: true, error: toOpsError(thrown) });
    explain(thrown);
    void end();
  });
  const reader = new AbortController();
  surviveLostReader(process.stdout, () => reader.abort());
  surviveLostReader(process.stderr);
  try {
    refuseSwallowedFlags(task.name, flagsOf(task), argv, process.env);
    const args = parseTaskArgs(task, argv);
    if (args.common.help) {
      out.lines(helpText(task, door, prefix));
      return await exit(EXIT.done);
    }
    if (task.writesDocument?.(args.own as never)) {
      stream = process.stderr;
      out = createOutput(stream);
    }
    // As it was typed, until the config tells which one is meant.
    const { env, config } = args.common;
    Object.assign(ending.typing, { env: task.perEnvironment === false ? undefined : env, config });
    ending.outcome = await inThisProcess(task, args, argv, ending, { out, reader: reader.signal });
  } catch (thrown) {
    ending.error = toOpsError(thrown);
    explain(thrown);
    if (isStopped(task, ending.error)) {
      delete ending.error;
      ending.outcome = { verdict: `${task.name} is stopped.`, mark: 'plain' };
    }
  }
  return end();
}

/** The stack, for whoever asks for it. */
function explain(thrown: unknown): void {
  if (process.env.DEBUG) for (const line of shownLines(inspect(thrown))) process.stderr.write(`  ${line}\n`);
}

/** The task in this process: its directory, its shell, its signals. */
async function inThisProcess(
  task: AnyTask,
  args: ParsedArgs,
  argv: string[],
  ending: Ending,
  { out, reader }: { out: Output; reader: AbortSignal },
): Promise<Outcome> {
  const endsItself = task.kind === 'read' && task.endsItself === true;
  const interrupts = listenForInterrupts(
    (text) => endsItself || (task.kind === 'read' && task.untilStopped) || out.warn(text),
  );
  const { controller } = interrupts;
  controller.signal.addEventListener('abort', () => void cancelStatements(), { once: true });
  if (task.kind === 'read' && task.streams) reader.addEventListener('abort', () => controller.abort(unread()));
  try {
    return await executeTask(task, args, {
      run: ending.run,
      argv,
      cwd:
        (args.common.config === undefined && whereTheyAre(TOOLKIT, ending.typing.prefix, process.env)) || process.cwd(),
      shell: process.env,
      out,
      signal: controller.signal,
      abort: (reason) => controller.abort(reason),
      emit: (data) => writeShown(process.stdout, `${shownJson(data)}\n`),
      typing: ending.typing,
      interactive: isInteractive(),
      onEnvironment: (env) => {
        ending.env = env;
      },
      handOver: (next, nextArgv) => {
        interrupts.stop();
        return runTask(next, nextArgv, ending.typing.door);
      },
    });
  } finally {
    interrupts.stop();
  }
}

/** What is told as it comes, line by line and without an end, is told to nobody any more. */
function unread(): OpsError {
  return new OpsError({ code: 'READER_GONE', message: 'Nobody reads this any more.', exit: EXIT.done });
}

async function exit(code: number): Promise<never> {
  // What a session of ours still runs would go on without us, and keep its locks.
  await cancelStatements('SIGKILL');
  // A pipe may still hold output; process.exit would cut it off.
  await Promise.all([process.stdout, process.stderr].map((stream) => new Promise((done) => stream.write('', done))));
  process.exit(code);
}
