import type { Client, QueryResult, QueryResultRow } from 'pg';
import { EXIT, OpsError } from '../errors.ts';
import { type CutStatement, calledFunctions, cutStatements } from './cut.ts';
import type { SqlNode } from './node.ts';
import { reachesOut } from './reaching.ts';

export interface ReadOnlyOptions {
  /** Bound of each statement; 10 s if it is not given. */
  timeoutMs?: number | undefined;
  /** Planner settings for this one transaction, such as enable_seqscan. */
  settings?: Record<string, string>;
}

const DEFAULT_TIMEOUT_MS = 10_000;

/** What a file that only looks may hold. PostgreSQL itself refuses what these would write (READ ONLY). */
const LOOKS = new Set<keyof SqlNode>(['SelectStmt', 'ExplainStmt', 'VariableShowStmt']);

/**
 * Asks one thing of a database that must stay as it is: one statement by the extended protocol, which takes no second one,
 * in a READ ONLY transaction that is rolled back, with a time-out. The session of `client` must be in no transaction.
 */
export async function queryReadOnly<Row extends QueryResultRow>(
  client: Client,
  text: string,
  options: ReadOnlyOptions = {},
): Promise<QueryResult<Row>> {
  return readOnly(client, options, (ask) => ask<Row>(text));
}

/** The statements of a file that only looks; exit 2's READ_ONLY_ONLY names the first that does more. */
export async function readQueries(sql: string, file: string): Promise<CutStatement[]> {
  const statements = await cutStatements(sql, file);
  for (const { node, line } of statements) {
    const kind = Object.keys(node)[0] as keyof SqlNode;
    if (!LOOKS.has(kind)) throw refuse(`${file}:${line} is no query (${kind.replace(/Stmt$/, '')})`);
    const reaching = calledFunctions(node).find(reachesOut);
    if (reaching) throw refuse(`${file}:${line} calls ${reaching}, which acts on more than what it reads`);
  }
  return statements;
}

/** Runs a file that only looks (see `readQueries`), all of it on one snapshot. The result of its last statement. */
export async function runReadQueries(
  client: Client,
  sql: string,
  file: string,
  options: ReadOnlyOptions = {},
): Promise<QueryResult | undefined> {
  const statements = await readQueries(sql, file);
  return readOnly(client, options, async (ask) => {
    let last: QueryResult | undefined;
    for (const statement of statements) last = await ask(statement.sql);
    return last;
  });
}

type Ask = <Row extends QueryResultRow>(text: string) => Promise<QueryResult<Row>>;

async function readOnly<T>(client: Client, options: ReadOnlyOptions, work: (ask: Ask) => Promise<T>): Promise<T> {
  const set = (name: string, value: string) => client.query('SELECT set_config($1, $2, true)', [name, value]);
  await client.query('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
  try {
    for (const [name, value] of Object.entries(options.settings ?? {})) await set(name, value);
    return await work(async (text) => {
      // Before each one: the statement before it may have put it off. The query takes a snapshot as well, and from then on
      // PostgreSQL refuses to make the transaction READ WRITE.
      await set('statement_timeout', String(Math.round(options.timeoutMs ?? DEFAULT_TIMEOUT_MS)));
      return client.query({ text, queryMode: 'extended' } as { text: string });
    });
  } finally {
    await client.query('ROLLBACK');
  }
}

function refuse(what: string): OpsError {
  return new OpsError({
    code: 'READ_ONLY_ONLY',
    message: `${what}; this file may only read.`,
    hint: 'Leave SELECT, VALUES, TABLE, SHOW or EXPLAIN in it.',
    exit: EXIT.usage,
  });
}
