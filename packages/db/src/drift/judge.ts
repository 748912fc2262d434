import type { Finding } from '@drydock/kit';
import type { MigrationState } from '../migrations/compare.ts';
import { readDeployed } from '../schema/running.ts';
import type { Target } from '../target.ts';
import type { DriftItem } from './items.ts';
import { type Drift, findDrift } from './look.ts';
import { driftFinding, driftKey } from './words.ts';

/**
 * What a deploy has to do with drift: it makes of the target what the migrations make. What the product had before is told; what is new is an
 * error, that can be taken on. New is what the pending migrations make otherwise than the schema says, and what the version that comes
 * would ask for in vain (a table, a column, a type, a value of an enum), unless the deploy before had that already. What else is lacking, an
 * index above all, no migration has made. On a database without any migration all else is the product's own.
 */
export async function judgeDrift(
  target: Target,
  { items }: Drift,
  { applied }: Pick<MigrationState, 'applied'>,
): Promise<Finding[]> {
  if (items.length === 0) return [];
  const [last] = await readDeployed(target);
  const known = new Set(last?.drift ?? []);
  const before = applied.length > 0 ? new Set((await findDrift(target)).drift.items.map(driftKey)) : undefined;
  const isNew = (item: DriftItem): boolean => {
    if (known.has(driftKey(item)) || item.aspect?.startsWith('name: ')) return false;
    return item.way === 'lacks' ? wouldBeMissed(item) : before !== undefined && !before.has(driftKey(item));
  };
  const [made, old] = [items.filter(isNew), items.filter((item) => !isNew(item))];
  return [
    ...(made.length > 0 ? [driftFinding(made, 'error', target, 'made')] : []),
    ...(old.length > 0 ? [driftFinding(old, 'warn', target, 'before')] : []),
  ];
}

/** A client of the schema names these in its queries. */
function wouldBeMissed({ key }: DriftItem): boolean {
  return /^(table|column|type|enum value) /.test(key);
}
