import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMissing, OpsError, usageError } from '../errors.ts';
import { journalFile } from './file-journal.ts';
import { foldJournal, type RunState } from './state.ts';
import type { JournalEntry } from './types.ts';

/** All entries of one run that can be read. A half-written last line is left out and reported as `truncated`. */
export function readJournal(
  root: string,
  run: string,
): { entries: JournalEntry[]; truncated: boolean; damaged: number[] } {
  const lines = readFileSync(journalFile(root, run), 'utf8').split('\n');
  const tail = lines.pop() ?? '';
  const entries: JournalEntry[] = [];
  const damaged: number[] = [];
  for (const [i, line] of lines.entries()) {
    const entry = parseLine(line);
    if (entry) entries.push(entry);
    else damaged.push(i + 1);
  }
  return { entries, truncated: tail !== '', damaged };
}

function parseLine(line: string): JournalEntry | undefined {
  try {
    const entry = JSON.parse(line) as Partial<JournalEntry> | null;
    return typeof entry?.event === 'string' && typeof entry.run === 'string' ? (entry as JournalEntry) : undefined;
  } catch {
    return undefined;
  }
}

/** A run whose journal was damaged after it was written cannot be gone on with: it cannot be told which steps were done. */
export function refuseDamaged(root: string, { run, task, env, damaged }: RunState): void {
  if (damaged.length === 0) return;
  throw new OpsError({
    code: 'JOURNAL_DAMAGED',
    message: `Line ${damaged.join(', ')} of ${journalFile(root, run)} cannot be read: the journal of ${task} on ${env} was damaged after it was written.`,
    hint: `Look at what the run has done, then set it aside: npm run ops:resume -- --abandon ${run}`,
  });
}

/** Every run with a journal, oldest first. A folder whose journal holds no whole line yet is no run. */
export function readRuns(root: string): RunState[] {
  return runIds(root)
    .map((run) => readRunIfAny(root, run))
    .filter((state) => state !== undefined);
}

export function readRun(root: string, run: string): RunState {
  const state = readRunIfAny(root, run);
  if (!state) {
    throw usageError(
      'RUN_UNKNOWN',
      `There is no run ${run} under .drydock/runs.`,
      'List the open ones: npm run ops:resume',
    );
  }
  return state;
}

/** Runs of a task in an environment that neither ended nor were given up, newest last. */
export function openRuns(root: string, task: string, env: string): RunState[] {
  return readRuns(root).filter((state) => state.status === 'open' && state.task === task && state.env === env);
}

function readRunIfAny(root: string, run: string): RunState | undefined {
  try {
    const { entries, truncated, damaged } = readJournal(root, run);
    return foldJournal(entries, { truncated, damaged });
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw cause;
  }
}

function runIds(root: string): string[] {
  try {
    return readdirSync(join(root, '.drydock', 'runs')).sort();
  } catch (cause) {
    // Nothing there, or something in its place that the first write will name.
    if (isMissing(cause)) return [];
    throw cause;
  }
}
