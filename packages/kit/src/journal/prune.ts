import { lstatSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runsInOutbox } from '../audit/outbox.ts';
import { syncFolder } from '../durable.ts';
import { runFolder } from './file-journal.ts';
import { runIds, runSummaries, runSummary } from './read.ts';

export interface Pruning {
  [key: string]: string[] | { [why: string]: number };
  remove: string[];
  /** How many stay, by why. */
  keep: { [why: string]: number };
}

/** In this order: with the journal goes the run. */
const OURS = ['journal.jsonl', 'reserve', 'summary.json'];

/**
 * Which runs can go: those that ended before that moment (ISO 8601), unless something still goes by what is in their journals. An
 * open run is gone on with, an event in the outbox has its evidence there, and `remembers` names tasks whose later runs read it.
 */
export function planPruning(root: string, before: string, remembers: (task: string) => boolean): Pruning {
  const untold = runsInOutbox(root);
  const known = new Map(runSummaries(root).map((summary) => [summary.run, summary]));
  const plan: Pruning = { remove: [], keep: {} };
  const whyKept = (run: string): string | undefined => {
    const found = known.get(run);
    if (holdsMore(root, run)) return 'hold something that is not a journal';
    if (!found) return isLeftOver(root, run, before) ? undefined : 'are just begun';
    if (found.status === 'open') return 'did not end';
    if (untold.has(run)) return 'have an event that the audit log was not told of yet';
    if (found.lastAt >= before) return 'are younger';
    return remembers(found.task) ? `are what later runs of ${found.task} go by` : undefined;
  };
  for (const run of runIds(root)) {
    const why = whyKept(run);
    if (why === undefined) plan.remove.push(run);
    else plan.keep[why] = (plan.keep[why] ?? 0) + 1;
  }
  return plan;
}

/** Removes what there is of a run. False if something has come to it meanwhile that must stay. */
export function removeRun(root: string, run: string): boolean {
  if (holdsMore(root, run) || runSummary(root, run)?.status === 'open') return false;
  const folder = runFolder(root, run);
  for (const name of OURS) rmSync(join(folder, name), { force: true });
  rmdirSync(folder);
  syncFolder(join(folder, '..'));
  return true;
}

function holdsMore(root: string, run: string): boolean {
  return readdirSync(runFolder(root, run)).some((name) => !OURS.includes(name));
}

/** Without a journal: of a run that was killed before its first line, or of one that was being removed. */
function isLeftOver(root: string, run: string, before: string): boolean {
  const folder = runFolder(root, run);
  const names = readdirSync(folder);
  if (names.includes('journal.jsonl')) return lstatSync(folder).mtime.toISOString() < before;
  return names.includes('summary.json') || lstatSync(folder).mtime.toISOString() < before;
}
