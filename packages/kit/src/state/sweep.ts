import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { readRunning } from '../process/table.ts';
import { entriesOf } from './file.ts';
import { stateFolder } from './folder.ts';

/** Folders of the state in which small files are written. */
const SMALL = new Set(['runs', 'outbox', 'audit', 'locks', 'processes', 'secrets']);

/** Another user's, told of when it was set aside. */
const SET_ASIDE = /\.set-aside/;

/** Takes away what killed processes were about to write into the state: it may be a secret, and nobody else would. */
export function sweepState(root: string): void {
  const top = stateFolder(root);
  sweepUnfinished(top);
  for (const entry of entriesOf(top)) if (entry.isDirectory() && SMALL.has(entry.name)) sweep(join(top, entry.name));
}

function sweep(folder: string): void {
  sweepUnfinished(folder);
  for (const entry of entriesOf(folder))
    if (entry.isDirectory() && !SET_ASIDE.test(entry.name)) sweep(join(folder, entry.name));
}

/** What lies in a folder since a run was killed before it was renamed; `of`: before it was renamed to that. */
export function sweepUnfinished(folder: string, of?: string): void {
  for (const entry of entriesOf(folder)) {
    const [, file, pid] = /^(.+)\.(\d+)\.new$/.exec(entry.name) ?? [];
    if (pid === undefined || (of !== undefined && file !== of) || !entry.isFile() || isRunning(Number(pid))) continue;
    rmSync(join(folder, entry.name), { force: true });
  }
}

/** One that was killed may wait for its parent for long: a signal would still reach it. */
function isRunning(pid: number): boolean {
  if (pid === process.pid) return false;
  if (process.platform === 'linux') return readRunning(pid) !== undefined;
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM';
  }
}
