import { pipeline } from 'node:stream/promises';
import { connectPostgres, quoteIdentifier as q, type Secret } from '@drydock/kit';
import { notOfExtension, OURS } from '@drydock/kit/inventory';
import type { Client } from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { copyHistory, copyPart } from './copy.ts';

/** Rows of each table, at most. */
const ROWS = 1_000;

interface ForeignKey {
  table: string;
  parent: string;
  /** Quoted, in the order of the key. */
  columns: string[];
  references: string[];
}

/**
 * Structure, and up to a thousand rows of each table that refer to one another: a child is chosen among the children of
 * the chosen parents, and what is still an orphan (cycles) goes before the foreign keys are made. Read in one snapshot.
 */
export async function copySample(from: Secret, to: Secret, without: string[]): Promise<void> {
  await copyPart(from, to, '--section=pre-data');
  const [source, sink] = [await connectPostgres(from, 'drydock sample'), await connectPostgres(to, 'drydock sample')];
  try {
    await source.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const there = (name: string) => !without.includes(name);
    const tables = (await readTables(source)).filter(there);
    const keys = (await readForeignKeys(source)).filter(({ table, parent }) => there(table) && there(parent));
    for (const table of tables) await copyRows(source, sink, table, sampleQuery(table, keys, []));
    await dropOrphans(sink, keys);
  } finally {
    await Promise.all([source.end(), sink.end()]);
  }
  await copyPart(from, to, '--section=post-data');
  await copyHistory(from, to);
}

async function readTables(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind = 'r' AND ${OURS} AND c.relname <> '_prisma_migrations'
        AND ${notOfExtension('pg_class', 'c')}`,
  );
  return rows.map(({ name }) => name);
}

async function readForeignKeys(client: Client): Promise<ForeignKey[]> {
  const columns = (keys: string, of: string) =>
    `(SELECT json_agg(quote_ident(a.attname) ORDER BY k.at) FROM unnest(k0.${keys}) WITH ORDINALITY AS k(num, at) JOIN pg_attribute a ON a.attrelid = k0.${of} AND a.attnum = k.num)`;
  const name = (of: string) =>
    `(SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = k0.${of})`;
  const { rows } = await client.query<ForeignKey>(
    `SELECT ${name('conrelid')} AS table, ${name('confrelid')} AS parent, ${columns('conkey', 'conrelid')} AS columns,
            ${columns('confkey', 'confrelid')} AS references FROM pg_constraint k0 WHERE k0.contype = 'f' AND k0.conparentid = 0`,
  );
  return rows;
}

/** The rows of a table whose parents are in the sample of their own table; a cycle is cut where it closes. */
function sampleQuery(table: string, keys: ForeignKey[], above: string[]): string {
  const conditions = keys
    .filter((key) => key.table === table && key.parent !== table && !above.includes(key.parent))
    .map(({ parent, columns, references }) => {
      const [own, theirs] = [columns.join(', '), references.map((column) => `p.${column}`).join(', ')];
      const isNull = columns.map((column) => `${column} IS NULL`).join(' OR ');
      return `(${isNull} OR (${own}) IN (SELECT ${theirs} FROM (${sampleQuery(parent, keys, [...above, table])}) p))`;
    });
  const where = conditions.length > 0 ? ` WHERE ${conditions.join(' AND ')}` : '';
  // By place on disk: the same rows each time within one snapshot.
  return `SELECT * FROM ONLY ${table}${where} ORDER BY ${table}.ctid LIMIT ${ROWS}`;
}

/** Generated columns cannot be written; the sink makes them anew. */
async function copyRows(source: Client, sink: Client, table: string, query: string): Promise<void> {
  const { rows } = await source.query<{ name: string }>(
    `SELECT quote_ident(attname) AS name FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped AND attgenerated = ''`,
    [table],
  );
  const columns = rows.map(({ name }) => name).join(', ');
  if (!columns) return;
  await pipeline(
    source.query(copyTo(`COPY (SELECT ${columns} FROM (${query}) AS ${q('sample')}) TO STDOUT`)),
    sink.query(copyFrom(`COPY ${table} (${columns}) FROM STDIN`)),
  );
}

async function dropOrphans(client: Client, keys: ForeignKey[]): Promise<void> {
  for (let gone = 1; gone > 0; ) {
    gone = 0;
    for (const { table, parent, columns, references } of keys) {
      const filled = columns.map((column) => `c.${column} IS NOT NULL`).join(' AND ');
      const same = columns.map((column, i) => `c.${column} = p.${references[i]}`).join(' AND ');
      const { rowCount } = await client.query(
        `DELETE FROM ${table} c WHERE ${filled} AND NOT EXISTS (SELECT 1 FROM ${parent} p WHERE ${same})`,
      );
      gone += rowCount ?? 0;
    }
  }
}
