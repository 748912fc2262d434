import type { Node } from '../migrations/statements.ts';
import type { Witness } from './types.ts';

/**
 * Columns whose values a statement of the pending migrations writes to another place: `UPDATE … SET new = f(old)`, INSERT … SELECT, CREATE TABLE
 * AS. Only where no condition keeps rows out of it, but for one that asks what is filled, and the pages of a batch.
 */
export class Moved {
  #places = new Map<string, string>();

  /** Where a column was read for another place: `migration:line`. */
  of(label: string, column: string): string | undefined {
    return this.#places.get(keyOf(label, column)) ?? this.#places.get(keyOf(label, '*'));
  }

  note(migration: string, { statement, inner, tableOf }: Pick<Witness, 'statement' | 'inner' | 'tableOf'>): void {
    for (const node of [statement.node, ...inner.nodes])
      for (const { relations, columns } of copiesIn(node))
        for (const range of relations) {
          const table = tableOf(range);
          for (const label of table ? [table.label, ...table.leaves.map((leaf) => leaf.label)] : [])
            for (const column of columns) this.#places.set(keyOf(label, column), `${migration}:${statement.line}`);
        }
  }
}

const keyOf = (label: string, column: string) => JSON.stringify([label, column]);

interface Copy {
  relations: NonNullable<Node['RangeVar']>[];
  columns: string[];
}

function copiesIn(node: Node): Copy[] {
  const { UpdateStmt, InsertStmt, CreateTableAsStmt } = node;
  const select = ((InsertStmt?.selectStmt ?? CreateTableAsStmt?.query) as Node | undefined)?.SelectStmt;
  if (UpdateStmt && keepsNone(UpdateStmt.whereClause)) {
    const own = UpdateStmt.relation ? [UpdateStmt.relation] : [];
    return [{ relations: [...own, ...rangesIn(UpdateStmt.fromClause)], columns: columnsIn(UpdateStmt.targetList) }];
  }
  if (select && keepsNone(select.whereClause) && !select.limitCount)
    return [{ relations: rangesIn(select.fromClause), columns: columnsIn(select.targetList) }];
  return [];
}

/** Conditions that ask whether something is filled, where a row lies, or which row of the other table belongs to it. */
function keepsNone(where: Node | undefined): boolean {
  if (!where) return true;
  if (where.NullTest) return true;
  if (where.BoolExpr?.boolop === 'AND_EXPR') return ((where.BoolExpr.args ?? []) as Node[]).every(keepsNone);
  const { lexpr, rexpr } = where.A_Expr ?? {};
  const left = lastOf(lexpr as Node | undefined);
  return left === 'ctid' || (left !== undefined && lastOf(rexpr as Node | undefined) !== undefined);
}

function lastOf(node: Node | undefined): string | undefined {
  return ((node?.ColumnRef?.fields ?? []) as Node[]).at(-1)?.String?.sval;
}

function rangesIn(value: unknown): Copy['relations'] {
  const found: Copy['relations'] = [];
  walk(value, ({ RangeVar }) => void (RangeVar && found.push(RangeVar)));
  return found;
}

function columnsIn(value: unknown): string[] {
  const found: string[] = [];
  walk(value, ({ ColumnRef }) => {
    const last = ((ColumnRef?.fields ?? []) as Node[]).at(-1);
    if (last) found.push(last.A_Star ? '*' : (last.String?.sval ?? ''));
  });
  return found;
}

function walk(value: unknown, see: (node: Node) => void): void {
  if (typeof value !== 'object' || value === null) return;
  see(value as Node);
  for (const part of Object.values(value)) walk(part, see);
}
