import { OpsError } from '@drydock/kit';
import type { Note } from './note.ts';
import type { Statement } from './statements.ts';

/**
 * What the syntax tells of transactions that a script begins and ends. One that is left open keeps its locks for as long as the
 * session lives, and all of ours would wait behind them: refused before anything runs (TRANSACTION_LEFT_OPEN).
 */
export function checkTransactions(statements: Statement[], file: string): Note[] {
  const notes: Note[] = [];
  const prepared = new Map<string, number>();
  let open: Statement | undefined;
  for (const statement of statements) {
    const { line, transaction, chain } = statement;
    const { kind, gid = '' } = statement.node.TransactionStmt ?? {};
    if (kind === 'TRANS_STMT_COMMIT_PREPARED' || kind === 'TRANS_STMT_ROLLBACK_PREPARED') prepared.delete(gid);
    if (!transaction) continue;
    if (transaction === 'begin') {
      if (open) notes.push(unbalanced(line, `begins a transaction inside the one of line ${open.line}`));
      open ??= statement;
      continue;
    }
    if (transaction === 'prepare') prepared.set(gid, line);
    if (!open) notes.push(unbalanced(line, 'ends a transaction that the file has not begun'));
    else if (transaction === 'rollback') notes.push(undone(line, open.line));
    open = open && chain ? statement : undefined;
  }
  if (open)
    throw leftOpen(
      `${file}:${open.line} begins a transaction that the file does not end`,
      'Add the COMMIT, or leave BEGIN out: a migration is applied in a transaction anyway.',
    );
  for (const [gid, line] of prepared)
    throw leftOpen(
      `${file}:${line} prepares the transaction "${gid}" and leaves it: it keeps its locks, over restarts of the server too, until somebody ends it`,
      'COMMIT instead of PREPARE TRANSACTION; or COMMIT PREPARED in the same file.',
    );
  return notes;
}

function unbalanced(line: number, what: string): Note {
  return {
    line,
    raw: {
      level: 'warn',
      code: 'TRANSACTION_UNBALANCED',
      message: `${what}: PostgreSQL only warns of it, and tools differ in what they make of it`,
      hint: 'One BEGIN and one COMMIT for each transaction, or none at all.',
    },
  };
}

function undone(line: number, from: number): Note {
  return {
    line,
    raw: {
      level: 'warn',
      code: 'TRANSACTION_UNBALANCED',
      message: `rolls back what the file does from line ${from} on: it is recorded as applied, and nothing of that is`,
      hint: 'COMMIT, or leave it out.',
    },
  };
}

function leftOpen(what: string, hint: string): OpsError {
  return new OpsError({ code: 'TRANSACTION_LEFT_OPEN', message: `${what}. Nothing was applied.`, hint });
}
