import type { Constraint, RangeVar } from 'libpg-query';
import type { Raw } from '../migrations/note.ts';
import type { Node } from '../migrations/statements.ts';
import { alterTable, type Cmd, columnName, constraintName, indexNode } from './nodes.ts';
import { about, type Rule, type Situation, weigh } from './types.ts';

/** Constraints that are checked against the rows there are, while others wait. */
export const constraintRules: Rule = (situation) => {
  const relation = situation.statement.node.AlterTableStmt?.relation;
  const table = situation.tableOf(relation);
  if (!relation || !table) return [];
  const level = weigh(table, situation);
  if (!level) return [];
  const rows = about(table.rows);
  return cmdsOf(situation).flatMap((cmd): Raw[] => {
    if (cmd.subtype === 'AT_SetNotNull' && !situation.provenNotNull.has(cmd.name ?? ''))
      return [
        {
          level,
          code: 'NOT_NULL_VALIDATES',
          message: `reads all rows of ${table.label} (${rows}) for NULLs in ${cmd.name} and blocks reads and writes of it meanwhile`,
          recipe: notNullRecipe(relation, cmd.name ?? ''),
        },
      ];
    const added = cmd.subtype === 'AT_AddConstraint' ? [(cmd.def as Node | undefined)?.Constraint] : inlineOf(cmd);
    return added.flatMap((constraint) =>
      constraint
        ? addedConstraint(constraint, { relation, label: table.label, rows, level, column: columnName(cmd) })
        : [],
    );
  });
};

interface Place {
  relation: RangeVar;
  label: string;
  rows: string;
  level: Raw['level'];
  /** Of an ADD COLUMN that brings the constraint with it. */
  column: string | undefined;
}

function addedConstraint(constraint: Constraint, { relation, label, rows, level, column }: Place): Raw[] {
  const named = { ...constraint, conname: constraint.conname ?? constraintName(relation, constraint, column) };
  const validate = alterTable(relation, { subtype: 'AT_ValidateConstraint', name: named.conname });
  const notValid = { ...named, skip_validation: true, initially_valid: false };
  if (constraint.contype === 'CONSTR_CHECK' && !constraint.skip_validation)
    return [
      {
        level,
        code: 'CONSTRAINT_VALIDATES',
        message: `checks all rows of ${label} (${rows}) and blocks reads and writes of it meanwhile`,
        recipe: [addConstraint(relation, notValid), '-- in the next migration:', validate],
      },
    ];
  if (constraint.contype === 'CONSTR_FOREIGN' && !constraint.skip_validation) {
    const attributes = constraint.fk_attrs ?? (column ? [{ String: { sval: column } }] : []);
    return [
      {
        level,
        code: 'FOREIGN_KEY_VALIDATES',
        message: `looks up the key of all rows of ${label} (${rows}) and blocks writes of it and of ${constraint.pktable?.relname} meanwhile`,
        recipe: [addConstraint(relation, { ...notValid, fk_attrs: attributes }), '-- in the next migration:', validate],
      },
    ];
  }
  const isKey = constraint.contype === 'CONSTR_UNIQUE' || constraint.contype === 'CONSTR_PRIMARY';
  if ((isKey || constraint.contype === 'CONSTR_EXCLUSION') && !constraint.indexname)
    return [
      {
        level,
        code: 'UNIQUE_BUILDS_INDEX',
        message: `builds an index over ${label} (${rows}) and blocks reads and writes of it meanwhile`,
        ...(isKey ? { recipe: uniqueRecipe(relation, named, column) } : {}),
      },
    ];
  return [];
}

function addConstraint(relation: RangeVar, constraint: Constraint): Node {
  return alterTable(relation, { subtype: 'AT_AddConstraint', def: { Constraint: constraint } });
}

function uniqueRecipe(relation: RangeVar, constraint: Constraint, column: string | undefined): (Node | string)[] {
  const keys = (constraint.keys as Node[] | undefined)?.map((key) => key.String?.sval ?? '') ?? [column ?? ''];
  const { keys: _, ...rest } = constraint;
  return [
    indexNode(relation, constraint.conname ?? '', keys),
    '-- in the next migration:',
    addConstraint(relation, { ...rest, indexname: constraint.conname ?? '' }),
  ];
}

function notNullRecipe(relation: RangeVar, column: string): (Node | string)[] {
  const conname = `${relation.relname}_${column}_not_null`;
  const check: Constraint = {
    contype: 'CONSTR_CHECK',
    conname,
    is_enforced: true,
    skip_validation: true,
    raw_expr: {
      NullTest: { arg: { ColumnRef: { fields: [{ String: { sval: column } }] } }, nulltesttype: 'IS_NOT_NULL' },
    },
  };
  return [
    addConstraint(relation, check),
    '-- in the next migration:',
    alterTable(relation, { subtype: 'AT_ValidateConstraint', name: conname }),
    '-- in a third: no row is read, for the constraint proves it',
    alterTable(relation, { subtype: 'AT_SetNotNull', name: column }),
    alterTable(relation, { subtype: 'AT_DropConstraint', name: conname }),
  ];
}

export function cmdsOf({ statement }: Pick<Situation, 'statement'>): Cmd[] {
  return ((statement.node.AlterTableStmt?.cmds ?? []) as Node[]).flatMap(({ AlterTableCmd }) =>
    AlterTableCmd ? [AlterTableCmd] : [],
  );
}

/** What an ADD COLUMN brings with it. */
export function inlineOf(cmd: Cmd): Constraint[] {
  if (cmd.subtype !== 'AT_AddColumn') return [];
  const { ColumnDef } = (cmd.def ?? {}) as Node;
  return ((ColumnDef?.constraints ?? []) as Node[]).flatMap(({ Constraint: found }) => (found ? [found] : []));
}
