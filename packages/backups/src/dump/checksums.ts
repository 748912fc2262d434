import { quoteIdentifier as q } from '@drydock/kit';
import type { Client } from 'pg';

/** A table of a snapshot. `checksum` is the same for the same rows in any order, on any server. */
export type TableSum = { name: string; rows: number; checksum: string };

interface Column {
  name: string;
  type: string;
  collated: boolean;
}

/**
 * PostgreSQL's own hash functions, which it must keep stable for hash partitioning (pg_upgrade), of types whose equal
 * values are the same to the letter. Everything else is hashed as text: a numeric 1.0 is not 1.00, and the values of an
 * enum are OIDs, which another database has otherwise.
 */
const NATIVE: Record<string, string> = {
  bool: 'hashcharextended',
  int2: 'hashint2extended',
  int4: 'hashint4extended',
  int8: 'hashint8extended',
  text: 'hashtextextended',
  varchar: 'hashtextextended',
  bpchar: 'hashbpcharextended',
  bytea: 'hashtextextended',
  uuid: 'uuid_hash_extended',
  date: 'timestamp_hash_extended',
  timestamp: 'timestamp_hash_extended',
  timestamptz: 'timestamp_hash_extended',
};
/** How a value gets to the argument's type where that is not its own. */
const CAST: Record<string, (column: string) => string> = {
  bool: (column) => `${column}::int::"char"`,
  bytea: (column) => `md5(${column})`,
  date: (column) => `${column}::timestamp`,
  timestamptz: (column) => `${column} AT TIME ZONE 'UTC'`,
};
/** Stands in for NULL, which the strict functions would make of the whole row. */
const NULL_HASH = '6148914691236517205';

/** Ordinary tables and leaf partitions of the database, but for what extensions own and the toolkit's bookkeeping. */
export async function listTables(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind = 'r' AND c.relpersistence = 'p'
        AND n.nspname NOT IN ('information_schema', 'drydock') AND n.nspname !~ '^pg_'
        AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
      ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}

/** Rows and checksum of one table, named as `listTables` does. */
export async function sumTable(client: Client, name: string): Promise<TableSum> {
  const { rows: columns } = await client.query<Column>(
    `SELECT a.attname AS name, coalesce(b.typname, t.typname) AS type, a.attcollation <> 0 AS collated
       FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON b.oid = nullif(t.typbasetype, 0)
      WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
    [name],
  );
  const { rows } = await client.query<{ rows: string; checksum: string }>(sumQuery(name, columns));
  return { name, rows: Number(rows[0]?.rows), checksum: rows[0]?.checksum ?? '0' };
}

/** The hashes of a row's values, each with its column's number as seed, are mixed; those of all rows are added. */
export function sumQuery(name: string, columns: Column[]): string {
  const hashes = columns.map((column, at) => hashOf(column, at));
  const row = hashes.length > 0 ? hashes.join(' # ') : '0::bigint';
  return `SELECT count(*) AS rows, coalesce(sum(${row}), 0)::text AS checksum FROM ONLY ${name}`;
}

function hashOf({ name, type, collated }: Column, seed: number): string {
  const native = NATIVE[type];
  const value = native ? (CAST[type]?.(q(name)) ?? q(name)) : `${q(name)}::text`;
  // Another collation may hash otherwise, and depends on the version of its library.
  const bytewise = collated || !native || type === 'bytea' ? ' COLLATE "C"' : '';
  // A column that says NOT NULL may hold one all the same: the constraint may be NOT VALID (PostgreSQL 18).
  return `coalesce(pg_catalog.${native ?? 'hashtextextended'}((${value})${bytewise}, ${seed}), ${NULL_HASH})`;
}

/** Large objects have no table of their own to ask. */
export async function sumLargeObjects(client: Client): Promise<{ count: number; checksum: string }> {
  const { rows } = await client.query<{ count: number; checksum: string }>(
    `SELECT count(*)::float8 AS count, coalesce(sum(hashtextextended(md5(lo_get(oid)) COLLATE "C", oid::int8)), 0)::text AS checksum FROM pg_largeobject_metadata`,
  );
  return rows[0] ?? { count: 0, checksum: '0' };
}

/** What the text of values depends on, set alike wherever sums are made. */
export const SUM_SETTINGS = `SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET intervalstyle = 'postgres';
  SET extra_float_digits = 3; SET bytea_output = 'hex'; SET xmloption = 'content'; SET row_security = off; SET statement_timeout = 0; SET jit = off`;
