import type { Client } from 'pg';
import { writeDurably } from '../durable.ts';
import { readOwn, setAside } from '../state/file.ts';
import { makeStateFolder } from '../state/folder.ts';
import { hasJournalTables, pruneEntries, putEntries, type RunHead, readHeads, readLines } from './database.ts';
import { isRunId, journalFile, openFileJournal } from './file-journal.ts';
import { openRuns } from './read.ts';
import { parseEntry } from './schema.ts';
import type { JournalEntry } from './types.ts';

/**
 * Puts together what this checkout and the database know of an environment's runs: those that did not end, and the one that is
 * `named`. Under the environment's lock, and through its session: nobody is at work on any of them then. Returns those that the
 * database had as open.
 */
export async function joinRuns(client: Client, root: string, env: string, named?: string): Promise<Set<string>> {
  if (!(await hasJournalTables(client))) return new Set();
  const ours = openRuns(root, undefined, env).map(({ run }) => run);
  const heads = (await readHeads(client, env, named ? [...ours, named] : ours)).filter(({ run }) => isRunId(run));
  for (const head of heads) await joinRun(client, root, env, head);
  await pruneEntries(client);
  return new Set(heads.filter(({ status }) => status === 'open').map(({ run }) => run));
}

async function joinRun(client: Client, root: string, env: string, { run, task, status }: RunHead): Promise<void> {
  const file = journalFile(root, run);
  const all = await readLines(client, run);
  const theirs = new Map([...all].filter(([, line]) => parseEntry(line, run) !== undefined));
  const text = readOwn(file);
  if (all.size === 0) {
    // Its entries were pruned.
    if (status !== 'open' && text !== undefined) await endHere(root, { run, task, env }, status);
    return;
  }
  const ours = text?.split('\n').slice(0, -1) ?? [];
  const { lines, another } = merged(theirs, ours, run);
  if (lines.join('\n') !== ours.join('\n')) {
    if (another) setAside(file, 'is not what the database has of this run');
    makeStateFolder(root, 'runs', run);
    writeDurably(file, `${lines.join('\n')}\n`);
  }
  const untold = lines.flatMap((line, i) => (theirs.has(i + 1) ? [] : (parseEntry(line, run) ?? [])));
  const last = parseEntry(lines.at(-1) ?? '', run);
  // With the last one, which says how it stands.
  if (untold.length > 0 && last) await putEntries(client, [...untold.filter(({ seq }) => seq !== last.seq), last]);
}

/** A line that the database has not, and neither has this checkout: no entry, so that the journal counts as damaged. */
const MISSING = '{}';

/**
 * Line by line. What one of them alone has is taken from it. Where they differ, the database is right: it was written under the lock,
 * and ours by one who had lost it; all that we have after that is left out.
 */
function merged(
  theirs: ReadonlyMap<number, string>,
  ours: readonly string[],
  run: string,
): { lines: string[]; another: boolean } {
  const lines: string[] = [];
  const length = Math.max(0, ...theirs.keys());
  for (let seq = 1; seq <= Math.max(length, ours.length); seq++) {
    const [their, our] = [theirs.get(seq), ours[seq - 1]];
    const isEntry = our !== undefined && parseEntry(our, run) !== undefined;
    if (their !== undefined && isEntry && our !== their) return { lines: rest(theirs, lines, length), another: true };
    lines.push(their ?? our ?? MISSING);
  }
  const mended = ours.some((our, i) => theirs.has(i + 1) && our !== lines[i]);
  return { lines, another: mended };
}

function rest(theirs: ReadonlyMap<number, string>, lines: string[], length: number): string[] {
  const all = [...lines];
  for (let seq = all.length + 1; seq <= length; seq++) all.push(theirs.get(seq) ?? MISSING);
  return all;
}

async function endHere(
  root: string,
  identity: { run: string; task: string; env: string },
  status: 'done' | 'failed',
): Promise<void> {
  const error = { code: 'ENDED_ELSEWHERE', message: 'It was brought to its end from another checkout.' };
  const body: Pick<JournalEntry, 'event' | 'error'> =
    status === 'done' ? { event: 'run.done' } : { event: 'run.failed', error };
  if (openRuns(root).some(({ run }) => run === identity.run)) await openFileJournal(root, identity).append(body);
}
