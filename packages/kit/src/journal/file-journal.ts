import { fstatSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeFolder, syncFolder } from '../durable.ts';
import { OpsError } from '../errors.ts';
import { redactData } from '../redact.ts';
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
      const entry: JournalEntry = { at: new Date().toISOString(), ...identity, seq: seq + 1, ...masked(body) };
      const before = fstatSync(fd).size;
      try {
        // Not writeSync: that may write a part, and the next line would be glued to it.
        writeFileSync(fd, `${JSON.stringify(entry)}\n`);
        fsyncSync(fd);
      } catch (error) {
        cutBack(fd, before);
        throw error;
      }
      seq += 1;
    },
  };
}

function open(file: string): number {
  try {
    makeFolder(dirname(file));
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

/** Names of events and steps are ours, and stay what they are: a resume goes by them. */
function masked({ event, step, data, error }: EntryBody): EntryBody {
  return {
    event,
    ...(step === undefined ? {} : { step }),
    ...(data === undefined ? {} : { data: redactData(data) }),
    ...(error === undefined ? {} : { error: redactData(error) }),
  };
}

/** What a full disk took of a line. If even that cannot be undone, a reader leaves a half-written last line out. */
function cutBack(fd: number, size: number): void {
  try {
    ftruncateSync(fd, size);
  } catch {
    // The reason why the line could not be written is what must be told.
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
