import type { Finding, Hint } from '@drydock/kit';
import type { RangeVar } from 'libpg-query';
import type { Code } from '../codes.ts';
import type { Node, Statement } from './statements.ts';

/**
 * A step of a recipe: a tree, which PostgreSQL's deparser writes; SQL; a `--` line, behind which the next migration begins; or rows that are
 * filled in batches.
 */
export type Step = Node | string | { Fill: Fill };

export interface Fill {
  table: RangeVar;
  /** The table itself, or its partitions, as PostgreSQL names them. */
  labels: string[];
  column: string;
  /** Undefined: the column's default. */
  value: Node | undefined;
  /** Rows without a value in this one have none to be given. */
  source?: string;
}

/** What one rule says of one statement. The message completes "migration:line …". */
export interface Raw {
  level: Finding['level'];
  code: Code;
  message: string;
  hint?: Hint;
  recipe?: Step[];
  /** Tables whose being blocked it tells. */
  tables?: string[];
}

/** What is found of a script itself, besides the hazards of its statements, and at which of its lines. */
export interface Note {
  line: number;
  raw: Raw;
}

/** Each at the statement that it is about, or the last one before it: comments above that may excuse it. */
export function atStatements(
  notes: Note[],
  statements: { statement: Pick<Statement, 'line'> }[],
): { at: number; raw: Raw }[] {
  return notes.map(({ line, raw }) => ({
    at: Math.max(
      0,
      statements.findLastIndex(({ statement }) => statement.line <= line),
    ),
    raw,
  }));
}
