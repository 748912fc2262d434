import { taskProcesses } from '@drydock/kit/testing';

const tasksOf = (root: string) => taskProcesses(root, { DRYDOCK_ACTOR: 'tester' });

/** Starts a task of this package in a product's folder, as a person would. */
export const startTask = (root: string, task: string, ...args: string[]) =>
  tasksOf(root).start(`escrow:${task}`, ...args);

export const run = (root: string, task: string, ...args: string[]) => tasksOf(root).run(`escrow:${task}`, ...args);

/** The one object on stdout, with the exit code. */
export const ask = (root: string, task: string, ...args: string[]) => tasksOf(root).ask(`escrow:${task}`, ...args);

/** The lines of the newest run's journal. */
export const journalOf = (root: string) => tasksOf(root).journal();
