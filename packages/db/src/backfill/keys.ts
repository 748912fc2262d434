import { quoteIdentifier as q, usageError } from '@drydock/kit';
import type { Client } from 'pg';
import type { Relation } from './script.ts';

/** The columns along whose order a table is worked through: its primary key, or another unique one without NULLs. */
export type Keys = {
  /** The table as PostgreSQL prints it. */
  label: string;
  columns: string[];
  /** PostgreSQL's estimate; -1 where it has none. */
  rows: number;
};

/** A table's key; `wanted` is a column that is to be it. */
export async function readKeys(client: Client, { schema, name }: Relation, wanted: string | undefined): Promise<Keys> {
  const regclass = schema ? `${q(schema)}.${q(name)}` : q(name);
  const { rows: tables } = await client.query<{ oid: string; label: string; rows: number; kind: string }>(
    `SELECT c.oid::text AS oid, c.oid::regclass::text AS label, c.reltuples::float8 AS rows, c.relkind AS kind
       FROM pg_class c WHERE c.oid = to_regclass($1)`,
    [regclass],
  );
  const [table] = tables;
  if (!table || !['r', 'p'].includes(table.kind))
    throw usageError(
      'BACKFILL_UNFIT',
      table ? `${table.label} is no table.` : `The database has no table ${regclass}.`,
      'Name the table itself, with its schema where it is not the first.',
    );
  const { rows: keys } = await client.query<{ columns: string[] }>(
    `SELECT (SELECT array_agg(a.attname::text ORDER BY k.n) FROM unnest(i.indkey::int2[]) WITH ORDINALITY k(num, n)
              JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.num WHERE k.n <= i.indnkeyatts) AS columns
       FROM pg_index i
      WHERE i.indrelid = $1::oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
        AND NOT EXISTS (SELECT 1 FROM unnest(i.indkey::int2[]) WITH ORDINALITY k(num, n) JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.num
                         WHERE k.n <= i.indnkeyatts AND NOT a.attnotnull)
      ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid`,
    [table.oid],
  );
  const found =
    wanted === undefined ? keys[0] : keys.find(({ columns }) => columns.length === 1 && columns[0] === wanted);
  if (found) return { label: table.label, columns: found.columns, rows: table.rows };
  throw usageError(
    'BACKFILL_NO_KEY',
    wanted === undefined
      ? `${table.label} has no primary key, and no other unique index without NULLs: nothing says how far it has come.`
      : `${wanted} is no unique column of ${table.label} without NULLs.`,
    wanted === undefined ? 'Give it a primary key first.' : 'Leave --key out to go by the primary key.',
  );
}

/** `(t.a, t.b) > ($1, $2)`: as a row where the key has several columns. `first` is the number of its first parameter. */
export function compared(names: string[], operator: '>' | '<=', first: number): string {
  const parameters = names.map((_, n) => `$${first + n}`);
  return names.length === 1
    ? `${names[0]} ${operator} ${parameters[0]}`
    : `(${names.join(', ')}) ${operator} (${parameters.join(', ')})`;
}

/** The same with the values themselves, where parameters are not to be had. */
export function literally(client: Client, names: string[], operator: '>' | '<=', key: string[]): string {
  return compared(names, operator, 1).replaceAll(/\$(\d+)/g, (_, n) => client.escapeLiteral(key[Number(n) - 1] ?? ''));
}

/** Qualified by what the statement calls the table. */
export function qualified({ alias, name }: Relation, { columns }: Keys): string[] {
  return columns.map((column) => `${q(alias ?? name)}.${q(column)}`);
}

/** As text: PostgreSQL reads its own words back to the same value. */
function asText({ columns }: Keys): string {
  return `ARRAY[${columns.map((column) => `${q(column)}::text`).join(', ')}] AS key`;
}

/** The key of the newest row; null where there is none. */
export async function lastKey(client: Client, keys: Keys): Promise<string[] | null> {
  const order = keys.columns.map((column) => `${q(column)} DESC`).join(', ');
  const { rows } = await client.query<{ key: string[] }>(
    `SELECT ${asText(keys)} FROM ${keys.label} ORDER BY ${order} LIMIT 1`,
  );
  return rows[0]?.key ?? null;
}

/** Where a stretch of `size` rows behind `last` ends; the bound itself where fewer are left. */
export async function stretchEnd(
  client: Client,
  keys: Keys,
  { last, bound, size }: { last: string[] | null; bound: string[]; size: number },
): Promise<{ upper: string[]; final: boolean }> {
  const names = keys.columns.map(q);
  const behind = last ? `${compared(names, '>', names.length + 1)} AND ` : '';
  const { rows } = await client.query<{ key: string[] }>(
    `SELECT ${asText(keys)} FROM ${keys.label} WHERE ${behind}${compared(names, '<=', 1)} ORDER BY ${names.join(', ')} OFFSET ${size - 1} LIMIT 1`,
    [...bound, ...(last ?? [])],
  );
  const upper = rows[0]?.key;
  return upper ? { upper, final: false } : { upper: bound, final: true };
}
