import type { Json } from '../json.ts';
import type { JournalEntry, RunProcess, RunStart } from './types.ts';

export type StepState = 'started' | 'done' | 'skipped' | 'failed' | 'undone';

export interface StepRecord {
  name: string;
  state: StepState;
  data: Json | undefined;
  startedAt: string;
  endedAt: string | undefined;
}

/** A run as its journal tells it. State is a fold over the entries; nothing else is kept. */
export interface RunState {
  run: string;
  task: string;
  env: string;
  /** `open`: it neither ended well nor was given up; it can be resumed. */
  status: 'open' | 'done' | 'failed';
  startedAt: string;
  lastAt: string;
  start: RunStart;
  /** Who began it, or went on with it last. */
  process: Partial<RunProcess>;
  /** How many entries there are, and bytes in all. */
  length: number;
  bytes: number;
  /** The code of the error that the last entry tells of. */
  lastError: string | undefined;
  steps: Map<string, StepRecord>;
  /** The last line was half written: the process died while writing it. */
  truncated: boolean;
  /** Lines that cannot be read, from 1. */
  damaged: number[];
}

export function foldJournal(
  entries: JournalEntry[],
  { truncated = false, damaged = [], bytes = 0 }: { truncated?: boolean; damaged?: number[]; bytes?: number } = {},
): RunState | undefined {
  const [first] = entries;
  // Without its first line it is no run yet; if that was damaged, it still is one.
  if (!first || (first.event !== 'run.started' && damaged.length === 0)) return undefined;
  const state: RunState = {
    run: first.run,
    task: first.task,
    env: first.env,
    status: 'open',
    startedAt: first.at,
    lastAt: first.at,
    start: (first.event === 'run.started' ? first.data : {}) as unknown as RunStart,
    process: {},
    length: entries.length,
    bytes,
    lastError: entries.at(-1)?.error?.code,
    steps: new Map(),
    truncated,
    damaged,
  };
  for (const entry of entries) applyEntry(state, entry);
  return state;
}

function applyEntry(state: RunState, entry: JournalEntry): void {
  state.lastAt = entry.at;
  switch (entry.event) {
    case 'run.started':
    case 'run.resumed':
      state.status = 'open';
      state.process = (entry.data ?? {}) as Partial<RunProcess>;
      return;
    case 'run.done':
      state.status = 'done';
      return;
    case 'run.failed':
      state.status = 'failed';
      return;
    default:
      applyStep(state, entry);
  }
}

function applyStep(state: RunState, { event, step, data, at }: JournalEntry): void {
  if (step === undefined) return;
  const known = state.steps.get(step);
  const to = event.slice('step.'.length) as StepState;
  state.steps.set(step, {
    name: step,
    state: to,
    // A group's plan arrives with step.started and must survive until it is done.
    data: data ?? known?.data,
    startedAt: to === 'started' ? at : (known?.startedAt ?? at),
    endedAt: to === 'started' ? undefined : at,
  });
}
