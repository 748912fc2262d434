import type { Node, Statement } from '../migrations/statements.ts';
import type { TableFacts } from '../seen/facts.ts';
import { lockDocumented, STRENGTH } from '../seen/sight.ts';
import type { Named, NamedTable } from '../seen/tables.ts';
import type { ObservedStatement, Witness } from '../seen/types.ts';
import type { Catalogue } from './catalogue.ts';
import { Effects } from './effects.ts';
import type { Inside } from './inside.ts';
import { keyOf } from './model.ts';
import { cutNames } from './notes.ts';

/**
 * What would be seen of a statement, foretold by its syntax and what the migrations before it have made; then the catalogue has it. `held`: the
 * locks of the same transaction so far.
 */
export async function witnessOf(
  statement: Statement,
  inner: Inside,
  catalogue: Catalogue,
  { together, transaction, held }: { together: boolean; transaction: number; held: Map<string, string> },
): Promise<Witness> {
  const nodes = [statement.node, ...inner.nodes];
  const ranges = nodes.flatMap(rangesIn);
  const known = new Map(ranges.map((range) => [keyOf(range), catalogue.find(range)?.named()]));
  const facts = new Map<string, TableFacts>();
  for (const range of ranges) {
    const table = catalogue.find(range);
    const has = table?.facts(catalogue.viewed);
    if (table && has) facts.set(table.label, has);
  }
  const effects = new Effects(catalogue);
  for (const node of nodes) {
    effects.see(node);
    catalogue.apply({ node, sql: node === statement.node ? statement.sql : '' });
  }
  for (const range of ranges) {
    const key = keyOf(range);
    // What the statement itself makes is new.
    if (!known.get(key)) known.set(key, catalogue.find(range)?.named());
  }
  const tableOf = (range: Named | undefined): NamedTable | undefined => {
    const table = range ? known.get(keyOf(range)) : undefined;
    return table && table.rows > 0 ? table : undefined;
  };
  const taken = [...effects.locks].filter(([label, mode]) => strength(mode) > strength(held.get(label)));
  for (const [label, mode] of taken) held.set(label, mode);
  const rows = Number.POSITIVE_INFINITY;
  const observed: ObservedStatement = {
    line: statement.line,
    sql: statement.sql,
    durationMs: 0,
    locks: taken.map(([relation, mode]) => ({ relation, mode, heldMs: 0 })),
    rewritten: [...effects.rewritten],
    reindexed: [...effects.reindexed].filter((label) => !effects.rewritten.has(label)),
    touched: [...effects.touched].map((relation) => ({ relation, rows })),
    read: [...effects.read].map((relation) => ({ relation, scans: 1, rows })),
    searched: [],
    deleted: [],
    gone: [...effects.gone],
  };
  if (statement.alone)
    Object.assign(observed, { locks: lockDocumented(statement.node, tableOf), touched: [], read: [] });
  return {
    ...{ observed, statement, together, transaction, tableOf, facts, inner },
    allRows: false,
    cut: await cutNames([statement.sql, ...inner.texts]),
    bound: undefined,
    // Recipes for the oldest server: those of a newer one it would refuse.
    version: 0,
  };
}

function strength(mode: string | undefined): number {
  return STRENGTH.indexOf(mode ?? '');
}

/** Every relation that a statement names, at any depth. */
function rangesIn(value: unknown): Named[] {
  if (typeof value !== 'object' || value === null) return [];
  const { relname, schemaname } = value as Named;
  return [
    ...(typeof relname === 'string' ? [{ schemaname, relname }] : []),
    ...Object.values(value as Node).flatMap(rangesIn),
  ];
}
