import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { TOOLKIT } from '../toolkit.ts';
import type { AnyTask } from './types.ts';

/** A task as `npm run wire` writes it down: enough to list it, complete its flags and find its file. */
export interface WiredTask {
  name: string;
  /** Relative to the toolkit. */
  file: string;
  /** Of the runbook, e.g. `3 Migrations`. */
  section: string;
  summary: string;
  /** With the dashes. */
  flags: { name: string; values?: string[] }[];
}

/** tasks.json, which `npm run wire` writes from the task files. */
export function readWired(): WiredTask[] {
  return JSON.parse(readFileSync(join(TOOLKIT, 'tasks.json'), 'utf8')) as WiredTask[];
}

/** The task that a file exports. That of the file which is running: importing it would wait for its own end. */
export async function loadTask({ file }: Pick<WiredTask, 'file'>, toolkit = TOOLKIT): Promise<AnyTask> {
  const path = join(toolkit, file);
  if (path === running?.file) return running.task;
  const module = (await import(pathToFileURL(path).href)) as { default: AnyTask };
  return module.default;
}

let running: { file: string; task: AnyTask } | undefined;

/** A file says that it runs its task. */
export function runsTask(file: string, task: AnyTask): void {
  running = { file, task };
}

/** The file that runs the task of a name, for a process of its own. */
export function taskFile(name: string): string {
  const wired = readWired().find((task) => task.name === name);
  if (!wired) throw new Error(`tasks.json has no task ${name}.`);
  return join(TOOLKIT, wired.file);
}

/** Has the task this flag? Of a task that the toolkit does not list, a product's own: only --env, which nearly all have. */
export function knowsFlag(task: string, flag: string): boolean {
  flagsByTask ??= new Map(readWired().map(({ name, flags }) => [name, new Set(flags.map((one) => one.name))]));
  return (flagsByTask.get(task) ?? UNLISTED).has(flag);
}

let flagsByTask: Map<string, Set<string>> | undefined;
const UNLISTED = new Set(['--env']);

/** The task of a name; undefined if the toolkit has none of it. */
export async function findTask(name: string): Promise<AnyTask | undefined> {
  const wired = readWired().find((task) => task.name === name);
  return wired && loadTask(wired);
}
