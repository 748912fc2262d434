import type { Step } from '../migrations/note.ts';
import type { Node } from '../migrations/statements.ts';
import { labelsOf, wasRead } from './evidence.ts';
import { indexSteps } from './recipes.ts';
import { about, type Rule, weigh } from './types.ts';

const ALONE = 'CONCURRENTLY, alone in a migration of its own.';

export const indexRule: Rule = (situation) => {
  const { IndexStmt } = situation.node;
  const table = situation.tableOf(IndexStmt?.relation);
  if (!IndexStmt?.relation || !table || IndexStmt.concurrent || !wasRead(situation, table)) return [];
  const level = weigh(table, situation);
  if (!level) return [];
  const recipe = indexSteps(IndexStmt.relation, IndexStmt, { table, facts: situation.facts.get(table.label) });
  return [
    {
      level,
      code: 'INDEX_NOT_CONCURRENT',
      message: `blocks writes of ${table.label} (${about(table.rows)}) while the index is built`,
      hint: ALONE,
      ...(recipe ? { recipe } : {}),
      tables: labelsOf(table),
    },
  ];
};

export const reindexRule: Rule = (situation) => {
  const { node, observed, rowsOf } = situation;
  const { ReindexStmt } = node;
  const concurrently = ReindexStmt?.params?.some((param: Node) => param.DefElem?.defname === 'concurrently');
  if (!ReindexStmt || concurrently) return [];
  const rows = Math.max(0, ...observed.reindexed.map(rowsOf));
  const level = weigh({ rows }, situation);
  if (!level) return [];
  const params = [...(ReindexStmt.params ?? []), { DefElem: { defname: 'concurrently' } }];
  return [
    {
      level,
      code: 'INDEX_NOT_CONCURRENT',
      message: `blocks writes of ${observed.reindexed.slice(0, 3).join(', ')} (${about(rows)}), and reads by the index, while it is built anew`,
      hint: ALONE,
      recipe: [{ ReindexStmt: { ...ReindexStmt, params } } as Node],
      tables: observed.reindexed,
    },
  ];
};

/** It takes a moment, for which it has to have the table for itself. */
export const dropIndexRule: Rule = ({ node: { DropStmt }, observed, rowsOf, limits, kindOf }) => {
  if (DropStmt?.removeType !== 'OBJECT_INDEX' || DropStmt.concurrent) return [];
  const locked = observed.locks.filter(({ mode }) => mode === 'AccessExclusiveLock').map(({ relation }) => relation);
  const [table] = locked;
  // Of a partitioned table's there is no other way.
  if (!table || locked.some((label) => kindOf(label) === 'p') || rowsOf(table) < limits.largeTableRows) return [];
  const recipe = ((DropStmt.objects ?? []) as Node[]).flatMap((object, i): Step[] => [
    ...(i > 0 ? ['-- in the next migration:'] : []),
    { DropStmt: { ...DropStmt, objects: [object], concurrent: true } } as Node,
  ]);
  return [
    {
      level: 'warn',
      code: 'INDEX_NOT_CONCURRENT',
      message: `lets all reads and writes of ${table} (${about(rowsOf(table))}) wait until it has its lock`,
      hint: ALONE,
      recipe,
      tables: locked,
    },
  ];
};
