import { type Finding, quoteIdentifier as q, withPostgres } from '@drydock/kit';
import { calledFunctions, queryReadOnly } from '@drydock/kit/sql';
import { writeSql } from '../hazards/nodes.ts';
import type { Migration } from '../migrations/folder.ts';
import type { Node } from '../migrations/statements.ts';
import type { Table } from '../seen/tables.ts';
import type { Witness } from '../seen/types.ts';
import type { Target } from '../target.ts';

/** Bound of each question to the target. */
const TIMEOUT_MS = 10_000;

/** A condition that the rows of the target have to meet, and a query that gives a row if one does not. */
interface Condition {
  line: number;
  table: Table;
  /** What is in the way, for people. */
  what: string;
  /** Text, or a tree that PostgreSQL's deparser writes. */
  query: string | Node;
  /** It fails where a value is in the way. */
  casts?: boolean;
}

/**
 * Where the copy has not all rows: whether rows of the target are in the way of a new NOT NULL, CHECK, foreign key, unique
 * or narrower type. Asked of the target itself, READ ONLY and with a time-out. A table whose rows an earlier statement may
 * change, or a question that takes too long, cannot be told.
 */
export async function rowsInTheWay(
  target: Target,
  migration: Migration,
  witnesses: Witness[],
  written: Set<string>,
): Promise<Finding[]> {
  const conditions: (Condition & { told: boolean })[] = [];
  for (const witness of witnesses) {
    for (const condition of conditionsOf(witness))
      if (condition.table.rows > 0)
        conditions.push({ ...condition, told: !written.has('*') && !written.has(condition.table.label) });
    for (const label of writtenBy(witness)) written.add(label);
  }
  if (conditions.length === 0) return [];
  return withPostgres(target.url, 'drydock db:dry-run', async (client) => {
    const findings: Finding[] = [];
    for (const { line, what, query, casts, told } of conditions) {
      const place = { file: migration.file, line };
      const unknown = (why: string): Finding => ({
        level: 'warn',
        code: 'NOT_REHEARSED',
        message: `Whether ${migration.name}:${line} meets ${what} could not be told: ${why}.`,
        hint: 'Rehearse with rows: --data full, or --from-backup latest. db:deploy goes on: what fails there is rolled back.',
        ...place,
      });
      if (!told) {
        findings.push(unknown('the copy has not all rows, and an earlier statement changes them'));
        continue;
      }
      try {
        const [sql = ''] = await writeSql([query]);
        const { rowCount } = await queryReadOnly(client, sql, { timeoutMs: TIMEOUT_MS });
        if (rowCount !== 0 && !casts) findings.push(failure(migration, line, what, place));
      } catch (error) {
        const value = casts && /^22/.test((error as { code?: string }).code ?? '');
        findings.push(value ? failure(migration, line, what, place) : unknown((error as Error).message));
      }
    }
    return findings;
  });
}

function failure({ file }: Migration, line: number, what: string, place: { file: string; line: number }): Finding {
  return {
    level: 'error',
    code: 'MIGRATION_FAILED',
    message: `${file}:${line}: the target has ${what}. Nothing of it was applied.`,
    hint: 'Mend the rows in a migration before it.',
    ...place,
  };
}

/** Tables whose rows a statement may change; `*` where it cannot be told which. */
function writtenBy({ statement: { node }, inner, tableOf }: Witness): string[] {
  if (inner.opaque) return ['*'];
  return [node, ...inner.nodes].flatMap((part) => {
    const { InsertStmt, UpdateStmt, DeleteStmt, MergeStmt, SelectStmt } = part;
    const named = InsertStmt?.relation ?? UpdateStmt?.relation ?? DeleteStmt?.relation ?? MergeStmt?.relation;
    const label = tableOf(named)?.label;
    // A WITH may write, and what a trigger writes is not named.
    if (SelectStmt?.withClause || (named && !label)) return ['*'];
    return label ? [label] : [];
  });
}

/** By the syntax: where a constraint names what the target does not have, the question fails, and it cannot be told. */
function conditionsOf({ statement: { node, line }, tableOf }: Witness): Condition[] {
  const { IndexStmt, AlterTableStmt } = node;
  if (IndexStmt?.unique && !IndexStmt.whereClause) {
    const columns = ((IndexStmt.indexParams ?? []) as Node[]).map(({ IndexElem }) => IndexElem?.name);
    const table = tableOf(IndexStmt.relation);
    return table && columns.every((name) => name !== undefined) ? [duplicates(line, table, columns as string[])] : [];
  }
  const table = tableOf(AlterTableStmt?.relation);
  if (!table) return [];
  return ((AlterTableStmt?.cmds ?? []) as Node[]).flatMap(({ AlterTableCmd: cmd }): Condition[] => {
    if (cmd?.subtype === 'AT_SetNotNull' && cmd.name) return [nulls(line, table, cmd.name)];
    if (cmd?.subtype === 'AT_AlterColumnType' && cmd.name) return retyped(line, table, cmd.name, cmd.def as Node);
    const constraint = (cmd?.def as Node | undefined)?.Constraint;
    if (cmd?.subtype !== 'AT_AddConstraint' || !constraint || constraint.skip_validation) return [];
    const keys = names(constraint.keys as Node[]);
    switch (constraint.contype) {
      case 'CONSTR_PRIMARY':
        return keys.length === 0 ? [] : [duplicates(line, table, keys), ...keys.map((key) => nulls(line, table, key))];
      case 'CONSTR_UNIQUE':
        return keys.length === 0 ? [] : [duplicates(line, table, keys)];
      case 'CONSTR_FOREIGN': {
        const parent = tableOf(constraint.pktable);
        const [own, theirs] = [names(constraint.fk_attrs as Node[]), names(constraint.pk_attrs as Node[])];
        return parent && theirs.length === own.length ? [orphans(line, table, parent, own, theirs)] : [];
      }
      case 'CONSTR_CHECK':
        return check(line, table, constraint.conname, constraint.raw_expr as Node | undefined);
      default:
        return [];
    }
  });
}

function names(list: Node[] | undefined): string[] {
  return (list ?? []).map(({ String: name }) => name?.sval ?? '');
}

function nulls(line: number, table: Table, column: string): Condition {
  const query = `SELECT 1 FROM ${table.label} WHERE ${q(column)} IS NULL LIMIT 1`;
  return { line, table, what: `NULL in column "${column}" of ${table.label}`, query };
}

function duplicates(line: number, table: Table, columns: string[]): Condition {
  const list = columns.map(q).join(', ');
  const filled = columns.map((column) => `${q(column)} IS NOT NULL`).join(' AND ');
  const query = `SELECT 1 FROM ${table.label} WHERE ${filled} GROUP BY ${list} HAVING count(*) > 1 LIMIT 1`;
  return { line, table, what: `duplicates of (${list}) in ${table.label}`, query };
}

function orphans(line: number, table: Table, parent: Table, own: string[], theirs: string[]): Condition {
  const filled = own.map((column) => `c.${q(column)} IS NOT NULL`).join(' AND ');
  const same = own.map((column, i) => `c.${q(column)} = p.${q(theirs[i] ?? '')}`).join(' AND ');
  const query = `SELECT 1 FROM ${table.label} c WHERE ${filled} AND NOT EXISTS (SELECT 1 FROM ${parent.label} p WHERE ${same}) LIMIT 1`;
  return { line, table, what: `rows in ${table.label} without a parent in ${parent.label}`, query };
}

/** What a check calls would run on the target: one that calls nothing is asked. */
function check(line: number, table: Table, name: string | undefined, expression: Node | undefined): Condition[] {
  if (!expression || calledFunctions(expression).length > 0) return [];
  const query: Node = {
    SelectStmt: {
      targetList: [{ ResTarget: { val: { A_Const: { ival: { ival: 1 } } } } }],
      fromClause: [{ RangeVar: { schemaname: table.schema, relname: table.name, inh: true, relpersistence: 'p' } }],
      whereClause: { BoolExpr: { boolop: 'NOT_EXPR', args: [expression] } },
      limitCount: { A_Const: { ival: { ival: 1 } } },
      limitOption: 'LIMIT_OPTION_COUNT',
      op: 'SETOP_NONE',
    },
  } as Node;
  return [{ line, table, what: `rows in ${table.label} that violate ${name ?? 'a check'}`, query }];
}

/** Without USING: a cast by assignment, which refuses what is too long where a cast that is written cuts it off. */
function retyped(line: number, table: Table, column: string, { ColumnDef: def }: Node): Condition[] {
  if (!def || def.raw_default) return [];
  const what = `values in column "${column}" of ${table.label} that the new type has no room for`;
  const type = names(def.typeName?.names as Node[]).at(-1) ?? '';
  const limit = (def.typeName?.typmods as Node[] | undefined)?.[0]?.A_Const?.ival?.ival;
  if (['varchar', 'bpchar'].includes(type)) {
    if (limit === undefined) return [];
    const query = `SELECT 1 FROM ${table.label} WHERE length(rtrim(${q(column)}::text, ' ')) > ${Number(limit)} LIMIT 1`;
    return [{ line, table, what, query }];
  }
  const cast: Node = {
    SelectStmt: {
      targetList: [
        {
          ResTarget: {
            val: {
              FuncCall: {
                funcname: [{ String: { sval: 'count' } }],
                args: [
                  {
                    TypeCast: {
                      arg: { ColumnRef: { fields: [{ String: { sval: column } }] } },
                      typeName: def.typeName,
                    },
                  },
                ],
              },
            },
          },
        },
      ],
      fromClause: [{ RangeVar: { schemaname: table.schema, relname: table.name, inh: true, relpersistence: 'p' } }],
      limitOption: 'LIMIT_OPTION_DEFAULT',
      op: 'SETOP_NONE',
    },
  } as Node;
  return [{ line, table, what, query: cast, casts: true }];
}
