import type { NamedTable } from '../seen/tables.ts';
import type { Witness } from '../seen/types.ts';
import { isLong, type Situation } from './types.ts';

/** A read of fewer rows than this share of a table, or than so many, is a look. */
const SHARE = 10;
const LOOK_ROWS = 10_000;

/** Of a table that is named, and of what is below it. */
export function labelsOf(table: NamedTable): string[] {
  return [table.label, ...table.leaves.map(({ label }) => label)];
}

/** Whether one of these was read from the beginning. Of what ran outside of a transaction it is not known, and taken for so. */
export function wasRead({ observed, statement }: Pick<Witness, 'observed' | 'statement'>, table: NamedTable): boolean {
  const labels = new Set(labelsOf(table));
  return statement.alone || observed.read.some(({ relation }) => labels.has(relation));
}

export function isAmong(labels: string[], table: NamedTable): boolean {
  const own = new Set(labelsOf(table));
  return labels.some((label) => own.has(label));
}

/** What a statement worked on, and how much: rows that it read or wrote, of the table that has most. */
export function workOf(
  { observed, allRows }: Pick<Witness, 'observed' | 'allRows'>,
  { rowsOf, limits }: Pick<Situation, 'rowsOf' | 'limits'>,
): { labels: string[]; rows: number; long: boolean } {
  const read = observed.read.filter(
    ({ relation, rows }) => !allRows || (rows > 0 && rows >= Math.min(rowsOf(relation) / SHARE, LOOK_ROWS)),
  );
  const whole = [...read.map(({ relation }) => relation), ...observed.rewritten, ...observed.reindexed].filter(
    (label) => rowsOf(label) > 0,
  );
  const touched = observed.touched.filter(({ rows }) => rows > 0);
  return {
    labels: [...new Set([...whole, ...touched.map(({ relation }) => relation)])],
    rows: Math.max(0, ...whole.map(rowsOf), ...touched.map(({ rows }) => rows)),
    long: isLong({ observed, allRows, limits }),
  };
}
