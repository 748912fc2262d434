import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  closest,
  EXIT,
  loadTask,
  readWired,
  runTask,
  shownLine,
  TOOLKIT,
  toOpsError,
  typed,
  type WiredTask,
} from '@drydock/kit/cli';

/** `drydock <task> [flags]`: runs the task and ends the process with its exit code, or answers for itself. */
export async function drydock(argv: string[]): Promise<void> {
  const [word = 'help', ...rest] = argv;
  const tasks = readWired();
  const task = tasks.find(({ name }) => name === word);
  if (task) return start(task, rest);
  if (word === 'help' && rest[0]) return help(tasks, rest[0]);
  if (['help', '-h', '--help'].includes(word)) return print((await import('./help.ts')).listing(tasks));
  if (['--version', '-V', 'version'].includes(word)) return print(version());
  if (word === 'completion') return completion(tasks, rest[0]);
  refuse(`There is no task "${word}".`, meant(word, tasks));
}

async function help(tasks: WiredTask[], name: string): Promise<void> {
  const task = tasks.find((one) => one.name === name);
  if (!task) return refuse(`There is no task "${name}".`, meant(name, tasks));
  return start(task, ['--help']);
}

async function start(wired: WiredTask, argv: string[]): Promise<void> {
  const task = await loadTask(wired).catch(toOpsError);
  if (!(task instanceof Error)) return runTask(task, argv, 'drydock');
  refuse(task.message, typed(task.hint ?? ''));
}

async function completion(tasks: WiredTask[], shell: string | undefined): Promise<void> {
  const { completions, SHELLS } = await import('./completion.ts');
  const known = SHELLS.find((name) => name === shell);
  if (!known) return refuse(`Say for which shell: ${SHELLS.join(', ')}.`, 'drydock completion bash');
  return print(completions[known](tasks, await environments()));
}

/** Of the product in whose folder it is made; by itself the runbook's. */
async function environments(): Promise<readonly string[]> {
  const { loadConfig, RUNBOOK_ENVIRONMENTS } = await import('@drydock/kit/config');
  return loadConfig(undefined, process.cwd()).then(
    (config) => Object.keys(config.environments),
    () => RUNBOOK_ENVIRONMENTS,
  );
}

function meant(word: string, tasks: WiredTask[]): string {
  const names = tasks.map(({ name }) => name);
  const near = closest(word, names) ?? names.find((name) => name.split(':')[1] === word);
  return near ? `Did you mean ${near}? All of them: drydock help` : 'All of them: drydock help';
}

function version(): string {
  return (JSON.parse(readFileSync(join(TOOLKIT, 'package.json'), 'utf8')) as { version: string }).version;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function refuse(sentence: string, next: string): void {
  process.stderr.write(`✖ ${shownLine(sentence)}\n  ${next}\n`);
  process.exitCode = EXIT.usage;
}
