import type { ColumnDef, Constraint, RangeVar } from 'libpg-query';
import type { Raw, Step } from '../migrations/note.ts';
import type { Node } from '../migrations/statements.ts';
import { isAmong, labelsOf, wasRead } from './evidence.ts';
import { freeName } from './names.ts';
import { alterTable, type Cmd, cmdsOf, columnRef, inlineOf, inTurn, typeOf } from './nodes.ts';
import { type About, constraintSteps, notNullSteps } from './recipes.ts';
import { about, type Rule, type Situation, weigh } from './types.ts';

/** One part of an ALTER TABLE that reads or writes all rows. */
interface Judged extends Pick<Raw, 'code' | 'message' | 'hint'> {
  /** What of it stays as it is: a column without what fills it. */
  keep: Node[];
  /** Without: PostgreSQL has no way that blocks nobody. */
  steps: Step[] | undefined;
  /** It fails, whatever the size. */
  fails?: boolean;
}

interface Place extends About {
  relation: RangeVar;
  situation: Situation;
  rows: string;
}

/** What an ALTER TABLE does to the rows that are there, while others wait: what was seen of it, named by its syntax. */
export const alterRule: Rule = (situation) => {
  const { node, tableOf, facts, version } = situation;
  const relation = node.AlterTableStmt?.relation;
  const table = tableOf(relation);
  if (!relation || !table || table.rows === 0) return [];
  const level = weigh(table, situation);
  const place: Place = { relation, table, facts: facts.get(table.label), version, situation, rows: about(table.rows) };
  const cmds = cmdsOf(node);
  const judged = cmds.map((cmd) => judge(cmd, place));
  const all = judged.flat();
  // The first tells the way of the whole statement, if there is one.
  const known = all.length > 0 && all.every(({ steps }) => steps !== undefined);
  const rest = cmds.filter((_, i) => judged[i]?.length === 0);
  const recipe = known
    ? inTurn(
        [...(rest.length > 0 ? [alterTable(relation, ...rest)] : []), ...all.flatMap(({ keep }) => keep)],
        ...all.map(({ steps = [] }) => steps),
      )
    : [];
  let told = false;
  return all.flatMap(({ keep: _, steps, fails, ...raw }): Raw[] => {
    if (!level && !fails) return [];
    const withRecipe = known && !told && steps;
    told ||= Boolean(withRecipe);
    return [
      {
        ...raw,
        level: fails ? 'error' : (level ?? 'info'),
        ...(withRecipe ? { recipe } : {}),
        tables: blockedBy(place, node),
      },
    ];
  });
};

/** With a foreign key, the other table as well. */
function blockedBy({ table, situation: { tableOf } }: Place, node: Node): string[] {
  const others = cmdsOf(node)
    .flatMap((cmd) => [(cmd.def as Node | undefined)?.Constraint, ...inlineOf(cmd)])
    .flatMap((constraint) => tableOf(constraint?.pktable) ?? []);
  return [table, ...others].flatMap(labelsOf);
}

function judge(cmd: Cmd, place: Place): Judged[] {
  const { table, situation, relation, rows } = place;
  const { observed } = situation;
  const read = wasRead(situation, table);
  const rewritten = isAmong(observed.rewritten, table);
  if (cmd.subtype === 'AT_SetNotNull' && read)
    return [
      {
        code: 'NOT_NULL_VALIDATES',
        message: `reads all rows of ${table.label} (${rows}) for NULLs in ${cmd.name} and blocks reads and writes of it meanwhile`,
        keep: [],
        steps: notNullSteps(relation, cmd.name ?? '', place),
      },
    ];
  if (cmd.subtype === 'AT_AddConstraint') {
    const constraint = ((cmd.def ?? {}) as Node).Constraint;
    // A foreign key is checked by a query, which may read by an index.
    const checked = read || (constraint?.contype === 'CONSTR_FOREIGN' && isAmong(observed.searched, table));
    return constraint && checked ? ofConstraint(constraint, undefined, place) : [];
  }
  if (cmd.subtype === 'AT_AlterColumnType' && (rewritten || isAmong(observed.reindexed, table)))
    return [
      {
        code: 'TYPE_CHANGE',
        message: `${rewritten ? `writes all rows of ${table.label} (${rows})` : `builds indexes of ${table.label} (${rows})`} anew and blocks reads and writes of it meanwhile`,
        hint: 'Add a column of the new type, write both from the next version on, fill it in batches, and drop the old one in a later release.',
        ...newColumn(cmd, place),
      },
    ];
  return cmd.subtype === 'AT_AddColumn' ? ofColumn(cmd, place, { read, rewritten }) : [];
}

function ofConstraint(constraint: Constraint, column: string | undefined, place: Place): Judged[] {
  const { table, rows, relation } = place;
  const steps = constraintSteps(relation, constraint, column, place);
  const keep: Node[] = [];
  const { contype } = constraint;
  if (contype === 'CONSTR_NOTNULL')
    return [
      {
        code: 'NOT_NULL_VALIDATES',
        message: `reads all rows of ${table.label} (${rows}) for NULLs and blocks reads and writes of it meanwhile`,
        keep,
        steps,
      },
    ];
  if (constraint.skip_validation) return [];
  if (contype === 'CONSTR_CHECK')
    return [
      {
        code: 'CONSTRAINT_VALIDATES',
        message: `checks all rows of ${table.label} (${rows}) and blocks reads and writes of it meanwhile`,
        keep,
        steps,
      },
    ];
  if (contype === 'CONSTR_FOREIGN')
    return [
      {
        code: 'FOREIGN_KEY_VALIDATES',
        message: `looks up the key of all rows of ${table.label} (${rows}) and blocks writes of it and of ${constraint.pktable?.relname} meanwhile`,
        keep,
        steps,
      },
    ];
  if (constraint.indexname) return ofPreparedKey(constraint, place);
  if (contype !== 'CONSTR_UNIQUE' && contype !== 'CONSTR_PRIMARY' && contype !== 'CONSTR_EXCLUSION') return [];
  return [
    {
      code: 'UNIQUE_BUILDS_INDEX',
      message: `builds an index over ${table.label} (${rows}) and blocks reads and writes of it meanwhile`,
      ...(steps
        ? {}
        : {
            hint: 'PostgreSQL builds no such index beside running writes: at a quiet hour, or on a new table that is filled in batches.',
          }),
      keep,
      steps,
    },
  ];
}

/** PRIMARY KEY USING INDEX: what may be NULL is read. */
function ofPreparedKey(constraint: Constraint, place: Place): Judged[] {
  const { table, rows, relation, facts } = place;
  if (constraint.contype !== 'CONSTR_PRIMARY') return [];
  const unique = facts?.indexes.filter(({ unique: is }) => is) ?? [];
  const nullable = unique.flatMap(({ columns }) => columns).filter((column) => facts?.nullable.includes(column));
  // Which of several it is, its columns do not say.
  const sure = unique.length === 1;
  const steps = [...new Set(nullable)].flatMap((column) => [notNullSteps(relation, column, place)]);
  return [
    {
      code: 'NOT_NULL_VALIDATES',
      message: `reads all rows of ${table.label} (${rows}) for NULLs in the columns of the key and blocks reads and writes of it meanwhile`,
      hint: 'Make the columns NOT NULL first.',
      keep: [],
      steps: sure
        ? inTurn(...steps, [alterTable(relation, { subtype: 'AT_AddConstraint', def: { Constraint: constraint } })])
        : undefined,
    },
  ];
}

function ofColumn(cmd: Cmd, place: Place, { read, rewritten }: { read: boolean; rewritten: boolean }): Judged[] {
  const { table, relation, rows } = place;
  const column = ((cmd.def ?? {}) as Node).ColumnDef;
  const inline = inlineOf(cmd);
  const has = (...kinds: string[]) => inline.find(({ contype }) => kinds.includes(contype ?? ''));
  const filled = has('CONSTR_DEFAULT', 'CONSTR_IDENTITY', 'CONSTR_GENERATED');
  const serial = /serial/.test(typeOf(column?.typeName) ?? '');
  const name = column?.colname ?? '';
  // Where all rows are there, it would have failed.
  const skipped = cmd.missing_ok && place.facts?.taken.includes(name);
  if (has('CONSTR_NOTNULL') && !filled && !serial && !skipped && !place.situation.allRows)
    return [
      {
        code: 'NOT_NULL_WITHOUT_DEFAULT',
        message: `adds the required column ${name} without a default to ${table.label}${place.situation.limits.sizesUnknown ? ': it fails if there is a row' : `, which has ${rows}: it fails`}`,
        hint: 'Give it a DEFAULT (a constant costs nothing); or add it without NOT NULL, fill it in batches, and require it then.',
        keep: [],
        steps: undefined,
        fails: true,
      },
    ];
  // What comes with the column is checked against all rows only then.
  const checks = read ? inline.filter(({ contype }) => contype !== 'CONSTR_NOTNULL') : [];
  const others = checks.flatMap((constraint) => ofConstraint(constraint, name, place));
  const bare = { subtype: 'AT_AddColumn' as const, def: { ColumnDef: bareColumn(column) } };
  if (!rewritten || !(filled || serial)) {
    const [first, ...more] = others;
    if (!first) return [];
    const kept = inline.filter(({ contype }) => ['CONSTR_NOTNULL', 'CONSTR_DEFAULT'].includes(contype ?? ''));
    const def = { ColumnDef: { ...bareColumn(column), constraints: kept.map((Constraint) => ({ Constraint })) } };
    return [{ ...first, keep: [alterTable(relation, { ...bare, def })] }, ...more];
  }
  return [fillsColumn(place, { name, bare, inline, others, plain: !serial && filled?.contype === 'CONSTR_DEFAULT' })];
}

/** A default that differs by row, a serial, an identity, a stored expression. */
function fillsColumn(
  place: Place,
  {
    name,
    bare,
    inline,
    others,
    plain,
  }: { name: string; bare: Cmd; inline: Constraint[]; others: Judged[]; plain: boolean },
): Judged {
  const { relation, table, rows } = place;
  const generated = inline.some(({ contype }) => contype === 'CONSTR_GENERATED');
  const expression = inline.find(({ contype }) => contype === 'CONSTR_DEFAULT')?.raw_expr;
  const message = `${generated ? 'computes the new column of' : 'gives'} each row of ${table.label} (${rows}) ${generated ? '' : 'a value of its own '}and so writes all of them anew, and blocks reads and writes of it meanwhile`;
  if (!plain || !expression || others.some(({ steps }) => !steps))
    return {
      code: 'VOLATILE_DEFAULT',
      message,
      hint: generated
        ? 'A plain column that a trigger writes, filled in batches, blocks nobody; or a view, or an index on the expression.'
        : 'Add it as a plain column, give it its default then, and fill the rows that are there in batches.',
      keep: [],
      steps: undefined,
    };
  const required = inline.some(({ contype }) => contype === 'CONSTR_NOTNULL' || contype === 'CONSTR_PRIMARY');
  return {
    code: 'VOLATILE_DEFAULT',
    message,
    keep: [alterTable(relation, bare), alterTable(relation, { subtype: 'AT_ColumnDefault', name, def: expression })],
    steps: inTurn(
      [{ Fill: { table: relation, labels: filledOf(place), column: name, value: undefined } }],
      required ? notNullSteps(relation, name, place) : [],
      ...others.map(({ steps = [] }) => steps),
    ),
  };
}

/** A column of the new type takes the place of the old one; only of one that nothing hangs on. */
function newColumn(cmd: Cmd, place: Place): Pick<Judged, 'keep' | 'steps'> {
  const { relation, facts } = place;
  const old = cmd.name ?? '';
  const { ColumnDef: column } = (cmd.def ?? {}) as Node;
  if (!facts?.free.includes(old) || !column?.typeName) return { keep: [], steps: undefined };
  const name = freeName(`${old}_new`, facts.taken);
  const value = column.raw_default ?? ({ TypeCast: { arg: columnRef(old), typeName: column.typeName } } as Node);
  return {
    keep: [
      alterTable(relation, { subtype: 'AT_AddColumn', def: { ColumnDef: { ...bareColumn(column), colname: name } } }),
    ],
    steps: [
      { Fill: { table: relation, labels: filledOf(place), column: name, value, source: old } },
      '-- in a later release, once each version that runs writes both:',
      alterTable(relation, { subtype: 'AT_DropColumn', name: old }),
      {
        RenameStmt: {
          renameType: 'OBJECT_COLUMN',
          relationType: 'OBJECT_TABLE',
          relation,
          subname: name,
          newname: old,
          behavior: 'DROP_RESTRICT',
        },
      } as Node,
    ],
  };
}

function filledOf({ table }: Place): string[] {
  return table.leaves.length > 0 ? table.leaves.map(({ label }) => label) : [table.label];
}

function bareColumn(column: ColumnDef | undefined): ColumnDef {
  const { constraints: _, raw_default: __, ...bare } = column ?? {};
  return { is_local: true, ...bare };
}
