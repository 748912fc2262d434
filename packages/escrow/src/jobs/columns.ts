import { quoteIdentifier as q, usageError } from '@drydock/kit';
import type { Client } from 'pg';
import type { Tables } from '../target.ts';

/** A column as PostgreSQL has it. */
export interface Column {
  /** As PostgreSQL writes it: `numeric(40,2)`; of a domain, what it stands for. */
  type: string;
  kind: 'boolean' | 'integer' | 'numeric' | 'float' | 'text' | 'bytes' | 'time' | 'date' | 'enum' | 'other';
  /** Of an enum. */
  labels: string[];
}

/** What the columns of the config are, so that each is read and written in its own type. */
export interface Shape {
  tables: Tables;
  /** Undefined where there is none of that name: the query that names it tells. */
  column(table: string, name: string): Column | undefined;
}

const KINDS: Record<string, Column['kind']> = {
  bool: 'boolean',
  ...{ int2: 'integer', int4: 'integer', int8: 'integer' },
  numeric: 'numeric',
  ...{ float4: 'float', float8: 'float' },
  ...{ text: 'text', varchar: 'text', bpchar: 'text', citext: 'text', name: 'text', char: 'text' },
  ...{ bit: 'text', varbit: 'text' },
  bytea: 'bytes',
  ...{ timestamp: 'time', timestamptz: 'time' },
  date: 'date',
};

const shapes = new WeakMap<Client, Promise<Shape>>();

/** Asked once a connection. Refuses (exit 2) a column of which its type alone says that it cannot be what it is said to be. */
export function shapeOf(client: Client, tables: Tables): Promise<Shape> {
  const known = shapes.get(client) ?? readShape(client, tables);
  shapes.set(client, known);
  return known;
}

async function readShape(client: Client, tables: Tables): Promise<Shape> {
  const { client: payer, freelancer, amounts } = tables;
  const names = [tables.jobs, payer.in?.table, freelancer.in?.table, 'column' in amounts ? undefined : amounts.table];
  const columns = new Map<string, Map<string, Column>>();
  for (const name of new Set(names.filter((one) => one !== undefined)))
    columns.set(name, await readColumns(client, table(tables, name)));
  const shape: Shape = { tables, column: (of, name) => columns.get(of)?.get(name) };
  refuseUnreadable(shape);
  return shape;
}

/** A table as SQL: in the schema that the config names, or where the connection looks. */
export function table(tables: Tables, name: string): string {
  return tables.schema ? `${q(tables.schema)}.${q(name)}` : q(name);
}

async function readColumns(client: Client, name: string): Promise<Map<string, Column>> {
  const { rows } = await client.query<{ name: string; base: string; kind: string; type: string; labels: string[] }>(
    `WITH RECURSIVE typed AS (
       SELECT a.attname::text AS name, a.atttypid AS oid, a.atttypmod AS modifier FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = pg_catalog.to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
       UNION ALL
       SELECT typed.name, t.typbasetype, t.typtypmod FROM typed JOIN pg_catalog.pg_type t ON t.oid = typed.oid WHERE t.typtype = 'd')
     SELECT typed.name, t.typname::text AS base, t.typtype::text AS kind, pg_catalog.format_type(t.oid, typed.modifier) AS type,
            ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder) AS labels
       FROM typed JOIN pg_catalog.pg_type t ON t.oid = typed.oid WHERE t.typtype <> 'd'`,
    [name],
  );
  return new Map(
    rows.map((row) => [
      row.name,
      { type: row.type, kind: row.kind === 'e' ? 'enum' : (KINDS[row.base] ?? 'other'), labels: row.labels },
    ]),
  );
}

/** By what each is for: what it may be, and why nothing else. */
const FITTING = {
  flag: {
    kinds: ['boolean', 'integer', 'numeric', 'float', 'text', 'enum', 'time', 'date'],
    why: 'which says neither yes nor no',
  },
  amount: {
    kinds: ['integer', 'numeric', 'float', 'text'],
    why: 'which is no whole number of wei',
  },
  time: { kinds: ['time', 'date', 'integer', 'numeric', 'float', 'text'], why: 'which is no point in time' },
} as const;

function refuseUnreadable({ tables, column }: Shape): void {
  const { jobs, columns, amounts } = tables;
  const uses: [string, string, keyof typeof FITTING][] = [
    [jobs, columns.pending, 'flag'],
    [jobs, columns.deployed, 'flag'],
    [jobs, columns.since, 'time'],
    'column' in amounts ? [jobs, amounts.column, 'amount'] : [amounts.table, amounts.amount, 'amount'],
  ];
  for (const [of, name, use] of uses) {
    const found = column(of, name);
    const { kinds, why } = FITTING[use];
    if (!found || (kinds as readonly string[]).includes(found.kind)) continue;
    throw usageError(
      'COLUMN_UNREADABLE',
      `Column ${name} of ${of} is of type ${found.type}, ${why}.`,
      `escrow.database in drydock.config.ts must name another column for ${use === 'amount' ? 'amounts, in wei' : use === 'flag' ? 'pending or deployed' : 'since'}, or a view that has it in another type.`,
    );
  }
}

/** `column wei of deals (double precision)`: whoever mends it looks there. */
export function described({ column }: Shape, of: string, name: string): string {
  return `column ${name} of ${of}${column(of, name) ? ` (${column(of, name)?.type})` : ''}`;
}
