import { quoteIdentifier as q } from '@drydock/kit';
import { tokensIn } from '@drydock/kit/sql';
import type { Client } from 'pg';
import type { Statement } from './statements.ts';

/** The index that is there under the name of a CREATE INDEX. */
export interface Found {
  /** As PostgreSQL names it. */
  name: string;
  valid: boolean;
  /** Its definition. */
  definition: string;
  /** Whether it is what the statement asks for; undefined where PostgreSQL cannot be asked. */
  same: boolean | undefined;
  /** Another session builds one on that table right now. */
  building: boolean;
}

/** Everything of an index but its name and whether it is usable, in words that two tables of the same columns share. */
const DEFINITION = `
  json_build_array(m.amname, i.indisunique, to_jsonb(i) -> 'indnullsnotdistinct', i.indnkeyatts, i.indclass::text, i.indcollation::text, i.indoption::text,
    (SELECT json_agg(pg_catalog.pg_get_indexdef(i.indexrelid, n, true) ORDER BY n) FROM generate_series(1, i.indnatts) n),
    pg_catalog.pg_get_expr(i.indpred, i.indrelid, true), c.reloptions)::text`;
const FROM = `pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_am m ON m.oid = c.relam`;

/** Undefined if no index has the name. The session may be in a transaction or in none. */
export async function findIndex(
  client: Client,
  statement: Statement,
  { inTransaction }: { inTransaction: boolean },
): Promise<Found | undefined> {
  const { idxname, relation } = statement.node.IndexStmt ?? {};
  if (!idxname || !relation?.relname) return undefined;
  const table = [relation.schemaname, relation.relname]
    .filter((part) => part !== undefined)
    .map(q)
    .join('.');
  // An index is in the schema of its table, wherever the name of that was found.
  const { rows } = await client.query<Found & { table: string; oid: number; onTable: boolean; shape: string }>(
    `SELECT i.indexrelid::int8::float8 AS oid, i.indexrelid::regclass::text AS name, i.indisvalid AS valid, i.indrelid = t.oid AS "onTable",
            pg_catalog.pg_get_indexdef(i.indexrelid) AS definition, t.oid::regclass::text AS "table", ${DEFINITION} AS shape,
            EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p JOIN pg_catalog.pg_locks l ON l.pid = p.pid
                     WHERE l.locktype = 'relation' AND l.relation = i.indrelid AND l.database = p.datid AND l.granted
                       AND p.pid <> pg_catalog.pg_backend_pid() AND p.datname = pg_catalog.current_database()) AS building
       FROM pg_catalog.pg_class t JOIN pg_catalog.pg_class x ON x.relnamespace = t.relnamespace AND x.relname = $2, ${FROM}
      WHERE t.oid = pg_catalog.to_regclass($1) AND i.indexrelid = x.oid`,
    [table, idxname],
  );
  const [found] = rows;
  if (!found) return undefined;
  const { name, valid, definition, building } = found;
  const same = found.onTable ? await isShaped(client, statement, { ...found, inTransaction }) : false;
  return { name, valid, definition, building, same };
}

/**
 * Asks PostgreSQL what the statement would build: on an empty, temporary table of the same columns and name, in a
 * transaction that is rolled back.
 */
async function isShaped(
  client: Client,
  statement: Statement,
  { table, shape, inTransaction }: { table: string; shape: string; inTransaction: boolean },
): Promise<boolean | undefined> {
  const { relation } = statement.node.IndexStmt ?? {};
  const name = relation?.relname;
  const sql = name ? await onTemporary(statement, name) : undefined;
  if (!name || !sql) return undefined;
  await client.query(inTransaction ? 'SAVEPOINT drydock_probe' : 'BEGIN');
  try {
    await client.query(`CREATE TEMPORARY TABLE ${q(name)} (LIKE ${table})`);
    await client.query(sql);
    const { rows } = await client.query<{ shape: string }>(
      `SELECT ${DEFINITION} AS shape FROM ${FROM} WHERE i.indrelid = pg_catalog.to_regclass($1)`,
      [`pg_temp.${q(name)}`],
    );
    return rows[0]?.shape === shape;
  } catch (error) {
    // Not told is not the same: PostgreSQL decides when the statement runs.
    if ((error as { code?: string }).code === undefined) throw error;
    return undefined;
  } finally {
    await client.query(
      inTransaction ? 'ROLLBACK TO SAVEPOINT drydock_probe; RELEASE SAVEPOINT drydock_probe' : 'ROLLBACK',
    );
  }
}

/** The statement's own bytes, but for CONCURRENTLY, IF NOT EXISTS and the table's schema. */
async function onTemporary({ sql, conforming }: Statement, table: string): Promise<string | undefined> {
  const tokens = conforming ? await tokensIn(sql) : [];
  const on = tokens.findIndex(({ text }) => /^on$/i.test(text));
  let at = on + 1;
  if (/^only$/i.test(tokens[at]?.text ?? '')) at++;
  while (tokens[at + 1]?.text === '.') at += 2;
  const [last] = tokens.slice(at, at + 1);
  if (on === -1 || !last) return undefined;
  const unique = tokens.slice(0, on).some(({ text }) => /^unique$/i.test(text));
  return `CREATE ${unique ? 'UNIQUE ' : ''}INDEX ON pg_temp.${q(table)} ${Buffer.from(sql).subarray(last.end).toString()}`;
}

/** Indexes that are not valid, by OID, as PostgreSQL names them. */
export async function invalidIndexes(client: Client): Promise<Map<number, string>> {
  const { rows } = await client.query<{ oid: number; name: string }>(
    `SELECT indexrelid::int8::float8 AS oid, indexrelid::regclass::text AS name FROM pg_catalog.pg_index i
       JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid WHERE NOT indisvalid AND c.relkind = 'i'`,
  );
  return new Map(rows.map(({ oid, name }) => [oid, name]));
}
