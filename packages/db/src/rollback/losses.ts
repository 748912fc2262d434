import { quoteIdentifier as q } from '@drydock/kit';
import type { Client } from 'pg';
import { looking } from '../looking.ts';
import { type Node, parseStatements } from '../migrations/statements.ts';
import type { Named } from '../rehearsal/tables.ts';
import type { Target } from '../target.ts';

/** Rows that a down script would destroy. */
export type Loss = { migration: string; what: string; rows: number };

/** Where a script destroys data, by PostgreSQL's parser: a whole table, or the filled cells of a column. */
export interface Destroyed {
  schema: string | undefined;
  table: string;
  column: string | undefined;
}

export async function findLosses(target: Target, undo: { name: string; sql: string }[]): Promise<Loss[]> {
  return looking(target.url, 'drydock db:rollback', async (client) => {
    const losses: Loss[] = [];
    for (const { name, sql } of undo) {
      for (const destroyed of await findDestroyed(sql)) {
        const rows = await countRows(client, destroyed);
        if (rows > 0)
          losses.push({ migration: name, what: [destroyed.table, destroyed.column].filter(Boolean).join('.'), rows });
      }
    }
    return losses;
  });
}

export async function findDestroyed(sql: string): Promise<Destroyed[]> {
  return (await parseStatements(sql, 'down.sql')).flatMap(({ node }) => destroyedBy(node));
}

export function destroyedBy({ DropStmt, AlterTableStmt, DeleteStmt, TruncateStmt }: Node): Destroyed[] {
  const whole = ({ schemaname, relname = '' }: Named = {}): Destroyed => ({
    schema: schemaname,
    table: relname,
    column: undefined,
  });
  if (DropStmt?.removeType === 'OBJECT_TABLE') {
    return ((DropStmt.objects ?? []) as Node[]).map(({ List }) => {
      const parts = ((List?.items ?? []) as Node[]).map(({ String: name }) => name?.sval ?? '');
      return { schema: parts.at(-2), table: parts.at(-1) ?? '', column: undefined };
    });
  }
  const columns = ((AlterTableStmt?.cmds ?? []) as Node[]).flatMap(({ AlterTableCmd: cmd }) =>
    cmd?.subtype === 'AT_DropColumn' && cmd.name ? [cmd.name] : [],
  );
  return [
    ...columns.map((column) => ({ ...whole(AlterTableStmt?.relation), column })),
    ...(DeleteStmt?.relation ? [whole(DeleteStmt.relation)] : []),
    ...((TruncateStmt?.relations ?? []) as Node[]).map(({ RangeVar }) => whole(RangeVar)),
  ];
}

async function countRows(client: Client, { schema, table, column }: Destroyed): Promise<number> {
  const name = schema ? `${q(schema)}.${q(table)}` : q(table);
  // Gone already: an earlier script of the same rollback, or an attempt before, took it.
  const { rows: found } = await client.query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [name]);
  if (!found[0]?.there) return 0;
  const { rows } = await client.query<{ n: string }>(`SELECT count(${column ? q(column) : '*'}) AS n FROM ${name}`);
  return Number(rows[0]?.n ?? 0);
}
