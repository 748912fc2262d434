import { OpsError } from '@drydock/kit';
import { type CutStatement, cutStatements, type SqlNode } from '@drydock/kit/sql';

export { positionOf, type SqlNode as Node } from '@drydock/kit/sql';

/** A statement of a migration, with what its syntax says of how it has to run. */
export interface Statement extends CutStatement {
  /** Cannot run inside a transaction block. */
  alone: boolean;
  /** CONCURRENTLY: it blocks neither reads nor writes while it waits. */
  concurrent: boolean;
  /** BEGIN, COMMIT and the like: the file minds its transactions itself. */
  transaction?: 'begin' | 'end' | undefined;
  /** Name of the index that a CREATE INDEX CONCURRENTLY makes. */
  builds?: { schema: string | undefined; index: string };
}

/** The statements of a migration. A syntax error (MIGRATION_SYNTAX) names file, line and column. */
export async function parseStatements(sql: string, file: string): Promise<Statement[]> {
  const cut = await cutStatements(sql, file).catch((cause) => {
    throw cause instanceof OpsError && cause.code === 'SQL_SYNTAX' ? syntaxError(cause) : cause;
  });
  return cut.map((statement) => {
    const { node } = statement;
    const { concurrent, idxname, relation } = node.IndexStmt ?? {};
    return {
      ...statement,
      alone: standsAlone(node),
      concurrent: isConcurrent(node),
      transaction: transactionOf(node),
      ...(concurrent && idxname ? { builds: { schema: relation?.schemaname, index: idxname } } : {}),
    };
  });
}

/** PostgreSQL manual: "cannot be executed inside a transaction block". BEGIN and COMMIT of a file's own count, too. */
function standsAlone(node: SqlNode): boolean {
  return Boolean(isConcurrent(node) || node.VacuumStmt || node.CreatedbStmt || node.DropdbStmt || node.TransactionStmt);
}

function isConcurrent({ IndexStmt, DropStmt, ReindexStmt }: SqlNode): boolean {
  const reindex = ReindexStmt?.params?.some((param: SqlNode) => param.DefElem?.defname === 'concurrently');
  return Boolean(IndexStmt?.concurrent || DropStmt?.concurrent || reindex);
}

function transactionOf({ TransactionStmt: stmt }: SqlNode): Statement['transaction'] {
  if (!stmt) return undefined;
  if (stmt.kind === 'TRANS_STMT_BEGIN' || stmt.kind === 'TRANS_STMT_START') return 'begin';
  return stmt.kind === 'TRANS_STMT_COMMIT' || stmt.kind === 'TRANS_STMT_ROLLBACK' ? 'end' : undefined;
}

function syntaxError(cause: OpsError): OpsError {
  return new OpsError({
    code: 'MIGRATION_SYNTAX',
    message: cause.message,
    hint: 'Nothing was applied. Mend the file and run it again.',
    cause,
  });
}
