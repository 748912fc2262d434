import type { Json } from '../json.ts';
import type { Owner } from '../state/owner.ts';

export type JournalEvent =
  | 'run.started'
  | 'run.resumed'
  | 'run.done'
  | 'run.failed'
  | 'step.started'
  | 'step.done'
  | 'step.skipped'
  | 'step.failed'
  | 'step.undone';

/** One line of journal.jsonl. People script against it: fields are added, never renamed. */
export interface JournalEntry {
  at: string;
  run: string;
  task: string;
  env: string;
  seq: number;
  event: JournalEvent;
  step?: string;
  data?: Json;
  error?: { code: string; message: string; hint?: string };
}

/** A step that a run will come to, by its full name; `later` stands for steps that nobody can name yet. */
export type PlannedStep = { name: string; later?: string };

/** What `run.started` keeps, so that a resume needs nothing but the run's id. */
export interface RunStart extends Partial<Owner> {
  argv: string[];
  /** Does the task know `--env`? */
  perEnvironment: boolean;
  flags: { [key: string]: Json };
  /** What stood beside the flags. Journals of before know none. */
  words?: readonly string[];
  plan: Json;
  /** What was to come, as it was known then; journals of old versions do not tell. */
  steps?: PlannedStep[];
  reason?: string;
  actor: string;
  /** Those that it changes and audits. Journals of before know none. */
  environments?: string[];
  pid: number;
  /** See process/identity.ts; with the pid it names the process. */
  processStart?: string;
  host: string;
}

/** What `run.started` and `run.resumed` say of the process that is at work on the run. */
export type RunProcess = Pick<RunStart, 'pid' | 'processStart' | 'host' | keyof Owner>;

export type EntryBody = Pick<JournalEntry, 'event'> & Partial<Pick<JournalEntry, 'step' | 'data' | 'error'>>;

/** Writes one entry down before it resolves; on this disk before it returns. */
export interface Journal {
  readonly run: string;
  append(body: EntryBody): Promise<void>;
}
