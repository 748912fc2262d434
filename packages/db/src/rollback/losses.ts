import { connectPostgres, quoteIdentifier as q } from '@drydock/kit';
import type { Client } from 'pg';
import type { Target } from '../target.ts';

/** Rows that a down script would destroy. */
export type Loss = { migration: string; what: string; rows: number };

/** Where a script destroys data, by PostgreSQL's parser: a whole table, or the filled cells of a column. */
interface Destroyed {
  schema: string | undefined;
  table: string;
  column: string | undefined;
}

interface Relation {
  schemaname?: string;
  relname?: string;
}
interface Node {
  DropStmt?: { removeType?: string; objects?: { List?: { items?: { String?: { sval?: string } }[] } }[] };
  AlterTableStmt?: { relation?: Relation; cmds?: { AlterTableCmd?: { subtype?: string; name?: string } }[] };
  DeleteStmt?: { relation?: Relation };
  TruncateStmt?: { relations?: { RangeVar?: Relation }[] };
}

export async function findLosses(target: Target, undo: { name: string; sql: string }[]): Promise<Loss[]> {
  const client = await connectPostgres(target.url, 'drydock db:rollback');
  try {
    const losses: Loss[] = [];
    for (const { name, sql } of undo) {
      for (const destroyed of await findDestroyed(sql)) {
        const rows = await countRows(client, destroyed);
        if (rows > 0)
          losses.push({ migration: name, what: [destroyed.table, destroyed.column].filter(Boolean).join('.'), rows });
      }
    }
    return losses;
  } finally {
    await client.end();
  }
}

export async function findDestroyed(sql: string): Promise<Destroyed[]> {
  const { parse } = await import('libpg-query');
  const { stmts = [] } = (await parse(sql)) as { stmts?: { stmt?: Node }[] };
  return stmts.flatMap(({ stmt = {} }) => destroyedBy(stmt));
}

function destroyedBy({ DropStmt, AlterTableStmt, DeleteStmt, TruncateStmt }: Node): Destroyed[] {
  const whole = ({ schemaname, relname = '' }: Relation): Destroyed => ({
    schema: schemaname,
    table: relname,
    column: undefined,
  });
  if (DropStmt?.removeType === 'OBJECT_TABLE') {
    return (DropStmt.objects ?? []).map(({ List }) => {
      const parts = (List?.items ?? []).map(({ String: name }) => name?.sval ?? '');
      return { schema: parts.at(-2), table: parts.at(-1) ?? '', column: undefined };
    });
  }
  const columns = (AlterTableStmt?.cmds ?? []).flatMap(({ AlterTableCmd: cmd }) =>
    cmd?.subtype === 'AT_DropColumn' && cmd.name ? [cmd.name] : [],
  );
  return [
    ...columns.map((column) => ({ ...whole(AlterTableStmt?.relation ?? {}), column })),
    ...(DeleteStmt?.relation ? [whole(DeleteStmt.relation)] : []),
    ...(TruncateStmt?.relations ?? []).map(({ RangeVar = {} }) => whole(RangeVar)),
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
