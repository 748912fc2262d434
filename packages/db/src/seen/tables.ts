import { OURS } from '@drydock/kit/inventory';
import type { Client } from 'pg';

/** A relation with rows that the target has before anything is applied. */
export interface Table {
  schema: string;
  name: string;
  /** As PostgreSQL prints it, quoted and qualified where it must be. */
  label: string;
  /** About how many: PostgreSQL's estimate, counted where it never analysed. */
  rows: number;
  bytes: number;
  /** pg_class.relkind: a table, a partitioned table, a materialized view. */
  kind: string;
}

/** The tables of a database, with the size of each, but for the catalogues and bookkeeping. Reads only. */
export async function readTables(client: Client): Promise<Table[]> {
  const { rows } = await client.query<Table & { readable: boolean }>(
    `SELECT n.nspname AS schema, c.relname AS name, c.oid::regclass::text AS label, has_table_privilege(c.oid, 'SELECT') AS readable,
            c.relkind AS kind, c.reltuples::float8 AS rows, pg_relation_size(c.oid)::float8 AS bytes
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'm') AND c.relname <> '_prisma_migrations'
        AND ${OURS} ORDER BY 1, 2`,
  );
  // The label comes quoted from PostgreSQL. A partitioned table is never analysed by itself; one that was empty when it was,
  // and was filled since, has a size.
  for (const table of rows.filter((row) => row.rows < 0 || (row.rows === 0 && row.bytes > 0))) {
    if (!table.readable) {
      table.rows = table.bytes > 0 ? 1 : 0;
      continue;
    }
    const counted = await client.query<{ n: string }>(`SELECT count(*) AS n FROM ${table.label}`);
    table.rows = Number(counted.rows[0]?.n);
  }
  return rows.map(({ readable, ...table }) => table);
}

/** A relation as a statement names it. */
export type Named = { schemaname?: string | undefined; relname?: string | undefined };

/** With what is below it: partitions, and heirs. */
export type NamedTable = Table & { oid: number; leaves: Table[] };

/** What is watched on a copy: the tables of the target under the copy's own OIDs, and their indexes. */
export class Watched {
  readonly tables = new Map<number, Table>();
  /** Index to its table. */
  readonly indexes = new Map<number, Table>();
  #oids = new Map<string, number>();
  /** Tables to those below them: partitions, and heirs. */
  #below = new Map<number, number[]>();
  #path: string[] = [];
  /** server_version_num. */
  version = 0;

  /** To be called before anything is applied. */
  async find(client: Client, tables: Table[]): Promise<void> {
    const byName = new Map(tables.map((table) => [keyOf(table.schema, table.name), table]));
    const { rows } = await client.query<{ oid: number; schema: string; name: string; kind: string }>(
      `SELECT c.oid::int8::float8 AS oid, n.nspname AS schema, t.relname AS name, c.relkind AS kind
         FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid
         JOIN pg_class t ON t.oid = coalesce(i.indrelid, c.oid) JOIN pg_namespace n ON n.oid = t.relnamespace
        WHERE c.relkind IN ('r', 'p', 'm', 'i', 'I')`,
    );
    for (const { oid, schema, name, kind } of rows) {
      const table = byName.get(keyOf(schema, name));
      if (table) this[kind.toLowerCase() === 'i' ? 'indexes' : 'tables'].set(oid, table);
    }
    await this.readNames(client);
  }

  /** Again after a statement that may have renamed one. */
  async readNames(client: Client): Promise<void> {
    const { rows } = await client.query<{ oid: number; schema: string; name: string; path: string[]; version: number }>(
      `SELECT c.oid::int8::float8 AS oid, n.nspname AS schema, c.relname AS name, current_schemas(false)::text[] AS path,
              current_setting('server_version_num')::int AS version
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ANY($1::oid[])`,
      [[...this.tables.keys()]],
    );
    this.#oids = new Map(rows.map(({ oid, schema, name }) => [keyOf(schema, name), oid]));
    this.#path = rows[0]?.path ?? this.#path;
    this.version = rows[0]?.version ?? this.version;
    this.#below.clear();
    const { rows: heirs } = await client.query<{ above: number; below: number }>(
      `SELECT inhparent::int8::float8 AS above, inhrelid::int8::float8 AS below FROM pg_inherits WHERE inhrelid = ANY($1::oid[])`,
      [[...this.tables.keys()]],
    );
    for (const { above, below } of heirs) this.#below.set(above, [...(this.#below.get(above) ?? []), below]);
  }

  /** All that are below a table, at any depth. */
  #leaves(oid: number): number[] {
    return (this.#below.get(oid) ?? []).flatMap((below) => [below, ...this.#leaves(below)]);
  }

  /** The table of the target that a statement names; undefined if it is a new one. */
  named(range: Named | undefined): NamedTable | undefined {
    if (!range?.relname) return undefined;
    const { schemaname, relname } = range;
    for (const schema of schemaname ? [schemaname] : this.#path) {
      const oid = this.#oids.get(keyOf(schema, relname));
      const table = oid === undefined ? undefined : this.tables.get(oid);
      if (oid !== undefined && table) {
        const leaves = this.#leaves(oid).flatMap((below) => this.tables.get(below) ?? []);
        return { ...table, oid, leaves };
      }
    }
    return undefined;
  }
}

function keyOf(schema: string, name: string): string {
  return JSON.stringify([schema, name]);
}
