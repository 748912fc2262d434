import { existsSync, rmSync } from 'node:fs';
import { makeStateFolder, statePath, writeDurably } from '@drydock/kit';

// A sandbox is ended by whoever began it: one that a person brought up is theirs, also where something else repaired it.

const mark = (root: string) => statePath(root, 'started-by-npm-start');

/** By a run that will end it; kept on disk for the run that goes on after a kill. */
export function beganForARun(root: string): void {
  makeStateFolder(root);
  writeDurably(mark(root), '');
}

export function isARuns(root: string): boolean {
  return existsSync(mark(root));
}

/** From now on it is a person's to end. */
export function handOverToPerson(root: string): void {
  rmSync(mark(root), { force: true });
}
