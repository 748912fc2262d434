import { OpsError } from '@drydock/kit';
import type { Node as AnyNode } from 'libpg-query';
import { compileForShortRuns } from '../engine/quick.ts';

type Kinds<T> = T extends unknown ? keyof T : never;
/** A node of PostgreSQL's syntax tree: an object with one key, its kind. */
export type Node = { [K in Kinds<AnyNode>]?: Extract<AnyNode, { [key in K]: unknown }>[K] };

/** A statement of a migration, as PostgreSQL's own parser cuts it out. */
export interface Statement {
  sql: string;
  /** Line in the file, from 1. */
  line: number;
  /** Cannot run inside a transaction block. */
  alone: boolean;
  /** CONCURRENTLY: it blocks neither reads nor writes while it waits. */
  concurrent: boolean;
  /** BEGIN, COMMIT and the like: the file minds its transactions itself. */
  transaction?: 'begin' | 'end' | undefined;
  /** Name of the index that a CREATE INDEX CONCURRENTLY makes. */
  builds?: { schema: string | undefined; index: string };
  node: Node;
  /** Comments that stand before it. */
  comments: string;
}

/** Blanks and comments; nested block comments are rare enough to be left to the parser. */
const LEAD = /^(?:[\s;]|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*/;

/** Parses with PostgreSQL's parser (libpg-query). A syntax error names file, line and column. */
export async function parseStatements(sql: string, file: string): Promise<Statement[]> {
  // The parser takes no empty text.
  if (!sql.trim()) return [];
  compileForShortRuns();
  const { parse } = await import('libpg-query');
  let parsed: { stmts?: { stmt?: Node; stmt_location?: number; stmt_len?: number }[] };
  try {
    parsed = (await parse(sql)) as typeof parsed;
  } catch (cause) {
    throw syntaxError(sql, file, cause);
  }
  // Locations are in bytes.
  const bytes = Buffer.from(sql);
  const lineAt = lineCounter(bytes);
  let end = 0;
  return (parsed.stmts ?? []).map(({ stmt: node = {}, stmt_location = 0, stmt_len }) => {
    // The parser leaves out the comments before a statement: they begin behind the semicolon of the one before.
    const start = end === 0 ? 0 : end + 1;
    end = stmt_len ? stmt_location + stmt_len : bytes.length;
    const text = bytes.subarray(start, end).toString();
    const comments = LEAD.exec(text)?.[0] ?? '';
    const { concurrent, idxname, relation } = node.IndexStmt ?? {};
    return {
      sql: text.slice(comments.length).trim(),
      line: lineAt(start + Buffer.byteLength(comments)),
      alone: standsAlone(node),
      concurrent: isConcurrent(node),
      transaction: transactionOf(node),
      ...(concurrent && idxname ? { builds: { schema: relation?.schemaname, index: idxname } } : {}),
      node,
      comments,
    };
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

/** PostgreSQL manual: "cannot be executed inside a transaction block". BEGIN and COMMIT of a file's own count, too. */
function standsAlone(node: Node): boolean {
  return Boolean(isConcurrent(node) || node.VacuumStmt || node.CreatedbStmt || node.DropdbStmt || node.TransactionStmt);
}

function isConcurrent({ IndexStmt, DropStmt, ReindexStmt }: Node): boolean {
  const reindex = ReindexStmt?.params?.some((param: Node) => param.DefElem?.defname === 'concurrently');
  return Boolean(IndexStmt?.concurrent || DropStmt?.concurrent || reindex);
}

function transactionOf({ TransactionStmt: stmt }: Node): Statement['transaction'] {
  if (!stmt) return undefined;
  if (stmt.kind === 'TRANS_STMT_BEGIN' || stmt.kind === 'TRANS_STMT_START') return 'begin';
  return stmt.kind === 'TRANS_STMT_COMMIT' || stmt.kind === 'TRANS_STMT_ROLLBACK' ? 'end' : undefined;
}

function syntaxError(sql: string, file: string, cause: unknown): OpsError {
  const { message, sqlDetails } = cause as { message: string; sqlDetails?: { cursorPosition?: number } };
  const at = sqlDetails?.cursorPosition;
  return new OpsError({
    code: 'MIGRATION_SYNTAX',
    message: `${file}${at === undefined ? '' : `:${positionOf(sql, at)}`}: ${message}.`,
    hint: 'Nothing was applied. Mend the file and run it again.',
    cause,
  });
}

/** `line:column`, both from 1, of a character offset. */
export function positionOf(sql: string, offset: number): string {
  const before = sql.slice(0, offset).split('\n');
  return `${before.length}:${(before.at(-1)?.length ?? 0) + 1}`;
}
