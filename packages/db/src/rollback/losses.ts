import { quoteIdentifier as q } from '@drydock/kit';
import { codeInside } from '@drydock/kit/sql';
import type { Client } from 'pg';
import { parseStatements } from '../migrations/statements.ts';
import { type Destroyed, destroyedBy } from '../seen/destroys.ts';
import { looking } from '../sessions/looking.ts';
import type { Target } from '../target.ts';

/** Rows that a down script would destroy. */
export type Loss = { migration: string; what: string; rows: number };

/**
 * What undoing would lose on the target: tables and columns that were gone from the scratch database after each script
 * (`gone`: keys of the inventory), whatever statement did it; and rows that a script empties or deletes, by its syntax.
 */
export async function findLosses(
  target: Target,
  undo: { name: string; sql: string }[],
  gone: Map<string, string[]>,
): Promise<Loss[]> {
  return looking(target.url, 'drydock db:rollback', async (client) => {
    const losses = new Map<string, Loss>();
    for (const { name, sql } of undo) {
      const looked = await placesOf(client, gone.get(name) ?? []);
      for (const destroyed of [...(await findDestroyed(sql)), ...looked]) {
        const what = [destroyed.table, destroyed.column].filter(Boolean).join('.');
        const rows = losses.has(what) ? 0 : await countRows(client, destroyed);
        if (rows > 0) losses.set(what, { migration: name, what, rows });
      }
    }
    return [...losses.values()];
  });
}

/** Also in the bodies of DO blocks. */
export async function findDestroyed(sql: string): Promise<Destroyed[]> {
  const found: Destroyed[] = [];
  for (const { node, sql: text } of await parseStatements(sql, 'down.sql'))
    found.push(...[node, ...(await codeInside(text, node)).nodes].flatMap(destroyedBy));
  return found;
}

/** Where keys of an inventory (`column public.Job.title`) are on this database; a table takes its columns with it. */
async function placesOf(client: Client, keys: string[]): Promise<Destroyed[]> {
  const { rows } = await client.query<Destroyed & { kind: string }>(
    `SELECT n.nspname AS schema, c.relname AS table, NULL AS column
       FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'm') AND ARRAY['table ' || n.nspname || '.' || c.relname, 'materialized view ' || n.nspname || '.' || c.relname] && $1
     UNION ALL
     SELECT n.nspname, c.relname, a.attname
       FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND 'column ' || n.nspname || '.' || c.relname || '.' || a.attname = ANY($1)
        AND 'table ' || n.nspname || '.' || c.relname <> ALL($1)`,
    [keys],
  );
  return rows.map(({ column, ...place }) => ({ ...place, column: column ?? undefined }));
}

async function countRows(client: Client, { schema, table, column }: Destroyed): Promise<number> {
  const name = schema ? `${q(schema)}.${q(table)}` : q(table);
  // Gone already: an earlier script of the same rollback, or an attempt before, took it.
  const { rows: found } = await client.query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [name]);
  if (!found[0]?.there) return 0;
  const { rows } = await client.query<{ n: string }>(`SELECT count(${column ? q(column) : '*'}) AS n FROM ${name}`);
  return Number(rows[0]?.n ?? 0);
}
