import { counted, type Finding, type Secret } from '@drydock/kit';
import { queryReadOnly } from '@drydock/kit/sql';
import type { Client } from 'pg';
import type { Failed } from '../migrations/failure.ts';
import { looking } from '../sessions/looking.ts';
import { type PlanQuery, readPlanQueries, refused, refuseParameters, unaskedFindings } from './queries.ts';

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

/**
 * Whether indexes are used: by the queries that name them, or else by one that is made of their columns. EXPLAIN runs
 * nothing. On a small table the planner rightly reads all of it; then it is asked what it would do if that were dear.
 */
export async function checkPlans(
  url: Secret,
  indexes: string[],
  folder: string,
): Promise<{ checks: PlanCheck[]; findings: Finding[] }> {
  const queries = await readPlanQueries(folder);
  if (indexes.length === 0 && queries.length === 0) return { checks: [], findings: [] };
  return looking(url, 'drydock db:verify', async (client) => {
    const { askable, findings } = await tryAll(client, queries);
    const checks: PlanCheck[] = [];
    for (const index of indexes) checks.push(...(await checkIndex(client, index, { queries, askable })));
    return { checks, findings: [...(await unaskedFindings(client, queries)), ...findings, ...findingsOf(checks)] };
  });
}

/** One that PostgreSQL refuses is told by its place, and keeps the others from nothing. */
async function tryAll(
  client: Client,
  queries: readonly PlanQuery[],
): Promise<{ askable: Set<PlanQuery>; findings: Finding[] }> {
  const askable = new Set<PlanQuery>();
  const findings: Finding[] = [];
  for (const query of queries.filter(({ uses }) => uses.length > 0))
    try {
      await refuseParameters(query);
      await explain(client, query.sql);
      askable.add(query);
    } catch (error) {
      // What is no word about the query ends the look: SQLSTATE classes 22 (data) and 42 (syntax, names, rights).
      if (!/^(22|42)/.test((error as Failed).code ?? '')) throw error;
      findings.push(refused(query, error as Failed));
    }
  return { askable, findings };
}

const EXPLAIN = 'EXPLAIN (FORMAT JSON) ';

/** What is wrong with the query is told by its place in that, not in ours. */
async function explain(
  client: Client,
  sql: string,
  settings: Record<string, string> = {},
): Promise<{ 'QUERY PLAN': unknown }[]> {
  try {
    return (await queryReadOnly<{ 'QUERY PLAN': unknown }>(client, `${EXPLAIN}${sql}`, { settings })).rows;
  } catch (error) {
    const { position } = error as Failed;
    throw position ? Object.assign(error as Failed, { position: String(Number(position) - EXPLAIN.length) }) : error;
  }
}

interface IndexFacts {
  name: string;
  /** Names that a plan may have for it: of a partitioned table's index, those of its partitions, where the rows are. */
  names: string[];
  relation: string;
  /** Of a partitioned table, those of its partitions together: the table itself is analysed by nobody. */
  rows: number;
  /** Of its largest partition, for each is planned by itself. */
  largest: number;
  method: string;
  columns: string[];
  predicate: string | null;
  /** Other indexes of the table that begin with the same column, by all their names. */
  alike: string[];
}

async function checkIndex(
  client: Client,
  key: string,
  { queries, askable }: { queries: readonly PlanQuery[]; askable: ReadonlySet<PlanQuery> },
): Promise<PlanCheck[]> {
  const facts = await readIndex(client, key);
  if (!facts) return [];
  const listed = queries.filter(({ uses }) => uses.includes(facts.name) || uses.includes(key));
  if (listed.length > 0)
    return inTurn(
      listed.filter((query) => askable.has(query)),
      ({ sql, file, line }) => checkQuery(client, facts, sql, `${file}:${line}`),
    );
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
    `SELECT c.relname AS name, i.indrelid::regclass::text AS relation, m.amname AS method, ${familyOf('c.oid')} AS names,
            leaf.rows, leaf.largest,
            (SELECT json_agg(pg_get_indexdef(c.oid, k, true) ORDER BY k) FROM generate_series(1, i.indnkeyatts) k) AS columns,
            pg_get_expr(i.indpred, i.indrelid) AS predicate,
            ARRAY(SELECT unnest(${familyOf('o.indexrelid')}) FROM pg_index o
                   WHERE o.indrelid = i.indrelid AND o.indexrelid <> i.indexrelid AND o.indkey[0] = i.indkey[0] AND o.indkey[0] <> 0) AS alike
       FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
       JOIN pg_am m ON m.oid = c.relam JOIN pg_namespace n ON n.oid = c.relnamespace
       CROSS JOIN LATERAL (SELECT coalesce(sum(greatest(l.reltuples, 0)), 0)::float8 AS rows, coalesce(max(l.reltuples), 0)::float8 AS largest FROM pg_class l
                            WHERE l.relkind <> 'p' AND (l.oid = t.oid OR l.oid IN (SELECT relid FROM pg_partition_tree(t.oid)))) leaf
      WHERE n.nspname = $1 AND c.relname = $2`,
    [key.slice(0, dot), key.slice(dot + 1)],
  );
  return rows[0];
}

/** An index, and those of partitions that belong to it; of one that is not partitioned, pg_partition_tree knows none. */
function familyOf(index: string): string {
  return `ARRAY(SELECT one.relname::text FROM pg_class one
                 WHERE one.oid = ${index} OR one.oid IN (SELECT relid FROM pg_partition_tree(${index})))`;
}

/** All parts are PostgreSQL's own words of the index. */
function probe({ relation, columns, predicate }: IndexFacts): string {
  const [first] = columns;
  const condition = `${first} = (SELECT ${first} FROM ${relation} LIMIT 1)`;
  return `SELECT 1 FROM ${relation} WHERE ${condition}${predicate ? ` AND (${predicate})` : ''}`;
}

async function checkQuery(client: Client, facts: IndexFacts, sql: string, query: string): Promise<PlanCheck> {
  const check = { index: facts.name, query, rows: facts.rows };
  if (await uses(client, sql, facts.names)) return { ...check, used: 'by itself' };
  if (facts.largest >= LARGE_ENOUGH) {
    // For a query that we made up, an index that begins alike does as well.
    const other = query === 'generated' && (await uses(client, sql, facts.alike));
    return { ...check, used: other ? 'another' : 'no' };
  }
  const probed = await uses(client, sql, facts.names, { enable_seqscan: 'off' });
  return { ...check, used: probed ? 'probe' : query === 'generated' ? 'not told' : 'no' };
}

async function uses(
  client: Client,
  sql: string,
  indexes: string[],
  settings: Record<string, string> = {},
): Promise<boolean> {
  const rows = await explain(client, sql, settings);
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
