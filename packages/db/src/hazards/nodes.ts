import type { AlterTableCmd, Constraint, RangeVar, TypeName } from 'libpg-query';
import type { Node } from '../migrations/statements.ts';

/** Builders and readers of PostgreSQL's syntax tree. */
export type Cmd = AlterTableCmd;

export function alterTable(relation: RangeVar, cmd: Cmd): Node {
  return {
    AlterTableStmt: {
      relation,
      cmds: [{ AlterTableCmd: { behavior: 'DROP_RESTRICT', ...cmd } }],
      objtype: 'OBJECT_TABLE',
    },
  };
}

export function indexNode(relation: RangeVar, idxname: string, columns: string[]): Node {
  return {
    IndexStmt: {
      idxname,
      relation,
      accessMethod: 'btree',
      indexParams: columns.map((name) => ({
        IndexElem: { name, ordering: 'SORTBY_DEFAULT' as const, nulls_ordering: 'SORTBY_NULLS_DEFAULT' as const },
      })),
      unique: true,
      concurrent: true,
    },
  };
}

/** As PostgreSQL would name it: manual, CREATE TABLE. */
export function constraintName(relation: RangeVar, constraint: Constraint, column: string | undefined): string {
  const keys = ((constraint.keys ?? constraint.fk_attrs ?? []) as Node[]).map((key) => key.String?.sval);
  const columns = keys.length > 0 ? keys : [column];
  const suffix: Record<string, string> = { CONSTR_FOREIGN: 'fkey', CONSTR_PRIMARY: 'pkey', CONSTR_CHECK: 'check' };
  const middle = constraint.contype === 'CONSTR_PRIMARY' ? [] : columns.filter((name) => name !== undefined);
  return [relation.relname, ...middle, suffix[constraint.contype ?? ''] ?? 'key'].join('_');
}

/** Of the column that a command adds. */
export function columnName(cmd: Cmd): string | undefined {
  return ((cmd.def ?? {}) as Node).ColumnDef?.colname;
}

/** `int4`, `json`, `serial`, without its schema. */
export function typeOf(type: TypeName | undefined): string | undefined {
  return ((type?.names ?? []) as Node[]).at(-1)?.String?.sval;
}

/** Deparsed; what stands for itself stays. Loaded only when something was found. */
export async function writeSql(steps: (Node | string)[]): Promise<string[]> {
  const { deparse } = await import('pgsql-deparser');
  return Promise.all(
    steps.map(async (step) =>
      typeof step === 'string' ? step : `${await deparse(step as never, { pretty: false })};`,
    ),
  );
}
