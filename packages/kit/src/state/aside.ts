import { lstatSync, rmSync } from 'node:fs';
import { join, sep } from 'node:path';
import { syncFolder } from '../durable.ts';
import { entriesOf } from './file.ts';
import { statePath } from './folder.ts';

/** Folders of the state into which a task has put what it took from the checkout; the checkout's history has it as well. */
const ASIDE = ['squashed'];

/** What was put aside before that moment (ISO 8601): `squashed/NAME`. */
export function asideBefore(root: string, before: string): string[] {
  return ASIDE.flatMap((kind) =>
    entriesOf(statePath(root, kind))
      .filter((entry) => entry.isDirectory())
      .filter(({ name }) => lstatSync(statePath(root, kind, name)).mtime.toISOString() < before)
      .map(({ name }) => join(kind, name)),
  );
}

export function removeAside(root: string, names: readonly string[]): void {
  for (const name of names) {
    const folder = statePath(root, ...name.split(sep));
    rmSync(folder, { recursive: true, force: true });
    syncFolder(join(folder, '..'));
  }
}
