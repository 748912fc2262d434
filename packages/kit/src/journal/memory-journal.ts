import type { EntryBody, Journal, JournalEntry } from './types.ts';

/** The file journal's interface without the file, for tests of steps. */
export function createMemoryJournal(run = 'memory'): Journal & { entries: JournalEntry[] } {
  const entries: JournalEntry[] = [];
  return {
    run,
    entries,
    async append(body: EntryBody): Promise<void> {
      entries.push({
        at: new Date().toISOString(),
        run,
        task: 'test',
        env: 'test',
        seq: entries.length + 1,
        ...body,
      });
    },
  };
}
