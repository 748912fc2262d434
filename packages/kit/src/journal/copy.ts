import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Client } from 'pg';
import { toOpsError } from '../errors.ts';
import { hint } from '../hint.ts';
import { note } from '../state/notices.ts';
import { ensureJournalTables, putEntries } from './database.ts';
import type { JournalEntry } from './types.ts';

/** Longest wait for the database to write an entry down: a session that does not answer has lost its lock as well. */
const WITHIN_MS = 10_000;

/**
 * Keeps a journal in the environment's database as well, so that another checkout can go on. It is written through the session that
 * holds the lock: who has lost that cannot write any more. Whenever there is another session than before, or an entry could not
 * be written, all of it is written again (`whole`). Where the database takes none, the file is the journal, and the operator is told.
 *
 * What a step says before it begins is there before it begins; that it is done goes with what comes next, which mostly is the beginning of
 * another, and at once where nothing does.
 */
export function copyInto(
  session: () => Client | undefined,
  whole: () => JournalEntry[],
): (entry: JournalEntry) => Promise<void> {
  let known: Client | undefined;
  const write = async (entries: JournalEntry[]): Promise<void> => {
    const client = session();
    const last = entries.at(-1);
    if (!client || !last) return;
    try {
      if (client !== known) await withinTime(ensureJournalTables(client));
      await withinTime(putEntries(client, client === known ? entries : whole()));
      known = client;
    } catch (thrown) {
      known = undefined;
      // With the session goes the lock, and that is told. What is late is written with what comes next.
      if (!session() || (thrown === LATE && !isEnd(last))) return;
      const { message, hint: next } = toOpsError(thrown);
      const why = `Of run ${last.run} no other checkout knows, for the database could not be told: ${message}`;
      note(next ? hint`${why} ${next}` : why);
    }
  };
  let waiting: JournalEntry[] = [];
  let written = Promise.resolve();
  const writeSoon = () => {
    written = written.then(nextTurn).then(() => {
      const entries = waiting;
      waiting = [];
      return write(entries);
    });
  };
  return async (entry) => {
    waiting.push(entry);
    if (waiting.length === 1) writeSoon();
    if (entry.event !== 'step.done' && entry.event !== 'step.skipped') await written;
  };
}

const LATE = new Error(`no answer within ${WITHIN_MS / 1_000} s`);

function isEnd({ event }: JournalEntry): boolean {
  return event === 'run.done' || event === 'run.failed';
}

async function withinTime(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(LATE), WITHIN_MS);
  });
  // Left behind, it must not count as unhandled.
  work.catch(() => {});
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
