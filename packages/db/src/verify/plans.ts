import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { counted, type Finding, OpsError, type Secret } from '@drydock/kit';
import { queryReadOnly } from '@drydock/kit/sql';
import type { Client } from 'pg';
import { looking } from '../looking.ts';
import { readSql } from '../migrations/folder.ts';
import { parseStatements } from '../migrations/statements.ts';

/** From how many rows on the planner must choose an index by itself. */
export const LARGE_ENOUGH = 10_000;

export type PlanCheck = {
  index: string;
  /** Where the query came from: a file, or `generated`. */
  query: string;
  /**
   * `probe`: chosen once sequential scans were made expensive, for the table is small. Of a query that we made up, `another`: one that begins with
   * the same column was; `not told`: on a small table none was seen to be.
   */
  used: 'by itself' | 'probe' | 'another' | 'not told' | 'no' | 'not checked';
  rows: number;
};

export interface PlanQuery {
  file: string;
  line: number;
  sql: string;
  /** Indexes that the query must use, as its comment says: `-- uses: "Job_status_idx"`. */
  uses: string[];
}

/** Queries of `*.sql`, each with a comment `-- uses: INDEX[, INDEX]` before it. Literals, no parameters. */
export async function readPlanQueries(folder: string): Promise<PlanQuery[]> {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort();
  const queries: PlanQuery[] = [];
  for (const name of files) {
    const file = join(folder, name);
    for (const { sql, line, comments, node } of await parseStatements(readSql(file), file)) {
      const said = [...comments.matchAll(/--\s*uses:\s*(.+)/g)].flatMap(([, list = '']) => list.split(','));
      if (!node.SelectStmt && !node.UpdateStmt && !node.DeleteStmt)
        throw new OpsError({
          code: 'PLAN_QUERY_UNFIT',
          message: `${file}:${line} is no SELECT, UPDATE or DELETE.`,
          hint: 'A plan file holds queries of the product, each below a comment "-- uses: INDEX".',
        });
      queries.push({ file: name, line, sql, uses: said.map((text) => text.trim().replace(/^"(.*)"$/, '$1')) });
    }
  }
  return queries;
}

/**
 * Whether indexes are used: by the queries that name them, or else by one that is made of their columns. EXPLAIN runs
 * nothing. On a small table the planner rightly reads all of it; then it is asked what it would do if that were dear.
 */
export async function checkPlans(
  url: Secret,
  indexes: string[],
  folder: string,
): Promise<{ checks: PlanCheck[]; findings: Finding[] }> {
  if (indexes.length === 0) return { checks: [], findings: [] };
  const queries = await readPlanQueries(folder);
  return looking(url, 'drydock db:verify', async (client) => {
    const checks: PlanCheck[] = [];
    for (const index of indexes) checks.push(...(await checkIndex(client, index, queries)));
    return { checks, findings: findingsOf(checks) };
  });
}

interface IndexFacts {
  name: string;
  relation: string;
  rows: number;
  method: string;
  columns: string[];
  predicate: string | null;
  /** Other indexes of the table that begin with the same column. */
  alike: string[];
}

async function checkIndex(client: Client, key: string, queries: PlanQuery[]): Promise<PlanCheck[]> {
  const facts = await readIndex(client, key);
  if (!facts) return [];
  const listed = queries.filter(({ uses }) => uses.includes(facts.name) || uses.includes(key));
  if (listed.length > 0)
    return inTurn(listed, ({ sql, file, line }) => checkQuery(client, facts, sql, `${file}:${line}`));
  if (!['btree', 'hash'].includes(facts.method))
    return [{ index: facts.name, query: 'generated', used: 'not checked', rows: facts.rows }];
  return [await checkQuery(client, facts, probe(facts), 'generated')];
}

/** A session asks one thing at a time. */
async function inTurn<T, R>(items: T[], ask: (item: T) => Promise<R>): Promise<R[]> {
  const answers: R[] = [];
  for (const item of items) answers.push(await ask(item));
  return answers;
}

async function readIndex(client: Client, key: string): Promise<IndexFacts | undefined> {
  const dot = key.indexOf('.');
  const { rows } = await client.query<IndexFacts>(
    `SELECT c.relname AS name, i.indrelid::regclass::text AS relation, greatest(t.reltuples, 0)::float8 AS rows, m.amname AS method,
            (SELECT json_agg(pg_get_indexdef(c.oid, k, true) ORDER BY k) FROM generate_series(1, i.indnkeyatts) k) AS columns,
            pg_get_expr(i.indpred, i.indrelid) AS predicate,
            ARRAY(SELECT oc.relname::text FROM pg_index o JOIN pg_class oc ON oc.oid = o.indexrelid
                   WHERE o.indrelid = i.indrelid AND o.indexrelid <> i.indexrelid AND o.indkey[0] = i.indkey[0] AND o.indkey[0] <> 0) AS alike
       FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
       JOIN pg_am m ON m.oid = c.relam JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = $1 AND c.relname = $2`,
    [key.slice(0, dot), key.slice(dot + 1)],
  );
  return rows[0];
}

/** All parts are PostgreSQL's own words of the index. */
function probe({ relation, columns, predicate }: IndexFacts): string {
  const [first] = columns;
  const condition = `${first} = (SELECT ${first} FROM ${relation} LIMIT 1)`;
  return `SELECT 1 FROM ${relation} WHERE ${condition}${predicate ? ` AND (${predicate})` : ''}`;
}

async function checkQuery(client: Client, facts: IndexFacts, sql: string, query: string): Promise<PlanCheck> {
  const check = { index: facts.name, query, rows: facts.rows };
  if (await uses(client, sql, [facts.name])) return { ...check, used: 'by itself' };
  if (facts.rows >= LARGE_ENOUGH) {
    // For a query that we made up, an index that begins alike does as well.
    const other = query === 'generated' && (await uses(client, sql, facts.alike));
    return { ...check, used: other ? 'another' : 'no' };
  }
  const probed = await uses(client, sql, [facts.name], { enable_seqscan: 'off' });
  return { ...check, used: probed ? 'probe' : query === 'generated' ? 'not told' : 'no' };
}

async function uses(
  client: Client,
  sql: string,
  indexes: string[],
  settings: Record<string, string> = {},
): Promise<boolean> {
  const { rows } = await queryReadOnly<{ 'QUERY PLAN': unknown }>(client, `EXPLAIN (FORMAT JSON) ${sql}`, { settings });
  const found = (node: unknown): boolean =>
    typeof node === 'object' &&
    node !== null &&
    (indexes.includes((node as { 'Index Name'?: string })['Index Name'] ?? '') || Object.values(node).some(found));
  return found(rows[0]?.['QUERY PLAN']);
}

/** Told by name; the table of all has the rest. */
const TOLD = 3;

/** What is in order, or cannot be told, in one line each; what is not used by itself. */
function findingsOf(checks: PlanCheck[]): Finding[] {
  const names = (wanted: PlanCheck['used']) => [
    ...new Set(checks.filter(({ used }) => used === wanted).map(({ index }) => index)),
  ];
  const [probed, unchecked] = [names('probe'), names('not checked')];
  return [
    ...(probed.length > 0
      ? [
          {
            level: 'info' as const,
            code: 'PLAN_PROBED',
            message: `${counted(probed.length, 'index', 'indexes')} would be used, and for now all rows are read, since ${probed.length === 1 ? 'its table is' : 'their tables are'} small: ${told(probed)}.`,
          },
        ]
      : []),
    ...(unchecked.length > 0
      ? [
          {
            level: 'info' as const,
            code: 'PLAN_NOT_CHECKED',
            message: `For ${counted(unchecked.length, 'index', 'indexes')} no query can be made up: ${told(unchecked)}.`,
            hint: `Give one of the product's in prisma/plans/*.sql, below "-- uses: ${unchecked[0]}".`,
          },
        ]
      : []),
    ...checks.filter(({ used }) => used === 'no').map(unused),
  ];
}

function told(names: string[]): string {
  const more = names.length > TOLD ? ` and ${names.length - TOLD} more` : '';
  return `${names.slice(0, TOLD).join(', ')}${more}`;
}

function unused({ index, query, rows }: PlanCheck): Finding {
  return {
    // A query of the product must use it; one that we made up may be wrong about what the index is for.
    level: query === 'generated' ? 'warn' : 'error',
    code: 'INDEX_UNUSED',
    message: `${index} is not used by ${query === 'generated' ? 'a query for its first column' : query} (about ${counted(Math.round(rows), 'row')}).`,
    hint:
      query === 'generated'
        ? `If it serves another query, put that into prisma/plans/*.sql, below "-- uses: ${index}".`
        : 'EXPLAIN it; ANALYZE the table; see whether the condition matches the order of the columns.',
  };
}
