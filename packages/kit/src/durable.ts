import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/**
 * Writes a file so that a crash leaves the old one or the new one, whole: beside it, flushed, renamed, and the folder flushed
 * too (a rename is only safe once its folder is). The folder is made if it is missing, for its owner alone.
 */
export function writeDurably(file: string, content: string | Uint8Array, mode = 0o600): void {
  makeFolder(dirname(file));
  const beside = besideOf(file);
  try {
    // `wx`: what lies there under that name, a link for one, is not written through.
    rmSync(beside, { force: true });
    const fd = openSync(beside, 'wx', mode);
    try {
      writeFileSync(fd, content);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameDurably(beside, file);
  } catch (error) {
    rmSync(beside, { force: true });
    throw error;
  }
}

/** What is written before it takes the place of a file. Its name tells whose it is: what a killed process has left is swept (state/sweep.ts). */
export function besideOf(file: string): string {
  return `${file}.${process.pid}.new`;
}

/** Renames what is whole and flushed, or whose content is looked at before it is used. */
export function renameDurably(from: string, to: string): void {
  renameSync(from, to);
  syncFolder(dirname(to));
  if (dirname(from) !== dirname(to)) syncFolder(dirname(from));
}

/** Makes a folder and those above it, each for its owner alone (or as `mode` says), and their names safe. */
export function makeFolder(folder: string, mode = 0o700): void {
  const first = makeAll(folder, mode);
  if (first === undefined) return;
  const above = dirname(resolve(first));
  for (let made = dirname(resolve(folder)); made.length >= above.length; made = dirname(made)) {
    syncFolder(made);
    if (made === above) break;
  }
}

/** The uppermost that was made. */
function makeAll(folder: string, mode: number): string | undefined {
  const make = () => mkdirSync(folder, { recursive: true, mode });
  try {
    return make();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    // So Node says of a read-only disk as well; of a single folder it says why.
    let first = resolve(folder);
    while (!existsSync(dirname(first))) first = dirname(first);
    mkdirSync(first, { mode });
    make();
    return first;
  }
}

/** A file that was made or renamed is only safe once its folder is flushed. */
export function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
