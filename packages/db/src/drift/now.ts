import type { Finding } from '@drydock/kit';
import { readDeployed } from '../schema/running.ts';
import type { Target } from '../target.ts';
import type { DriftItem } from './items.ts';
import { driftFinding, driftKey } from './words.ts';

/**
 * Drift of a database with all migrations applied. A warning, for it may be the product's own; an error is what was not there when our last
 * deploy ended: then the schema has changed without a migration, or somebody has changed the database by hand. A deploy takes it as it is.
 */
export async function driftNow(target: Target, items: DriftItem[], applied: string[]): Promise<Finding[]> {
  if (items.length === 0) return [];
  const since = await newSince(target, items, applied);
  const old = items.filter((item) => !since.includes(item));
  return [
    ...(since.length > 0 ? [driftFinding(since, 'error', target, 'since')] : []),
    ...(old.length > 0 ? [driftFinding(old, 'warn', target)] : []),
  ];
}

/** Nothing where another tool has deployed since, or none of ours ever did: nobody has looked then. */
async function newSince(target: Target, items: DriftItem[], applied: string[]): Promise<DriftItem[]> {
  const [last] = await readDeployed(target);
  if (!last?.drift || last.head !== (applied.toSorted().at(-1) ?? null)) return [];
  const known = new Set(last.drift);
  return items.filter((item) => !known.has(driftKey(item)));
}
