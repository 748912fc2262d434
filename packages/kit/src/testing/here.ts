import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { toOpsError } from '../errors.ts';
import { shownJson } from '../output/shown.ts';
import { createOutput } from '../output/terminal.ts';
import { parseTaskArgs } from '../task/args.ts';
import { newRunId } from '../task/change.ts';
import { executeTask } from '../task/execute.ts';
import { helpText } from '../task/help.ts';
import { type Ending, exitCodeOf } from '../task/present.ts';
import { tell } from '../task/tell.ts';
import { DOOR } from '../task/typed.ts';
import type { AnyTask, Outcome } from '../task/types.ts';
import { knowsFlag, taskFile } from '../task/wired.ts';
import { bareEnvironment, type Ended, type TaskProcesses, taskProcesses } from './processes.ts';
import { refuseUnplanned } from './task.ts';

/** Of each product as it was loaded: a process loads a config once. */
const configs = new Map<string, string>();
let busy = false;

/**
 * As taskProcesses, and what it says and ends with is the same; but what is only waited for runs in this process, which has loaded and
 * compiled everything already: most of a process' work is that. A process of its own is what is started to be disturbed, what runs beside
 * another one, what has a shell of its own, and what has a config that changed since.
 */
export function tasksHere(root: string, env: NodeJS.ProcessEnv = {}): TaskProcesses {
  const processes = taskProcesses(root, env);
  // The programs that it finds, its folder for temporary files: some is read where no task hands it on.
  if (Object.keys(env).length > 0) return processes;
  const run = async (task: string, ...args: string[]): Promise<Ended> => {
    if (busy || !isAsLoaded(root)) return processes.run(task, ...args);
    busy = true;
    try {
      const said = args.includes('--env') || !knowsFlag(task, '--env') ? [] : ['--env', 'staging'];
      const { default: definition } = (await import(pathToFileURL(taskFile(task)).href)) as { default: AnyTask };
      return await endHere(definition, [...said, ...args], root, bareEnvironment({ CI: 'true' }));
    } finally {
      busy = false;
      refuseUnplanned(root);
    }
  };
  return {
    ...processes,
    run,
    async ask(task, ...args) {
      const { code, stdout, stderr } = await run(task, '--json', ...args);
      if (!stdout.trim()) throw new Error(`${task} printed no object: ${stderr}`);
      return { code, stderr, ...JSON.parse(stdout) };
    },
  };
}

function isAsLoaded(root: string): boolean {
  const file = join(root, 'drydock.config.ts');
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const known = configs.get(root) ?? text;
  configs.set(root, known);
  return known === text;
}

/** What is written to it, as a pipe would have it. */
function keeping(): { stream: NodeJS.WriteStream; text(): string } {
  let text = '';
  const stream = new Writable({
    decodeStrings: false,
    write(more: string, _, done) {
      text += more;
      done();
    },
  });
  return { stream: stream as unknown as NodeJS.WriteStream, text: () => text };
}

/** The way of `runTask` (task/main.ts), without a process to guard and to end. */
async function endHere(task: AnyTask, argv: string[], cwd: string, shell: NodeJS.ProcessEnv): Promise<Ended> {
  const [stdout, stderr] = [keeping(), keeping()];
  const ending: Ending = { task: task.name, env: '', run: newRunId(), startedAt: new Date(), typing: { door: DOOR } };
  const wantsJson = argv.includes('--json');
  let out = createOutput((wantsJson ? stderr : stdout).stream, { draws: false });
  const controller = new AbortController();
  let handedOver: Ended | undefined;
  const handOver = async (next: AnyTask, args: string[]): Promise<Outcome> => {
    handedOver = await endHere(next, args, cwd, shell);
    throw new Error('Another task has run instead.');
  };
  try {
    const args = parseTaskArgs(task, argv);
    if (args.common.help) {
      out.lines(helpText(task, DOOR, undefined));
      return { code: 0, stdout: stdout.text(), stderr: stderr.text() };
    }
    if (task.writesDocument?.(args.own as never)) out = createOutput(stderr.stream);
    const { env, config } = args.common;
    Object.assign(ending.typing, { env: task.perEnvironment === false ? undefined : env, config });
    ending.outcome = await executeTask(task, args, {
      ...{ run: ending.run, argv, cwd, shell, out, signal: controller.signal, typing: ending.typing, handOver },
      abort: (reason) => controller.abort(reason),
      emit: (data) => void stdout.stream.write(`${shownJson(data)}\n`),
      interactive: false,
      onEnvironment: (name) => {
        ending.env = name;
      },
    });
  } catch (thrown) {
    if (handedOver) return handedOver;
    ending.error = toOpsError(thrown);
  }
  tell(task, ending, { out, wantsJson, stdout: stdout.stream });
  return { code: exitCodeOf(ending), stdout: stdout.text(), stderr: stderr.text() };
}
