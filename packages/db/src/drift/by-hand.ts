import { command, type Finding, hint, OpsError } from '@drydock/kit';
import { compareInventories, type Difference, hashInventory, type Inventory, outermost } from '@drydock/kit/inventory';
import { readState } from '../migrations/state.ts';
import { inventoryOf } from '../schema/inventory.ts';
import { unlikeMade } from '../schema/promised.ts';
import { readDeployed } from '../schema/running.ts';
import type { Target } from '../target.ts';
import { readKept } from './kept.ts';

export interface ByHand extends Difference {
  /** What it was compared with: what our last deploy left, or what the migrations make of nothing. */
  since: 'deploy' | 'migrations';
}

const NOTHING: ByHand = { since: 'deploy', added: [], lost: [], changed: [] };

/**
 * What of the target somebody changed who is no migration. What our last deploy left is known to the letter, where nobody else
 * has deployed since; undefined where only the migrations could tell.
 */
export async function sinceDeploy(target: Target, head: string | null, actual: Inventory): Promise<ByHand | undefined> {
  const [last] = await readDeployed(target);
  if (!last || last.head !== head) return undefined;
  if (last.inventory === hashInventory(actual)) return NOTHING;
  const kept = await readKept(target.url, last.inventory);
  return kept && { since: 'deploy', ...outermost(compareInventories(kept, actual)) };
}

/** The same by what the migrations make, which does not say who owns what and may what. */
export function sinceMigrations({ defaultSchema }: Target, made: Inventory, actual: Inventory): ByHand {
  const { added, lost, changed } = outermost(unlikeMade(made, actual));
  // The schema that the URL names is made by whoever comes first, no migration.
  return { since: 'migrations', added: added.filter((key) => key !== `schema ${defaultSchema}`), lost, changed };
}

/** Of the database as it is. */
export async function byHandNow(target: Target): Promise<ByHand | undefined> {
  const { applied } = await readState(target);
  return sinceDeploy(target, applied.toSorted().at(-1) ?? null, await inventoryOf(target.url));
}

/** `lacks policy public.users.mine` */
export function listed({ since, added, lost, changed }: ByHand): string[] {
  return [
    ...lost.map((key) => `lacks ${key}`),
    ...added.map((key) => `has ${key}, which ${since === 'deploy' ? 'is new' : 'no applied migration makes'}`),
    ...changed.map((key) => `has another ${key}`),
  ];
}

/** So many are told by name. */
const TOLD = 8;

export function byHandFinding(found: ByHand): Finding[] {
  const said = listed(found);
  if (said.length === 0) return [];
  const more = said.length > TOLD ? `, and ${said.length - TOLD} more` : '';
  return [
    {
      level: 'warn',
      code: 'DRIFT_BEFORE',
      message: `The target is not what ${found.since === 'deploy' ? 'our last deploy left' : 'its applied migrations make'}: it ${said.slice(0, TOLD).join('; it ')}${more}.`,
      hint: hint`Who did it: ${command('ops:log')}. All of it: ${command('db:drift')}`,
    },
  ];
}

/** A history that cannot be made anew tells nothing; that is said. */
export function byHandUnknown(thrown: unknown): Finding[] {
  if (!(thrown instanceof OpsError)) throw thrown;
  return [
    {
      level: 'warn',
      code: 'DRIFT_BEFORE',
      message: `Whether the target is what its migrations make could not be told: ${thrown.message}`,
    },
  ];
}
