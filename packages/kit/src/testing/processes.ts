import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { knowsFlag, taskFile } from '../task/wired.ts';
import { refuseUnplanned } from './task.ts';

const COMPILED = join(import.meta.dirname, '../../../../node_modules/.cache/drydock-tests');

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface JournalLine {
  event: string;
  step?: string;
  data?: Record<string, unknown>;
}

/** Tasks by their names, as processes on a product, as a person or CI runs them. */
export interface TaskProcesses {
  root: string;
  /** `--env staging` unless `args` say otherwise. */
  start(task: string, ...args: string[]): ChildProcess;
  run(task: string, ...args: string[]): Promise<Ended>;
  /** With `--json`: the one object on stdout, and the exit code. */
  // biome-ignore lint/suspicious/noExplicitAny: what a task prints is its own.
  ask(task: string, ...args: string[]): Promise<any>;
  /** Lines of the newest run's journal. */
  journal(): JournalLine[];
  /** Kills the task (SIGKILL) as soon as its journal has this many lines. False if it ended before. */
  killAt(lines: number, task: string, ...args: string[]): Promise<boolean>;
}

/** What a run of the tests is to use instead of the machine's own (scripts/check/versions.ts). */
const PROGRAM = /^(PG_DUMP|PG_DUMPALL|PG_RESTORE|POSTGRES|INITDB)_PATH$/;

/**
 * The environment of a process that is to know nothing of ours. Half of a start is compiling: what was compiled is kept
 * with the checkout, as the runner of the tests does.
 */
export function bareEnvironment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR, NODE_COMPILE_CACHE = COMPILED } = process.env;
  const programs = Object.fromEntries(Object.entries(process.env).filter(([name]) => PROGRAM.test(name)));
  return { PATH, HOME, TMPDIR, NODE_COMPILE_CACHE, ...programs, ...more };
}

/** Every wait of a task has a bound, and no test waits for more than a few of them. */
const ENDS_WITHIN_MS = 180_000;

/** `through`: a program that runs another, and its arguments (system-calls.ts). */
export function taskProcesses(
  root: string,
  env: NodeJS.ProcessEnv = {},
  through: readonly string[] = [],
): TaskProcesses {
  const start = (task: string, ...args: string[]): ChildProcess => {
    const said = args.includes('--env') || !knowsFlag(task, '--env') ? [] : ['--env', 'staging'];
    const [program = '', ...words] = [...through, process.execPath, taskFile(task), ...said, ...args];
    return spawn(program, words, { cwd: root, env: bareEnvironment({ CI: 'true', ...env }) });
  };
  const run = async (task: string, ...args: string[]): Promise<Ended> => {
    const child = start(task, ...args);
    const said = { stdout: '', stderr: '' };
    child.stdout?.on('data', (chunk) => (said.stdout += chunk));
    child.stderr?.on('data', (chunk) => (said.stderr += chunk));
    let hangs: string | undefined;
    const timer = setTimeout(() => {
      hangs = stateOf(child);
      child.kill('SIGKILL');
      child.stdout?.destroy();
      child.stderr?.destroy();
    }, ENDS_WITHIN_MS);
    const [code] = (await once(child, 'close')) as [number | null];
    clearTimeout(timer);
    if (hangs)
      throw new Error(`${task} did not end within ${ENDS_WITHIN_MS / 1_000} s: ${hangs}\n${said.stdout}${said.stderr}`);
    refuseUnplanned(root);
    return { code, ...said };
  };
  const journal = () => readJournal(root);
  return {
    root,
    start,
    run,
    journal,
    async ask(task, ...args) {
      const { code, stdout, stderr } = await run(task, '--json', ...args);
      if (!stdout.trim()) throw new Error(`${task} printed no object: ${stderr}`);
      return { code, stderr, ...JSON.parse(stdout) };
    },
    async killAt(lines, task, ...args) {
      const child = start(task, ...args);
      child.stdout?.resume();
      child.stderr?.resume();
      const ended = once(child, 'close');
      while (child.exitCode === null && journal().length < lines) await new Promise((done) => setTimeout(done, 4));
      const killed = child.kill('SIGKILL');
      await ended;
      return killed;
    },
  };
}

/** What a process that hangs does, thread by thread (proc(5)). */
function stateOf({ pid, exitCode, signalCode }: ChildProcess): string {
  if (exitCode !== null || signalCode !== null)
    return 'it has ended, and something that it began still holds its output';
  const of = `/proc/${pid}/task`;
  if (!existsSync(of)) return 'it runs';
  const read = (...path: string[]) => readFileSync(join(of, ...path), 'utf8').trim();
  return readdirSync(of)
    .map((thread) => `${read(thread, 'comm')} in ${read(thread, 'wchan')}`)
    .join(', ');
}

function readJournal(root: string): JournalLine[] {
  const runs = join(root, '.drydock/runs');
  const newest = existsSync(runs) ? readdirSync(runs).sort().at(-1) : undefined;
  const file = newest ? join(runs, newest, 'journal.jsonl') : undefined;
  if (!file || !existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line));
}
