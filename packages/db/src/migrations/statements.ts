import { OpsError } from '@drydock/kit';
import { type CutStatement, commits, cutStatements, type SqlNode } from '@drydock/kit/sql';

export type { SqlNode as Node } from '@drydock/kit/sql';

/** A statement of a migration, with what its syntax says of how it has to run. */
export interface Statement extends CutStatement {
  /** Cannot run inside a transaction block. */
  alone: boolean;
  /** CONCURRENTLY: it blocks neither reads nor writes while it waits. */
  concurrent: boolean;
  /** BEGIN, COMMIT and the like: the file minds its transactions itself. `chain` ends one and begins the next. */
  transaction?: 'begin' | 'commit' | 'rollback' | 'prepare' | undefined;
  /** AND CHAIN: the next transaction is open at once. */
  chain: boolean;
  /** SET TRANSACTION and its like, which PostgreSQL takes before the first query of a transaction alone. */
  modes: boolean;
  /** Name of the index that a CREATE INDEX CONCURRENTLY makes. */
  builds?: { schema: string | undefined; index: string };
}

/** The statements of a migration. A syntax error (MIGRATION_SYNTAX) names file, line and column. */
export async function parseStatements(sql: string, file: string): Promise<Statement[]> {
  const cut = await cutStatements(sql, file).catch((cause) => {
    throw cause instanceof OpsError && cause.code === 'SQL_SYNTAX'
      ? unreadable(cause.message, cause, ofPsql(sql, cause.message.slice(file.length)))
      : cause;
  });
  const coded = new Set(await Promise.all(cut.map(async (one) => ((await commits(one)) ? one : undefined))));
  return cut.map((statement) => {
    const { node, line } = statement;
    if (readsStdin(node))
      throw unreadable(
        `${file}:${line}: COPY … FROM STDIN takes rows that only psql reads out of the file.`,
        undefined,
        FOR_PSQL,
      );
    const { concurrent, idxname, relation } = node.IndexStmt ?? {};
    return {
      ...statement,
      alone: standsAlone(node) || coded.has(statement),
      concurrent: isConcurrent(node),
      transaction: TRANSACTIONS[node.TransactionStmt?.kind ?? ''],
      chain: node.TransactionStmt?.chain === true,
      modes: /^transaction($|[ _])/i.test(node.VariableSetStmt?.name ?? ''),
      ...(concurrent && idxname ? { builds: { schema: relation?.schemaname, index: idxname } } : {}),
    };
  });
}

const TRANSACTIONS: Record<string, Statement['transaction']> = {
  TRANS_STMT_BEGIN: 'begin',
  TRANS_STMT_START: 'begin',
  TRANS_STMT_COMMIT: 'commit',
  TRANS_STMT_ROLLBACK: 'rollback',
  TRANS_STMT_PREPARE: 'prepare',
};

/** PostgreSQL manual: "cannot be executed inside a transaction block". BEGIN and COMMIT of a file's own count, too. */
function standsAlone(node: SqlNode): boolean {
  return Boolean(
    isConcurrent(node) ||
      node.VacuumStmt?.is_vacuumcmd ||
      node.CreatedbStmt ||
      node.DropdbStmt ||
      node.AlterSystemStmt ||
      node.CreateTableSpaceStmt ||
      node.DropTableSpaceStmt ||
      node.CreateSubscriptionStmt ||
      (node.ClusterStmt && !node.ClusterStmt.relation) ||
      ['REINDEX_OBJECT_SCHEMA', 'REINDEX_OBJECT_SYSTEM', 'REINDEX_OBJECT_DATABASE'].includes(
        node.ReindexStmt?.kind ?? '',
      ) ||
      node.TransactionStmt ||
      node.DiscardStmt?.target === 'DISCARD_ALL',
  );
}

function isConcurrent({ IndexStmt, DropStmt, ReindexStmt, AlterTableStmt }: SqlNode): boolean {
  const detaches = ((AlterTableStmt?.cmds ?? []) as SqlNode[]).some(
    ({ AlterTableCmd: cmd }) => ((cmd?.def ?? {}) as SqlNode).PartitionCmd?.concurrent,
  );
  const reindex = ReindexStmt?.params?.some((param: SqlNode) => param.DefElem?.defname === 'concurrently');
  return Boolean(IndexStmt?.concurrent || DropStmt?.concurrent || reindex || detaches);
}

function readsStdin({ CopyStmt: copy }: SqlNode): boolean {
  return Boolean(copy?.is_from && !copy.filename);
}

const FOR_PSQL =
  'Rows behind COPY are read by psql alone: write INSERT, as pg_dump --inserts does. Nothing was applied.';

/** What pg_dump writes for psql, and no server reads: `\\restrict KEY`, and rows behind COPY. `place`: `:line:column: …`. */
function ofPsql(sql: string, place: string): string | undefined {
  const lines = sql.split('\n');
  const at = Number(/^:(\d+)/.exec(place)?.[1] ?? 1) - 1;
  const command = /^\s*(\\\w+)/.exec(lines[at] ?? '')?.[1];
  if (command)
    return `${command} is a command of psql, which pg_dump writes into its files: leave the line out. Nothing was applied.`;
  const before = lines.slice(0, at).findLast((line) => line.trim() !== '');
  return /^\s*copy\b.*\bfrom\s+stdin\b.*;\s*$/i.test(before ?? '') ? FOR_PSQL : undefined;
}

function unreadable(
  message: string,
  cause?: unknown,
  hint = 'Nothing was applied. Mend the file and run it again.',
): OpsError {
  return new OpsError({ code: 'MIGRATION_SYNTAX', message, hint, cause });
}
