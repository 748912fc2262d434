import { currentActor, currentHost } from '../actor.ts';
import type { LoadedConfig } from '../config/load.ts';
import type { EnvName } from '../config/schema.ts';
import { PAUSED, toOpsError } from '../errors.ts';
import { openFileJournal } from '../journal/file-journal.ts';
import { openRuns, readRun } from '../journal/read.ts';
import type { RunState } from '../journal/state.ts';
import { keepSummary, readSummary } from '../journal/summary.ts';
import type { JournalEntry } from '../journal/types.ts';
import type { Json } from '../json.ts';
import { isSameProcess, processStart } from '../process/identity.ts';
import { isOwn } from '../state/owner.ts';

/** The environments that a run changes and audits. */
export function environmentsOfRun({ start, env }: RunState): EnvName[] {
  return (start.environments ?? (start.perEnvironment === false ? [] : [env])) as EnvName[];
}

/** Is nobody at work on it any more? On another host that cannot be told, so it is not said. */
function isGone({ process: { pid, processStart: start, host } }: RunState): boolean {
  return host === currentHost() && pid !== undefined && !isThere(pid, start);
}

export function isAtWork({ process: { pid, processStart: start, host } }: RunState): boolean {
  return host === currentHost() && pid !== undefined && start !== undefined && isSameProcess(pid, start);
}

/** Journals of before keep no start; then any process of that number may be it. */
function isThere(pid: number, start: string | undefined): boolean {
  return start === undefined ? processStart(pid) !== undefined : isSameProcess(pid, start);
}

/**
 * Leaves an audit event for each run that its process left open without a word: killed, or its journal was damaged. `left` are those
 * that are known to be nobody's, wherever their process was.
 */
export async function tellOfLeftRuns(config: LoadedConfig, left: ReadonlySet<string>): Promise<void> {
  for (const state of openRuns(config.root))
    if (left.has(state.run) || (isOwn(config, state.process) && isGone(state))) await tellOfRun(config, state);
}

/** For a run that is left open by us: interrupted, or its lock was lost. */
export async function tellOfThisRun(config: LoadedConfig, run: string): Promise<void> {
  await tellOfRun(config, readRun(config.root, run));
}

async function tellOfRun(config: LoadedConfig, state: RunState): Promise<void> {
  const { root } = config;
  const { run, task, env, status, startedAt, lastAt, steps } = state;
  const known = readSummary(root, run);
  const environments = environmentsOfRun(state);
  if (known?.told || environments.length === 0) return;
  const last = [...steps.values()].at(-1);
  await leave(config, state, {
    // As long as nobody goes on with it, it is the same end that is told.
    id: `${run}-left-${state.length}`,
    actor: state.start.actor ?? 'unknown',
    outcome: outcomeOf(state),
    metadata: {
      step: last?.name ?? null,
      lastAt,
      ...(state.damaged.length > 0 ? { damagedLines: state.damaged } : {}),
    },
  });
  keepSummary(root, run, { bytes: state.bytes, task, env, status, startedAt, lastAt, told: true });
}

function outcomeOf({ damaged, lastError }: RunState): Exclude<Word['outcome'], 'abandoned'> {
  if (damaged.length > 0 || lastError === 'LOCK_LOST') return 'broken';
  if (lastError === PAUSED) return 'paused';
  return lastError === 'INTERRUPTED' ? 'interrupted' : 'killed';
}

/** Why a run ended that somebody has given up. */
export const ABANDONED = 'ABANDONED';

/** Ends a run that nobody will go on with. Nothing is undone. */
export async function giveUp(
  config: LoadedConfig,
  state: RunState,
  message: string,
  copy?: (entry: JournalEntry) => Promise<void>,
): Promise<void> {
  const { run, task, env } = state;
  await leave(config, state, {
    id: `${run}-abandoned`,
    actor: currentActor(process.env),
    outcome: 'abandoned',
    metadata: { why: message, begunBy: state.start.actor ?? null },
  });
  await openFileJournal(config.root, { run, task, env }, copy).append({
    event: 'run.failed',
    error: { code: ABANDONED, message },
  });
}

interface Word {
  id: string;
  actor: string;
  outcome: 'broken' | 'interrupted' | 'killed' | 'paused' | 'abandoned';
  metadata: { [key: string]: Json };
}

async function leave(config: LoadedConfig, state: RunState, word: Word): Promise<void> {
  const { leaveForAudit } = await import('../audit/append.ts');
  const { run, task, start } = state;
  for (const env of environmentsOfRun(state))
    leaveForAudit(env, { config, run, task, event: task, reason: start.reason, ...word });
}

/** Has the audit log of each environment written now; where that cannot be, the next run does it. Returns why not. */
export async function tellNow(
  config: LoadedConfig,
  environments: readonly EnvName[],
  environmentOf: (env: EnvName) => Parameters<typeof import('../audit/append.ts').flushAudit>[0],
): Promise<string[]> {
  const { flushAudit } = await import('../audit/append.ts');
  const waiting: string[] = [];
  for (const env of environments) {
    try {
      const { state } = await flushAudit(environmentOf(env), config);
      if (state === 'waiting')
        waiting.push(`The audit event waits beside the journal: the database of ${env} is away.`);
    } catch (error) {
      waiting.push(`The audit event waits beside the journal: ${toOpsError(error).message}`);
    }
  }
  return waiting;
}
