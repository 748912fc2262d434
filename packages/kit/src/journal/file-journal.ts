import { closeSync, fstatSync, fsyncSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { OpsError } from '../errors.ts';
import { redact } from '../redact.ts';
import type { EntryBody, Journal, JournalEntry } from './types.ts';

export interface JournalIdentity {
  run: string;
  task: string;
  env: string;
}

/** `.drydock/runs/<run>/journal.jsonl` */
export function journalFile(root: string, run: string): string {
  return join(root, '.drydock', 'runs', run, 'journal.jsonl');
}

/**
 * Opens a run's journal for appending. Each line is flushed to the disk before `append` returns. A half-written last
 * line, left by a kill in the middle of a write, is cut off.
 */
export function openFileJournal(root: string, identity: JournalIdentity): Journal {
  const file = journalFile(root, identity.run);
  const fd = open(file);
  let seq = keepWholeLines(fd, file);
  return {
    run: identity.run,
    append(body: EntryBody): void {
      seq += 1;
      const entry: JournalEntry = { at: new Date().toISOString(), ...identity, seq, ...body };
      writeSync(fd, `${redact(JSON.stringify(entry))}\n`);
      fsyncSync(fd);
    },
  };
}

function open(file: string): number {
  try {
    mkdirSync(dirname(file), { recursive: true });
    const fd = openSync(file, 'a+', 0o600);
    syncFolder(dirname(file));
    return fd;
  } catch (cause) {
    throw new OpsError({
      code: 'JOURNAL_NOT_WRITABLE',
      message: `The journal ${file} cannot be written (${(cause as NodeJS.ErrnoException).code}).`,
      hint: 'Make the folder .drydock writable for you, or free disk space, and run it again.',
      cause,
    });
  }
}

/** A new file is only safe once its folder is flushed too. */
function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function keepWholeLines(fd: number, file: string): number {
  if (fstatSync(fd).size === 0) return 0;
  const bytes = readFileSync(file);
  const end = bytes.lastIndexOf(0x0a) + 1;
  if (end < bytes.length) ftruncateSync(fd, end);
  let lines = 0;
  for (let i = 0; i < end; i++) if (bytes[i] === 0x0a) lines += 1;
  return lines;
}
