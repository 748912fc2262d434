// The door for the `drydock` command: what it needs before it knows which task is meant, and nothing heavy.
export { EXIT } from './errors.ts';
export { flagsOf, kebab } from './task/args.ts';
export { closest } from './task/closest.ts';
export { helpText } from './task/help.ts';
export { runTask } from './task/main.ts';
export type { AnyTask } from './task/types.ts';
export { loadTask, readWired, TOOLKIT, taskFile, type WiredTask } from './task/wired.ts';
