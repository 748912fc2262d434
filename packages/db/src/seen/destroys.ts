import type { Node } from '../migrations/statements.ts';
import type { Named } from './tables.ts';

/** Where a script destroys data, by PostgreSQL's parser: a whole table, or the filled cells of a column. */
export interface Destroyed {
  schema: string | undefined;
  table: string;
  column: string | undefined;
  /** Of a DELETE: all of them, or those of its WHERE. Undefined where the table or column goes as a whole. */
  rows?: 'all' | 'some';
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
    ...(DeleteStmt?.relation
      ? [{ ...whole(DeleteStmt.relation), rows: DeleteStmt.whereClause ? 'some' : 'all' } as const]
      : []),
    ...((TruncateStmt?.relations ?? []) as Node[]).map(({ RangeVar }) => whole(RangeVar)),
  ];
}
