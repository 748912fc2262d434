import { closeSync, constants, lstatSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { isMissing } from '../errors.ts';
import { parsed, readOwn } from '../state/file.ts';
import { journalFile, runFolder } from './file-journal.ts';

/** What a reader of a journal wrote down, so that the next need not read it. It is true of a journal of this length alone. */
const summarySchema = z.object({
  bytes: z.int(),
  task: z.string(),
  env: z.string(),
  status: z.enum(['open', 'done', 'failed']),
  startedAt: z.string(),
  lastAt: z.string(),
  /** It was left open by its process, and the audit log was told. */
  told: z.boolean().optional(),
});
export type Summary = z.output<typeof summarySchema>;

/** `.drydock/runs/<run>/summary.json` */
const summaryFile = (root: string, run: string) => join(runFolder(root, run), 'summary.json');

/** Undefined where nothing is known, or the journal has grown since: then it must be read. */
export function readSummary(root: string, run: string): Summary | undefined {
  const bytes = lengthOf(journalFile(root, run));
  const text = bytes === undefined ? undefined : readOwn(summaryFile(root, run));
  const known = summarySchema.safeParse(parsed(text ?? ''));
  return known.data?.bytes === bytes ? known.data : undefined;
}

/** Not flushed, and in place: half a summary is none. */
export function keepSummary(root: string, run: string, summary: Summary): void {
  try {
    const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants;
    const fd = openSync(summaryFile(root, run), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600);
    try {
      writeFileSync(fd, JSON.stringify(summary));
    } finally {
      closeSync(fd);
    }
  } catch {
    // It only spares the next reader a journal: a full disk, or one that is not ours to write to, is for others to tell.
  }
}

function lengthOf(file: string): number | undefined {
  try {
    return lstatSync(file).size;
  } catch (cause) {
    if (isMissing(cause) || (cause as NodeJS.ErrnoException).code === 'EACCES') return undefined;
    throw cause;
  }
}
