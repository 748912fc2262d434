import { command, hint } from '@drydock/kit';
import type { RangeVar } from 'libpg-query';
import type { Raw } from '../migrations/note.ts';
import type { Node } from '../migrations/statements.ts';
import { labelsOf } from './evidence.ts';
import { about, type Situation, weigh } from './types.ts';

interface Change {
  verb: string;
  relation: RangeVar | undefined;
  /** It changes all rows, by its words. */
  all: boolean;
}

/** Rows that one statement changes in one transaction, by what was seen; what its words alone tell where the copy has none. */
export function changeRule(situation: Situation): Raw[] {
  const { observed, statement, inner, tableOf, rowsOf, kindOf, allRows, limits } = situation;
  if (statement.alone) return [];
  const left = new Map(observed.touched.map(({ relation, rows }) => [relation, rows]));
  const found: { verb: string; label: string; all: boolean; has: number; rows: number }[] = [];
  for (const { verb, relation, all } of [statement.node, ...inner.nodes].flatMap((node) =>
    changesIn(node, situation),
  )) {
    const table = tableOf(relation);
    if (!table || table.rows === 0) continue;
    const labels = labelsOf(table);
    const seen = labels.reduce((sum, label) => sum + (left.get(label) ?? 0), 0);
    for (const label of labels) left.delete(label);
    found.push({ verb, label: table.label, all, has: table.rows, rows: allRows || !all ? seen : table.rows });
  }
  // By a trigger, a cascade, or code that puts together what it runs.
  for (const [label, rows] of left) found.push({ verb: 'changes', label, all: false, has: rowsOf(label), rows });
  return found.flatMap(({ verb, label, all, has, rows }): Raw[] => {
    // A REFRESH is told as what it is.
    if (observed.gone.includes(label) || kindOf(label) === 'm' || (has === 0 && !all)) return [];
    const many = rows * 10 >= limits.largeTableRows || (rows * 2 >= has && rows * 100 >= limits.largeTableRows);
    if (!many && !(all && rows > 0)) return [];
    const weight = weigh({ rows }, situation);
    // How many rows meet a condition, its words do not tell.
    const level = weight && limits.sizesUnknown && !all ? 'info' : weight;
    if (!level) return [];
    return [
      {
        level,
        code: 'UNBOUNDED_CHANGE',
        message: `${verb} ${all ? 'all ' : ''}rows of ${label} (${about(rows)}) in one transaction and keeps their locks until it ends`,
        hint: hint`Change rows in batches of a few thousand, each committed: a DO block with COMMIT, alone in its file, or outside the migration: ${command('db:backfill', {}, 'FILE.sql')}`,
      },
    ];
  });
}

/** At any depth: a WITH may hold one. */
function changesIn(node: Node, situation: Situation): Change[] {
  const { limits } = situation;
  const found: Change[] = [];
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const { UpdateStmt, DeleteStmt, InsertStmt, MergeStmt } = value as Node;
    if (UpdateStmt)
      found.push({ verb: 'updates', relation: UpdateStmt.relation, all: isAll(UpdateStmt.whereClause, situation) });
    if (DeleteStmt) found.push({ verb: 'deletes', relation: DeleteStmt.relation, all: !DeleteStmt.whereClause });
    if (InsertStmt)
      found.push({
        verb: 'inserts',
        relation: InsertStmt.relation,
        all: limits.sizesUnknown === true && takesAll(InsertStmt.selectStmt),
      });
    if (MergeStmt) found.push({ verb: 'merges', relation: MergeStmt.relation, all: false });
    for (const part of Object.values(value)) walk(part);
  };
  if (!node.CreateFunctionStmt) walk(node);
  return found;
}

/** Of what a query gives from whole tables: as many as those have. */
function takesAll(query: Node | undefined): boolean {
  const select = query?.SelectStmt;
  return Boolean(select?.fromClause && !select.whereClause && !select.limitCount);
}

/** No condition, or one that all rows meet: that a column is NULL which the same migration has added. */
function isAll(where: Node | undefined, { all, index }: Situation): boolean {
  if (!where) return true;
  const test = where.NullTest;
  const column = ((test?.arg as Node | undefined)?.ColumnRef?.fields as Node[] | undefined)?.at(-1)?.String?.sval;
  if (test?.nulltesttype !== 'IS_NULL' || !column) return false;
  return all
    .slice(0, index)
    .flatMap(({ statement, inner }) => [statement.node, ...inner.nodes])
    .some(({ AlterTableStmt }) =>
      ((AlterTableStmt?.cmds ?? []) as Node[]).some(
        ({ AlterTableCmd: cmd }) =>
          cmd?.subtype === 'AT_AddColumn' && ((cmd.def ?? {}) as Node).ColumnDef?.colname === column,
      ),
    );
}
