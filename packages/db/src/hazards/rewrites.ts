import type { Raw } from '../migrations/note.ts';
import type { Node } from '../migrations/statements.ts';
import { about, type Situation, weigh } from './types.ts';

/** Tables whose rows were written anew, whatever did it; `told`: those of which an ALTER TABLE says why. */
export function rewriteRule(situation: Situation, told: ReadonlySet<string>): Raw[] {
  const { observed, statement, inner, tableOf, emptied, rowsOf, facts } = situation;
  const truncated = new Set(
    [statement.node, ...inner.nodes]
      .flatMap(({ TruncateStmt }) => (TruncateStmt?.relations ?? []) as Node[])
      .flatMap(({ RangeVar }) => tableOf(RangeVar)?.label ?? []),
  );
  return observed.rewritten.flatMap((label): Raw[] => {
    // To empty a table is told as that.
    if (told.has(label) || emptied.has(label) || truncated.has(label)) return [];
    const level = weigh({ rows: rowsOf(label) }, situation);
    if (!level) return [];
    const { RefreshMatViewStmt, ClusterStmt, VacuumStmt } = statement.node;
    const byKey = facts.get(label)?.indexes.some(({ unique }) => unique);
    return [
      {
        level,
        code: 'REWRITES_TABLE',
        message: `writes all rows of ${label} (${about(rowsOf(label))}) anew and blocks reads and writes of it meanwhile`,
        hint: RefreshMatViewStmt
          ? 'CONCURRENTLY, which wants a unique index of all rows.'
          : ClusterStmt || VacuumStmt
            ? 'pg_repack does it beside the running product; a plain VACUUM gives room back to the table itself.'
            : 'Add a new column or table, fill it in batches, and switch over in a later release.',
        ...(RefreshMatViewStmt && byKey
          ? { recipe: [{ RefreshMatViewStmt: { ...RefreshMatViewStmt, concurrent: true } } as Node] }
          : {}),
        tables: [label],
      },
    ];
  });
}
