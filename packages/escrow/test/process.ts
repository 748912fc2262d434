import { join } from 'node:path';
import { taskProcesses } from '@drydock/kit/testing';

const SCRIPTS = join(import.meta.dirname, '../scripts');
const tasksOf = (root: string) => taskProcesses(root, SCRIPTS, { DRYDOCK_ACTOR: 'tester' });

/** Starts a task of this package in a product's folder, as a person would. */
export const startTask = (root: string, script: string, ...args: string[]) =>
  tasksOf(root).start(`${script}.ts`, ...args);

export const run = (root: string, script: string, ...args: string[]) => tasksOf(root).run(`${script}.ts`, ...args);

/** The one object on stdout, with the exit code. */
export const ask = (root: string, script: string, ...args: string[]) => tasksOf(root).ask(`${script}.ts`, ...args);

/** The lines of the newest run's journal. */
export const journalOf = (root: string) => tasksOf(root).journal();
