import type { Client } from 'pg';
import type { Watched } from '../seen/tables.ts';
import { type Copy, hasAllRows } from './fill.ts';

/** What a copy has of the target's tables at a moment, by number: names may change, and a new one may take an old name. */
export interface Stock {
  /** Of a table, and of a composite type that a column of one has: number to name of what it consists of. */
  columns: Map<number, Map<number, string>>;
  /** Of a composite type: the columns that have it. */
  typed: Map<number, { table: number; column: string }[]>;
  /** Tables without a row, among those that were asked for. */
  empty: Set<number>;
  /** Where all rows are on the copy: what each sequence gave last, and how many large objects there are. */
  sequences: Map<number, { label: string; last: number; owner: number | null }>;
  largeObjects: number;
  /** Columns that identify a row, by a unique index of all rows: table to lists of columns, by their numbers. */
  keys: Map<number, number[][]>;
}

export async function takeStock(client: Client, watched: Watched, copy: Copy, emptied: number[] = []): Promise<Stock> {
  const tables = [...watched.tables.keys()];
  const typed = await readTyped(client, tables);
  const { rows } = await client.query<{ oid: number; columns: [number, string][] | null }>(
    `SELECT c.oid::int8::float8 AS oid, json_agg(json_build_array(a.attnum, a.attname)) FILTER (WHERE a.attnum IS NOT NULL) AS columns
       FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      WHERE c.oid = ANY($1::oid[]) GROUP BY c.oid`,
    [[...tables, ...typed.keys()]],
  );
  const stock: Stock = {
    columns: new Map(rows.map(({ oid, columns }) => [oid, new Map(columns)])),
    typed,
    empty: new Set(),
    sequences: new Map(),
    largeObjects: 0,
    keys: await readKeys(client, tables),
  };
  for (const oid of emptied.filter((table) => stock.columns.has(table)))
    if (await isEmpty(client, oid)) stock.empty.add(oid);
  if (hasAllRows(copy)) await countBesides(client, stock);
  return stock;
}

/** Composite types that columns of these tables have, themselves or in an array. */
async function readTyped(client: Client, tables: number[]): Promise<Stock['typed']> {
  const { rows } = await client.query<{ type: number; table: number; column: string }>(
    `SELECT t.typrelid::int8::float8 AS type, a.attrelid::int8::float8 AS table, a.attname AS column
       FROM pg_attribute a JOIN pg_type own ON own.oid = a.atttypid JOIN pg_type t ON t.oid IN (own.oid, own.typelem)
      WHERE a.attrelid = ANY($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped AND t.typtype = 'c'`,
    [tables],
  );
  const typed: Stock['typed'] = new Map();
  for (const { type, table, column } of rows) typed.set(type, [...(typed.get(type) ?? []), { table, column }]);
  return typed;
}

async function readKeys(client: Client, tables: number[]): Promise<Stock['keys']> {
  const { rows } = await client.query<{ table: number; columns: number[] }>(
    `SELECT indrelid::int8::float8 AS table, (indkey::int2[])[0:indnkeyatts - 1]::int[] AS columns FROM pg_index
      WHERE indrelid = ANY($1::oid[]) AND indisunique AND indisvalid AND indpred IS NULL AND indexprs IS NULL`,
    [tables],
  );
  const keys: Stock['keys'] = new Map();
  for (const { table, columns } of rows)
    keys.set(table, [...(keys.get(table) ?? []), columns.toSorted((a, b) => a - b)]);
  return keys;
}

async function isEmpty(client: Client, oid: number): Promise<boolean> {
  const { rows } = await client.query<{ name: string }>('SELECT $1::oid::regclass::text AS name', [oid]);
  return (await client.query(`SELECT 1 FROM ${rows[0]?.name} LIMIT 1`)).rowCount === 0;
}

async function countBesides(client: Client, stock: Stock): Promise<void> {
  const { rows } = await client.query<{ oid: number; label: string; last: number; owner: number | null }>(
    `SELECT s.seqrelid::int8::float8 AS oid, s.seqrelid::regclass::text AS label, pg_sequence_last_value(s.seqrelid)::float8 AS last,
            (SELECT d.refobjid::int8::float8 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid
                AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') LIMIT 1) AS owner
       FROM pg_sequence s WHERE s.seqincrement > 0 AND NOT s.seqcycle AND has_sequence_privilege(s.seqrelid, 'SELECT,USAGE')`,
  );
  for (const { oid, label, last, owner } of rows) stock.sequences.set(oid, { label, last: last ?? 0, owner });
  const { rows: objects } = await client.query<{ n: number }>('SELECT count(*)::int AS n FROM pg_largeobject_metadata');
  stock.largeObjects = objects[0]?.n ?? 0;
}
