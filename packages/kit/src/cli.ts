// The door for the `drydock` command: what it needs before it knows which task is meant, and nothing heavy.

export { closest } from './closest.ts';
export { EXIT, toOpsError } from './errors.ts';
export { shownLine } from './output/shown.ts';
export { flagsOf, kebab, parseTaskArgs } from './task/args.ts';
export { helpText } from './task/help.ts';
export { runTask } from './task/main.ts';
export { type Door, doorTo, typed } from './task/typed.ts';
export type { AnyTask } from './task/types.ts';
export { findTask, loadTask, readWired, taskFile, type WiredTask } from './task/wired.ts';
export { INSTALLED, TOOLKIT } from './toolkit.ts';
