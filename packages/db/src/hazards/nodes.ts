import { quoteIdentifier as q } from '@drydock/kit';
import type { AlterTableCmd, Constraint, RangeVar, TypeName } from 'libpg-query';
import type { Fill, Step } from '../migrations/note.ts';
import type { Node } from '../migrations/statements.ts';

/** Builders and readers of PostgreSQL's syntax tree. */
export type Cmd = AlterTableCmd;

export function alterTable(relation: RangeVar, ...cmds: Cmd[]): Node {
  return {
    AlterTableStmt: {
      relation,
      cmds: cmds.map((cmd) => ({ AlterTableCmd: { behavior: 'DROP_RESTRICT' as const, ...cmd } })),
      objtype: 'OBJECT_TABLE',
    },
  };
}

export function addConstraint(relation: RangeVar, constraint: Constraint): Node {
  return alterTable(relation, { subtype: 'AT_AddConstraint', def: { Constraint: constraint } });
}

export function cmdsOf({ AlterTableStmt }: Node): Cmd[] {
  return ((AlterTableStmt?.cmds ?? []) as Node[]).flatMap(({ AlterTableCmd }) =>
    AlterTableCmd ? [AlterTableCmd] : [],
  );
}

/** What an ADD COLUMN brings with it. */
export function inlineOf(cmd: Cmd): Constraint[] {
  if (cmd.subtype !== 'AT_AddColumn') return [];
  const { ColumnDef } = (cmd.def ?? {}) as Node;
  return ((ColumnDef?.constraints ?? []) as Node[]).flatMap(({ Constraint: found }) => (found ? [found] : []));
}

/** `int4`, `json`, `serial`, without its schema. */
export function typeOf(type: TypeName | undefined): string | undefined {
  return ((type?.names ?? []) as Node[]).at(-1)?.String?.sval;
}

export function columnRef(name: string) {
  return { ColumnRef: { fields: [{ String: { sval: name } }] } };
}

/** Each of these in a migration of its own. */
export function inTurn(...migrations: Step[][]): Step[] {
  return migrations.filter((steps) => steps.length > 0).flatMap((steps, i) => (i > 0 ? [NEXT, ...steps] : steps));
}

const NEXT = '-- in the next migration:';

/** Deparsed; what stands for itself stays. Loaded only when something was found. */
export async function writeSql(steps: Step[]): Promise<string[]> {
  const { deparse } = await import('pgsql-deparser');
  const write = async (node: Node) => {
    const sql = await deparse(node as never, { pretty: false });
    // The deparser leaves it out.
    const only = node.AlterTableStmt?.relation?.inh === false && !/^ALTER TABLE (IF EXISTS )?ONLY /.test(sql);
    if (only) return sql.replace(/^ALTER TABLE (IF EXISTS )?/, '$&ONLY ');
    if (node.IndexStmt?.relation?.inh !== false || / ON ONLY /.test(sql)) return sql;
    return sql.replace(/^(CREATE (?:"(?:[^"]|"")*"|[^" ]+|(?! ON ) )*) ON /, '$1 ON ONLY ');
  };
  return Promise.all(
    steps.map(async (step) => {
      if (typeof step === 'string') return step;
      return 'Fill' in step ? fillSql(step.Fill, write) : `${await write(step)};`;
    }),
  );
}

/** Pages of a table that one transaction of a batch goes through. */
const PAGES = 200;

/** A block that commits as it goes, which runs alone in its file. */
async function fillSql(
  { table, labels, column, value, source }: Fill,
  write: (node: Node) => Promise<string>,
): Promise<string> {
  const name = [table.schemaname, table.relname].filter((part) => part !== undefined).map(q);
  const set = value
    ? (
        await write({
          SelectStmt: {
            targetList: [{ ResTarget: { val: value } }],
            op: 'SETOP_NONE',
            limitOption: 'LIMIT_OPTION_DEFAULT',
          },
        } as Node)
      ).replace(/^SELECT\s+/, '')
    : 'DEFAULT';
  const sizes = labels.map((label) => `pg_relation_size('${label.replaceAll("'", "''")}')`);
  return `DO $$
DECLARE
  the_page bigint := 0;
  the_last bigint := greatest(${sizes.join(', ')}) / current_setting('block_size')::bigint;
BEGIN
  WHILE the_page <= the_last LOOP
    UPDATE ${name.join('.')} SET ${q(column)} = ${set}
     WHERE ctid >= format('(%s,0)', the_page)::tid AND ctid < format('(%s,0)', the_page + ${PAGES})::tid
       AND ${q(column)} IS NULL${source ? ` AND ${q(source)} IS NOT NULL` : ''};
    COMMIT;
    the_page := the_page + ${PAGES};
  END LOOP;
END $$;`;
}
