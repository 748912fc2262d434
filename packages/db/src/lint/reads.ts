import type { RangeVar } from 'libpg-query';
import type { Node } from '../migrations/statements.ts';

/** Tables of which a query reads all rows, by its words: no condition, no LIMIT, and nothing that ends it early. */
export function readRanges(node: Node): RangeVar[] {
  const { InsertStmt, CreateTableAsStmt, SelectStmt } = node;
  const query = (InsertStmt?.selectStmt ?? CreateTableAsStmt?.query) as Node | undefined;
  const select = query?.SelectStmt ?? SelectStmt;
  if (!select || select.whereClause || select.limitCount) return [];
  // Names of a WITH are no tables.
  const own = ((select.withClause?.ctes ?? []) as Node[]).map(({ CommonTableExpr }) => CommonTableExpr?.ctename);
  return rangesOf(select.fromClause).filter(({ relname }) => !own.includes(relname));
}

/** What a FROM names; what is looked for in a subquery is none of it. */
function rangesOf(value: unknown): RangeVar[] {
  if (typeof value !== 'object' || value === null) return [];
  const { RangeVar, JoinExpr } = value as Node;
  if (RangeVar) return [RangeVar];
  if (JoinExpr) return [...rangesOf(JoinExpr.larg), ...rangesOf(JoinExpr.rarg)];
  return Array.isArray(value) ? value.flatMap(rangesOf) : [];
}
