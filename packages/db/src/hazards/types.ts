import type { Finding } from '@drydock/kit';
import type { Raw } from '../migrations/note.ts';
import type { Node } from '../migrations/statements.ts';
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
  /** From how many rows on a hazard of size is an error. */
  largeTableRows: number;
  lockTimeoutMs: number;
  /** How many rows the tables will have is not known: nothing is for being small. */
  sizesUnknown?: boolean;
  /** How long a statement may take before it is long: a second. */
  longMs?: number;
}

export interface Situation extends Witness {
  /** The statement's own tree, or one of those that it runs: in a DO block, in a function. */
  node: Node;
  /** Other statements of the same migration, and which of them this is. */
  all: Witness[];
  index: number;
  limits: Limits;
  /** Rows of a table of the target, by its label. */
  rowsOf(label: string): number;
  /** pg_class.relkind of it. */
  kindOf(label: string): string | undefined;
  /** Tables that have no row any more: that is told as what it is. */
  emptied: ReadonlySet<string>;
}

export type Rule = (situation: Situation) => Raw[];

/** A lock held this long on a whole copy hurts, however few the rows. */
const LONG_MS = 1_000;

export function isLong({ observed, allRows, limits }: Pick<Situation, 'limits' | 'observed' | 'allRows'>): boolean {
  return allRows && observed.durationMs >= (limits.longMs ?? LONG_MS);
}
/** The share of a large table from which on a table counts. */
const FEW = 100;

/** How bad it is to read or write so many rows while others wait; undefined where there are none. */
export function weigh(
  { rows }: { rows: number },
  situation: Pick<Situation, 'limits' | 'observed' | 'allRows'>,
): Finding['level'] | undefined {
  const { limits } = situation;
  if (rows === 0) return undefined;
  if (limits.sizesUnknown) return 'warn';
  if (rows >= limits.largeTableRows || isLong(situation)) return 'error';
  return rows * FEW >= limits.largeTableRows ? 'warn' : 'info';
}

/** Infinity: how many is not known here. */
export function about(rows: number): string {
  if (rows === Number.POSITIVE_INFINITY) return 'size not known here';
  return `about ${Math.round(rows).toLocaleString('en')} ${rows === 1 ? 'row' : 'rows'}`;
}
