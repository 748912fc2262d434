import { z } from 'zod';
import type { JournalEntry, JournalEvent } from './types.ts';

const EVENTS: ReadonlySet<string> = new Set<JournalEvent>([
  'run.started',
  'run.resumed',
  'run.done',
  'run.failed',
  'step.started',
  'step.done',
  'step.skipped',
  'step.failed',
  'step.undone',
]);

/** A line as it must be to be believed: an entry of this run. Undefined for any other. */
export function parseEntry(line: string, run: string): JournalEntry | undefined {
  try {
    const entry = JSON.parse(line) as Partial<JournalEntry> | null;
    const whole =
      entry?.run === run &&
      EVENTS.has(entry.event ?? '') &&
      [entry.at, entry.task, entry.env].every((text) => typeof text === 'string') &&
      ['undefined', 'string'].includes(typeof entry.step);
    return whole ? (entry as JournalEntry) : undefined;
  } catch {
    return undefined;
  }
}

/** What a resume goes by. Older journals know less. */
export const startSchema = z.looseObject({
  argv: z.array(z.string()).optional(),
  perEnvironment: z.boolean().optional(),
  environments: z.array(z.string()).optional(),
  flags: z.record(z.string(), z.json()).optional(),
  words: z.array(z.string()).optional(),
  plan: z.json().optional(),
  reason: z.string().optional(),
  actor: z.string().optional(),
  pid: z.int().min(2).optional(),
  processStart: z.string().optional(),
  host: z.string().optional(),
  product: z.string().optional(),
  config: z.string().optional(),
});
