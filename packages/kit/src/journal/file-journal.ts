import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { syncFolder } from '../durable.ts';
import { OpsError } from '../errors.ts';
import { redactData } from '../redact.ts';
import { makeStateFolder, statePath } from '../state/folder.ts';
import { freeReserve, makeReserve } from './reserve.ts';
import type { EntryBody, Journal, JournalEntry } from './types.ts';

export interface JournalIdentity {
  run: string;
  task: string;
  env: string;
}

/** `.drydock/runs/<run>` */
export function runFolder(root: string, run: string): string {
  return statePath(root, 'runs', run);
}

/** `.drydock/runs/<run>/journal.jsonl` */
export function journalFile(root: string, run: string): string {
  return join(runFolder(root, run), 'journal.jsonl');
}

/** A ULID; anything that is no plain word is none. */
export function isRunId(text: string): boolean {
  return /^[0-9A-Za-z_-]{1,64}$/.test(text);
}

/**
 * Opens a run's journal for appending. Each line is flushed to the disk before `append` returns, and then given to `copy`. A
 * half-written last line, left by a kill in the middle of a write, is cut off.
 */
export function openFileJournal(
  root: string,
  identity: JournalIdentity,
  copy: (entry: JournalEntry) => Promise<void> = async () => {},
): Journal {
  const fd = open(root, identity.run);
  const folder = runFolder(root, identity.run);
  let seq = keepWholeLines(fd);
  const write = (line: string) => {
    const before = fstatSync(fd).size;
    try {
      // Not writeSync: that may write a part, and the next line would be glued to it.
      writeFileSync(fd, line);
      fsyncSync(fd);
    } catch (error) {
      cutBack(fd, before);
      throw error;
    }
  };
  return {
    run: identity.run,
    async append(body: EntryBody): Promise<void> {
      const entry: JournalEntry = { at: new Date().toISOString(), ...identity, seq: seq + 1, ...masked(body) };
      const line = `${JSON.stringify(entry)}\n`;
      try {
        if (body.event === 'run.started' || body.event === 'run.resumed') makeReserve(folder);
        try {
          write(line);
        } catch (error) {
          // What went wrong, and what is undone of it, must be written down on a full disk too.
          if (!freeReserve(folder)) throw error;
          write(line);
        }
      } catch (cause) {
        throw notWritable(journalFile(root, identity.run), cause);
      }
      seq += 1;
      if (body.event === 'run.done' || body.event === 'run.failed') freeReserve(folder);
      await copy(entry);
    },
  };
}

function open(root: string, run: string): number {
  const file = journalFile(root, run);
  let fd: number | undefined;
  try {
    const folder = makeStateFolder(root, 'runs', run);
    const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW } = constants;
    fd = openSync(file, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600);
    fchmodSync(fd, 0o600);
    syncFolder(folder);
    return fd;
  } catch (cause) {
    if (fd !== undefined) closeSync(fd);
    throw cause instanceof OpsError ? cause : notWritable(file, cause);
  }
}

function notWritable(file: string, cause: unknown): OpsError {
  return new OpsError({
    code: 'JOURNAL_NOT_WRITABLE',
    message: `The journal ${file} cannot be written (${(cause as NodeJS.ErrnoException).code}).`,
    hint: 'Make the folder .drydock writable for you, or free disk space, and run it again.',
    cause,
  });
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

function keepWholeLines(fd: number): number {
  const bytes = readFileSync(fd);
  const end = bytes.lastIndexOf(0x0a) + 1;
  if (end < bytes.length) ftruncateSync(fd, end);
  let lines = 0;
  for (let i = 0; i < end; i++) if (bytes[i] === 0x0a) lines += 1;
  return lines;
}
