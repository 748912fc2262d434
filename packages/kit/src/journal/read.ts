import { OpsError, usageError } from '../errors.ts';
import { command, hint } from '../hint.ts';
import { entriesOf, readOwn, setAside } from '../state/file.ts';
import { statePath } from '../state/folder.ts';
import { isRunId, journalFile } from './file-journal.ts';
import { parseEntry, startSchema } from './schema.ts';
import { foldJournal, type RunState } from './state.ts';
import { keepSummary, readSummary, type Summary } from './summary.ts';
import type { JournalEntry } from './types.ts';

interface ReadJournal {
  entries: JournalEntry[];
  /** The last line is half written. */
  truncated: boolean;
  /** Lines that cannot be read, from 1. */
  damaged: number[];
  bytes: number;
}

/** All entries of one run that can be read; undefined where there is no journal, or it is not ours. */
export function readJournal(root: string, run: string): ReadJournal | undefined {
  const text = readOwn(journalFile(root, run));
  return text === undefined ? undefined : journalIn(text, run);
}

function journalIn(text: string, run: string): ReadJournal {
  const lines = text.split('\n');
  const tail = lines.pop() ?? '';
  const entries: JournalEntry[] = [];
  const damaged: number[] = [];
  for (const [i, line] of lines.entries()) {
    const entry = parseEntry(line, run);
    if (entry) entries.push(entry);
    else damaged.push(i + 1);
  }
  return { entries, truncated: tail !== '', damaged, bytes: Buffer.byteLength(text) };
}

/** A run whose journal was damaged after it was written cannot be gone on with: it cannot be told which steps were done. */
export function refuseDamaged(root: string, { run, task, env, damaged }: RunState): void {
  if (damaged.length === 0) return;
  throw new OpsError({
    code: 'JOURNAL_DAMAGED',
    message: `Line ${damaged.join(', ')} of ${journalFile(root, run)} cannot be read: the journal of ${task} on ${env} was damaged after it was written.`,
    hint: hint`Look at what the run has done, then set it aside: ${command('ops:resume', { abandon: run })}`,
  });
}

/** Every run with a journal, oldest first; `of` leaves out those of other tasks. A folder whose journal holds no whole line yet is no run. */
export function readRuns(root: string, { of }: { of?: (task: string) => boolean } = {}): RunState[] {
  const isOther = (run: string) => {
    const known = of && readSummary(root, run);
    return known ? !of(known.task) : false;
  };
  return runIds(root)
    .filter((run) => !isOther(run))
    .map((run) => readRunIfAny(root, run))
    .filter((state) => state !== undefined)
    .filter(({ task }) => !of || of(task));
}

export function readRun(root: string, run: string): RunState {
  const state = isRunId(run) ? readRunIfAny(root, run) : undefined;
  if (!state) throw unknownRun(run, []);
  return state;
}

/** `unseen`: environments whose databases could not be asked. */
export function unknownRun(run: string, unseen: readonly string[]): OpsError {
  const also = unseen.length > 0 ? `, and ${unseen.join(' and ')} could not be asked` : '';
  return usageError(
    'RUN_UNKNOWN',
    `There is no run ${run} under .drydock/runs, nor in the databases of the environments${also}.`,
    hint`List the open ones: ${command('ops:resume')}`,
  );
}

/**
 * Runs that neither ended nor were given up, newest last. A journal that is known to have ended, and has not grown since, is not read
 * again; what is known is thrown away at will.
 */
export function openRuns(root: string, task?: string, env?: string): RunState[] {
  return runIds(root)
    .filter((run) => (readSummary(root, run)?.status ?? 'open') === 'open')
    .map((run) => readRunIfAny(root, run))
    .filter((state) => state !== undefined)
    .filter(
      (state) =>
        state.status === 'open' &&
        (task === undefined || state.task === task) &&
        (env === undefined || state.env === env),
    );
}

/** The last that was begun of a task on an environment, however it ended. */
export function newestRun(
  root: string,
  task: string,
  env: string,
  wanted: (state: RunState) => boolean,
): RunState | undefined {
  for (const run of runIds(root).reverse()) {
    const known = readSummary(root, run);
    if (known && (known.task !== task || known.env !== env)) continue;
    const state = readRunIfAny(root, run);
    if (state?.task === task && state.env === env && wanted(state)) return state;
  }
  return undefined;
}

/** What is known of every run, oldest first. */
export function runSummaries(root: string): (Summary & { run: string })[] {
  return runIds(root).flatMap((run) => {
    const known = runSummary(root, run);
    return known ? [{ ...known, run }] : [];
  });
}

export function runSummary(root: string, run: string): Summary | undefined {
  const known = readSummary(root, run);
  if (known) return known;
  const state = readRunIfAny(root, run);
  return state && summaryOf(state);
}

/** Undefined where this checkout has none. */
export function readRunIfAny(root: string, run: string): RunState | undefined {
  const journal = readJournal(root, run);
  if (!journal) return undefined;
  const { state, damaged } = stateOf(journal);
  if (!state && damaged.length > 0) setAside(journalFile(root, run), 'has no line that can be read');
  if (state && state.status !== 'open' && !readSummary(root, run)) keepSummary(root, run, summaryOf(state));
  return state;
}

/** Of a journal that is not in this checkout, from its text. */
export function stateIn(text: string, run: string): RunState | undefined {
  return stateOf(journalIn(text, run)).state;
}

function stateOf({ entries, truncated, damaged: unreadable, bytes }: ReadJournal): {
  state: RunState | undefined;
  damaged: number[];
} {
  const [first] = entries;
  const hasStart = first?.event === 'run.started' && startSchema.safeParse(first.data).success;
  const damaged = first?.event === 'run.started' && !hasStart ? [1, ...unreadable] : unreadable;
  return { state: foldJournal(entries, { truncated, damaged, bytes }), damaged };
}

function summaryOf({ bytes, task, env, status, startedAt, lastAt }: RunState): Summary {
  return { bytes, task, env, status, startedAt, lastAt };
}

/** Folders whose name can be a run's: a link among them is nobody's run. */
export function runIds(root: string): string[] {
  return entriesOf(statePath(root, 'runs'))
    .filter((entry) => entry.isDirectory() && isRunId(entry.name))
    .map(({ name }) => name)
    .sort();
}
