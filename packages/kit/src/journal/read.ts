import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMissing, OpsError, usageError } from '../errors.ts';
import { journalFile } from './file-journal.ts';
import { foldJournal, type RunState } from './state.ts';
import type { JournalEntry } from './types.ts';

/** All entries of one run. A half-written last line is left out and reported as `truncated`. */
export function readJournal(root: string, run: string): { entries: JournalEntry[]; truncated: boolean } {
  const file = journalFile(root, run);
  const text = readFileSync(file, 'utf8');
  const lines = text.split('\n');
  const tail = lines.pop() ?? '';
  const entries = lines.map((line, index) => parseLine(line, file, index + 1));
  return { entries, truncated: tail !== '' };
}

function parseLine(line: string, file: string, number: number): JournalEntry {
  try {
    return JSON.parse(line) as JournalEntry;
  } catch (cause) {
    throw new OpsError({
      code: 'JOURNAL_DAMAGED',
      message: `Line ${number} of ${file} is not JSON: the journal was damaged after it was written.`,
      hint: 'Look at the file; without that line it cannot be told which steps were done.',
      cause,
    });
  }
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
    const { entries, truncated } = readJournal(root, run);
    return foldJournal(entries, truncated);
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
