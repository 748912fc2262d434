import type { Constraint, IndexStmt, RangeVar } from 'libpg-query';
import type { Step } from '../migrations/note.ts';
import type { Node } from '../migrations/statements.ts';
import type { TableFacts } from '../seen/facts.ts';
import type { NamedTable, Table } from '../seen/tables.ts';
import { constraintName, freeName, indexName } from './names.ts';
import { addConstraint, alterTable, columnRef, inTurn } from './nodes.ts';

/** Of which table, and what its recipe has to know of it. */
export interface About {
  table: NamedTable;
  facts: TableFacts | undefined;
  version?: number;
}

/** From here on PostgreSQL has constraints NOT NULL … NOT VALID, and foreign keys NOT VALID of partitioned tables. */
const NAMED_NOT_NULL = 180_000;

/** SET NOT NULL that reads no row, for a constraint proves it: PostgreSQL manual, ALTER TABLE. */
export function notNullSteps(relation: RangeVar, column: string, { facts, version = 0 }: About): Step[] {
  const taken = facts?.taken ?? [];
  const conname = freeName(`${relation.relname}_${column}_not_null`, taken);
  const named = { conname, is_enforced: true, skip_validation: true, initially_valid: false };
  const validate = alterTable(relation, { subtype: 'AT_ValidateConstraint', name: conname });
  if (version >= NAMED_NOT_NULL)
    return inTurn(
      [addConstraint(relation, { contype: 'CONSTR_NOTNULL', ...named, keys: [{ String: { sval: column } }] })],
      [validate],
    );
  const filled = { NullTest: { arg: columnRef(column), nulltesttype: 'IS_NOT_NULL' as const } };
  return inTurn(
    [addConstraint(relation, { contype: 'CONSTR_CHECK', ...named, raw_expr: filled })],
    [validate],
    [
      alterTable(relation, { subtype: 'AT_SetNotNull', name: column }),
      alterTable(relation, { subtype: 'AT_DropConstraint', name: conname }),
    ],
  );
}

/** A constraint first for what comes, then for the rows there are. Undefined where PostgreSQL has no such way. */
export function constraintSteps(
  relation: RangeVar,
  constraint: Constraint,
  column: string | undefined,
  about: About,
): Step[] | undefined {
  const named = { ...constraint, conname: constraint.conname ?? constraintName(relation, constraint, column) };
  switch (constraint.contype) {
    case 'CONSTR_CHECK':
      return notValidFirst(relation, named);
    case 'CONSTR_NOTNULL':
      return notNullSteps(relation, (constraint.keys as Node[] | undefined)?.[0]?.String?.sval ?? column ?? '', about);
    case 'CONSTR_FOREIGN':
      return foreignKeySteps(
        relation,
        column,
        { ...named, ...(column ? { fk_attrs: [{ String: { sval: column } }] } : {}) },
        about,
      );
    case 'CONSTR_UNIQUE':
    case 'CONSTR_PRIMARY':
      return uniqueSteps(relation, column, named, about);
    default:
      return undefined;
  }
}

function notValidFirst(relation: RangeVar, constraint: Constraint): Step[] {
  return inTurn(
    [addConstraint(relation, { ...constraint, skip_validation: true, initially_valid: false })],
    [alterTable(relation, { subtype: 'AT_ValidateConstraint', name: constraint.conname ?? '' })],
  );
}

function foreignKeySteps(
  relation: RangeVar,
  column: string | undefined,
  constraint: Constraint,
  about: About,
): Step[] | undefined {
  const { table, facts, version = 0 } = about;
  const columns = ((constraint.fk_attrs ?? []) as Node[]).map((key) => key.String?.sval ?? '');
  // With a column that is new there is no index yet.
  const indexed = !column && facts?.indexes.some(({ columns: has }) => startsWith(has, columns));
  const index = indexed ? [] : indexSteps(relation, plainIndex(relation, columns), about);
  if (!index) return undefined;
  if (table.kind !== 'p' || version >= NAMED_NOT_NULL) return inTurn(index, notValidFirst(relation, constraint));
  if (!facts?.partitions.flat) return undefined;
  // One that a partition has already, and that is valid, is taken over.
  const parts = table.leaves.flatMap((leaf) => notValidFirst(rangeOf(leaf, relation), constraint));
  return inTurn(index, ...split(parts), [addConstraint(relation, constraint)]);
}

/** Whether these are the first columns of an index, in any order. */
export function startsWith(index: string[], columns: string[]): boolean {
  const first = index.slice(0, columns.length);
  return columns.length > 0 && first.length === columns.length && columns.every((column) => first.includes(column));
}

function split(steps: Step[]): Step[][] {
  return steps.filter((step) => typeof step !== 'string' || !step.startsWith('--')).map((step) => [step]);
}

function plainIndex(relation: RangeVar, columns: string[]): IndexStmt {
  return {
    idxname: indexName(relation, columns),
    relation,
    accessMethod: 'btree',
    indexParams: columns.map((name) => ({
      IndexElem: { name, ordering: 'SORTBY_DEFAULT' as const, nulls_ordering: 'SORTBY_NULLS_DEFAULT' as const },
    })),
  };
}

/** An index beside running writes; of a partitioned table, of each of its partitions, which are then put together. */
export function indexSteps(relation: RangeVar, index: IndexStmt, { table, facts }: About): Step[] | undefined {
  if (table.kind !== 'p') return [{ IndexStmt: { ...index, relation, concurrent: true } }];
  if (!facts?.partitions.flat || relation.inh === false) return undefined;
  const columns = [...((index.indexParams ?? []) as Node[]), ...((index.indexIncludingParams ?? []) as Node[])].map(
    ({ IndexElem }) => IndexElem?.name ?? 'expr',
  );
  const name = index.idxname ?? indexName(relation, columns);
  const only: Node = { IndexStmt: { ...index, idxname: name, relation: { ...relation, inh: false } } };
  return inTurn(
    [only],
    ...table.leaves.flatMap((leaf) => {
      const range = rangeOf(leaf, relation);
      const own = indexName(range, columns);
      return [
        [{ IndexStmt: { ...index, idxname: own, relation: range, concurrent: true } }],
        [attachIndex(name, own, relation)],
      ];
    }),
  );
}

function attachIndex(index: string, part: string, { schemaname }: RangeVar): Node {
  const range = (relname: string): RangeVar => ({
    ...(schemaname ? { schemaname } : {}),
    relname,
    inh: true,
    relpersistence: 'p',
  });
  return {
    AlterTableStmt: {
      relation: range(index),
      objtype: 'OBJECT_INDEX',
      cmds: [
        {
          AlterTableCmd: {
            subtype: 'AT_AttachPartition',
            def: { PartitionCmd: { name: range(part) } },
            behavior: 'DROP_RESTRICT',
          },
        },
      ],
    },
  };
}

/** A partition as the statement would name it. */
function rangeOf({ schema, name }: Table, like: RangeVar): RangeVar {
  return {
    ...(like.schemaname === undefined ? {} : { schemaname: schema }),
    relname: name,
    inh: true,
    relpersistence: 'p',
  };
}

function uniqueSteps(
  relation: RangeVar,
  column: string | undefined,
  constraint: Constraint,
  about: About,
): Step[] | undefined {
  const { table, facts } = about;
  const keys = ((constraint.keys ?? []) as Node[]).map((key) => key.String?.sval ?? '');
  const columns = keys.length > 0 ? keys : [column ?? ''];
  const primary = constraint.contype === 'CONSTR_PRIMARY';
  if (constraint.indexname || (constraint as { without_overlaps?: boolean }).without_overlaps) return undefined;
  const required = primary ? columns.filter((name) => column === name || facts?.nullable.includes(name)) : [];
  const { including, nulls_not_distinct, options, indexspace, keys: _, ...rest } = constraint;
  const indexOf = (range: RangeVar, name: string): Node => ({
    IndexStmt: {
      ...plainIndex(range, columns),
      idxname: name,
      unique: true,
      concurrent: true,
      ...(including
        ? {
            indexIncludingParams: (including as Node[]).map((key) => ({
              IndexElem: {
                name: key.String?.sval ?? '',
                ordering: 'SORTBY_DEFAULT',
                nulls_ordering: 'SORTBY_NULLS_DEFAULT',
              },
            })),
          }
        : {}),
      ...(nulls_not_distinct ? { nulls_not_distinct } : {}),
      ...(options ? { options } : {}),
      ...(indexspace ? { tableSpace: indexspace } : {}),
    } as IndexStmt,
  });
  const byIndex = (range: RangeVar, name: string) => addConstraint(range, { ...rest, conname: name, indexname: name });
  const filled = required.map((name) => notNullSteps(relation, name, about)).flatMap((steps) => split(steps));
  const name = constraint.conname ?? '';
  if (table.kind !== 'p') return inTurn(...filled, [indexOf(relation, name)], [byIndex(relation, name)]);
  if (primary || !facts?.partitions.flat) return undefined;
  return inTurn(
    [addConstraint({ ...relation, inh: false }, constraint)],
    ...table.leaves.flatMap((leaf) => {
      const range = rangeOf(leaf, relation);
      const { conname: __, ...unnamed } = constraint;
      const own = constraintName(range, unnamed, undefined);
      return [[indexOf(range, own)], [byIndex(range, own)], [attachIndex(name, own, relation)]];
    }),
  );
}
