import type { Node as AnyNode } from 'libpg-query';
import { OpsError } from '../errors.ts';
import { compileForShortRuns } from './quick.ts';

type Kinds<T> = T extends unknown ? keyof T : never;
/** A node of PostgreSQL's syntax tree: an object with one key, its kind. */
export type SqlNode = { [K in Kinds<AnyNode>]?: Extract<AnyNode, { [key in K]: unknown }>[K] };

/** A statement of a file, as PostgreSQL's own parser cuts it out. */
export interface CutStatement {
  /** The file's own bytes, from the first token on; comments inside it stay. */
  sql: string;
  /** Line in the file, from 1. */
  line: number;
  node: SqlNode;
  /** What stands before it: blanks and comments. */
  comments: string;
}

/**
 * Cuts a text into its statements where PostgreSQL's parser (libpg-query) begins and ends them: nothing is found or
 * stripped by hand. A syntax error (SQL_SYNTAX) names file, line and column.
 */
export async function cutStatements(sql: string, file: string): Promise<CutStatement[]> {
  // The parser takes no empty text.
  if (!sql.trim()) return [];
  compileForShortRuns();
  const { parse } = await import('libpg-query');
  let parsed: { stmts?: { stmt?: SqlNode; stmt_location?: number; stmt_len?: number }[] };
  try {
    parsed = (await parse(sql)) as typeof parsed;
  } catch (cause) {
    throw syntaxError(sql, file, cause);
  }
  // Locations are in bytes.
  const bytes = Buffer.from(sql);
  const lineAt = lineCounter(bytes);
  let end = 0;
  return (parsed.stmts ?? []).map(({ stmt: node = {}, stmt_location: start = 0, stmt_len }) => {
    const comments = bytes.subarray(end, start).toString().replace(/^;/, '');
    end = stmt_len ? start + stmt_len : bytes.length;
    return { sql: bytes.subarray(start, end).toString().trimEnd(), line: lineAt(start), node, comments };
  });
}

/** Counts on from the last offset asked for: a file may have a hundred thousand statements. */
function lineCounter(bytes: Buffer): (offset: number) => number {
  let [at, line] = [0, 1];
  return (offset) => {
    for (; at < offset; at++) if (bytes[at] === 0x0a) line++;
    return line;
  };
}

function syntaxError(sql: string, file: string, cause: unknown): OpsError {
  const { message, sqlDetails } = cause as { message: string; sqlDetails?: { cursorPosition?: number } };
  const at = sqlDetails?.cursorPosition;
  return new OpsError({
    code: 'SQL_SYNTAX',
    message: `${file}${at === undefined ? '' : `:${positionOf(sql, at)}`}: ${message}.`,
    hint: 'Nothing of it was run. Mend the file and run it again.',
    cause,
  });
}

/** `line:column`, both from 1, of a character offset. */
export function positionOf(sql: string, offset: number): string {
  const before = sql.slice(0, offset).split('\n');
  return `${before.length}:${(before.at(-1)?.length ?? 0) + 1}`;
}

/** The names of all functions that a statement calls by itself, without their schema; what those call is not seen. */
export function calledFunctions(node: unknown): string[] {
  const names: string[] = [];
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const name = ((value as SqlNode).FuncCall?.funcname as SqlNode[] | undefined)?.at(-1)?.String?.sval;
    if (name !== undefined) names.push(name);
    // Arrays as well.
    for (const key in value) walk((value as Record<string, unknown>)[key]);
  };
  walk(node);
  return names;
}
