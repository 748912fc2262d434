import { closeSync, fsyncSync, linkSync, lstatSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { besideOf, command, hint, isMissing, OpsError, renameDurably, sweepUnfinished, syncFolder } from '@drydock/kit';
import { refuseFile, refuseFolder } from './refuse-file.ts';

/** A file with secrets in it, as it was looked at. */
export interface Looked {
  readonly file: string;
  /** Undefined where there is none. */
  readonly bytes: Buffer | undefined;
}

/** One that is ours to write; refused otherwise (exit 2). What a killed run has left beside it is removed. */
export function lookAt(file: string): Looked {
  refuseFolder(dirname(file));
  sweepUnfinished(dirname(file), basename(file));
  refuseFile(file);
  return { file, bytes: bytesOf(file) };
}

/**
 * All of them or, until the first is in its place, none: each is written beside its file (0600) and read back by `check`, and then they take their
 * places one after the other. What somebody else has changed since it was looked at is not overwritten (FILE_CHANGED). Called again after a kill, it
 * ends what it began.
 */
export function replaceFiles(
  changes: readonly { looked: Looked; content: string | Uint8Array }[],
  check: (beside: string, file: string) => void = () => {},
): void {
  const besides = changes.map(({ looked, content }) => ({
    looked,
    content,
    beside: besideOf(looked.file),
  }));
  try {
    for (const { looked, content, beside } of besides) {
      attempt(looked.file, () => writeBeside(beside, content));
      check(beside, looked.file);
    }
    for (const { looked } of besides) refuseChanged(looked);
    for (const { looked, beside } of besides) attempt(looked.file, () => takePlace(looked, beside));
  } finally {
    for (const { beside } of besides) rmSync(beside, { force: true });
  }
}

function writeBeside(beside: string, content: string | Uint8Array): void {
  rmSync(beside, { force: true });
  const fd = openSync(beside, 'wx', 0o600);
  try {
    writeFileSync(fd, content);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function takePlace(looked: Looked, beside: string): void {
  refuseChanged(looked);
  if (looked.bytes) {
    renameDurably(beside, looked.file);
    return;
  }
  try {
    // Where there was none, one that has come meanwhile is not replaced.
    linkSync(beside, looked.file);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') throw changed(looked.file);
    throw cause;
  }
  rmSync(beside);
  syncFolder(dirname(looked.file));
}

function refuseChanged({ file, bytes }: Looked): void {
  const now = bytesOf(file);
  const same = bytes && now ? bytes.equals(now) : bytes === now;
  if (!same || lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink()) throw changed(file);
}

function bytesOf(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw cause;
  }
}

function changed(file: string): OpsError {
  return new OpsError({
    code: 'FILE_CHANGED',
    message: `Somebody else has changed ${file} since it was read; it is left as they wrote it.`,
    hint: 'Look at it, and run it again.',
  });
}

function attempt(file: string, write: () => void): void {
  try {
    write();
  } catch (cause) {
    if (cause instanceof OpsError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    const full = code === 'ENOSPC' || code === 'EDQUOT';
    throw new OpsError({
      code: full ? 'DISK_FULL' : 'FILE_NOT_WRITABLE',
      message: full
        ? `There is no room for ${file} (${code}); it is as it was.`
        : `${file} cannot be written (${code ?? (cause as Error).message}); it is as it was.`,
      hint: full ? hint`Make room, and run it again: ${command('ops:prune')}` : 'Mend the folder, and run it again.',
      cause,
    });
  }
}
