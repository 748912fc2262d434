import { OpsError } from '@drydock/kit';

/** A statement of a migration, as PostgreSQL's own parser cuts it out. */
export interface Statement {
  sql: string;
  /** Line in the file, from 1. */
  line: number;
  /** Cannot run inside a transaction block. */
  alone: boolean;
  /** Name of the index that a CREATE INDEX CONCURRENTLY makes. */
  builds?: { schema: string | undefined; index: string };
}

interface Node {
  IndexStmt?: { concurrent?: boolean; idxname?: string; relation?: { schemaname?: string } };
  DropStmt?: { concurrent?: boolean };
  ReindexStmt?: { params?: { DefElem?: { defname?: string } }[] };
  VacuumStmt?: object;
  CreatedbStmt?: object;
  DropdbStmt?: object;
  TransactionStmt?: object;
}

/** Parses with PostgreSQL's parser (libpg-query). A syntax error names file, line and column. */
export async function parseStatements(sql: string, file: string): Promise<Statement[]> {
  const { parse } = await import('libpg-query');
  let parsed: { stmts?: { stmt?: Node; stmt_location?: number; stmt_len?: number }[] };
  try {
    parsed = (await parse(sql)) as typeof parsed;
  } catch (cause) {
    throw syntaxError(sql, file, cause);
  }
  // Locations are in bytes.
  const bytes = Buffer.from(sql);
  return (parsed.stmts ?? []).map(({ stmt = {}, stmt_location = 0, stmt_len }) => {
    const end = stmt_len ? stmt_location + stmt_len : bytes.length;
    const text = bytes.subarray(stmt_location, end).toString();
    const lead = /^(\s|--[^\n]*\n)*/.exec(text)?.[0].length ?? 0;
    const line =
      bytes.subarray(0, stmt_location).toString().split('\n').length + text.slice(0, lead).split('\n').length - 1;
    const { concurrent, idxname, relation } = stmt.IndexStmt ?? {};
    return {
      sql: text.slice(lead).trim(),
      line,
      alone: standsAlone(stmt),
      ...(concurrent && idxname ? { builds: { schema: relation?.schemaname, index: idxname } } : {}),
    };
  });
}

/** PostgreSQL manual: "cannot be executed inside a transaction block". BEGIN and COMMIT of a file's own count, too. */
function standsAlone(stmt: Node): boolean {
  const reindex = stmt.ReindexStmt?.params?.some(({ DefElem }) => DefElem?.defname === 'concurrently');
  return Boolean(
    stmt.IndexStmt?.concurrent ||
      stmt.DropStmt?.concurrent ||
      reindex ||
      stmt.VacuumStmt ||
      stmt.CreatedbStmt ||
      stmt.DropdbStmt ||
      stmt.TransactionStmt,
  );
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
