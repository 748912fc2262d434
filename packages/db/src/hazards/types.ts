import type { Finding } from '@drydock/kit';
import type { Raw } from '../migrations/note.ts';
import type { Witness } from '../seen/types.ts';

/** A finding with the place in the file, as annotations and reports want it. */
export interface Hazard extends Finding {
  migration: string;
  file: string;
  /** From 1. */
  line: number;
  /** The safe way, as SQL in the order of its steps; `--` lines say what is done between. */
  recipe?: string[];
}

export interface Limits {
  /** From how many rows on a hazard of size is an error, not a warning. */
  largeTableRows: number;
  lockTimeoutMs: number;
}

export interface Situation extends Witness {
  /** Other statements of the same migration, and which of them this is. */
  all: Witness[];
  index: number;
  limits: Limits;
  /** Rows of a table of the target, by its label. */
  rowsOf(label: string): number;
}

export type Rule = (situation: Situation) => Raw[];

/** A lock held this long on a whole copy hurts, however few the rows. */
const LONG_MS = 1_000;

/** How bad it is to read or write all rows of a table; undefined where it has none. */
export function weigh(
  { rows }: { rows: number },
  { limits, observed }: Pick<Situation, 'limits' | 'observed'>,
): Finding['level'] | undefined {
  if (rows === 0) return undefined;
  return rows >= limits.largeTableRows || observed.durationMs >= LONG_MS ? 'error' : 'warn';
}

export function about(rows: number): string {
  return `about ${Math.round(rows).toLocaleString('en')} ${rows === 1 ? 'row' : 'rows'}`;
}
