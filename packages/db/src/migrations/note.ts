import type { Finding, Hint } from '@drydock/kit';
import type { Code } from '../codes.ts';
import type { Node, Statement } from './statements.ts';

/** What one rule says of one statement. The message completes "migration:line …". */
export interface Raw {
  level: Finding['level'];
  code: Code;
  message: string;
  hint?: Hint;
  /** Nodes are written as SQL by PostgreSQL's deparser; text stands for itself. */
  recipe?: (Node | string)[];
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
