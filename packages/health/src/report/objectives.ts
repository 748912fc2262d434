import type { HealthConfig } from '../config/health.ts';
import { reading } from '../gate/share.ts';
import type { Window } from '../metrics/window.ts';
import { countsOf, usageOf } from '../objectives/count.ts';
import { percent } from '../objectives/list.ts';
import type { Objective, ShareObjective } from '../objectives/types.ts';
import type { ObjectiveView } from './types.ts';

/** Each objective over the time of the report, and what is left of its error budget over the time of the budget. */
export function viewObjectives(
  objectives: readonly Objective[],
  seen: Window | undefined,
  budgets: ReadonlyMap<string, number | null>,
  health: HealthConfig,
): ObjectiveView[] {
  return objectives.flatMap((objective): ObjectiveView[] => {
    const { id, title, wanted } = objective;
    // Growth needs collections one by one, which sums no longer have: health:capacity looks at that.
    if (objective.kind === 'growth') return [];
    if (objective.kind === 'share') {
      const told = seen && reading(objective, seen);
      const known = told !== undefined && told.value !== null;
      const left = budgets.get(id) ?? null;
      const state = !known ? 'unknown' : isMissed(objective, seen) ? 'missed' : 'kept';
      return [{ id, title, wanted, seen: told?.shown ?? 'not known', state, left }];
    }
    const value = seen && usageOf(seen, objective.id, health.capacity.cores);
    if (value === undefined) return [{ id, title, wanted, seen: 'not known', state: 'unknown', left: null }];
    return [
      { id, title, wanted, seen: percent(value), state: value > objective.below ? 'missed' : 'kept', left: null },
    ];
  });
}

function isMissed(objective: ShareObjective, window: Window | undefined): boolean {
  const counts = window && countsOf(objective, window);
  return counts !== undefined && counts.total > 0 && counts.bad / counts.total > objective.allowed;
}

/** 1: untouched. 0: used up. Null where nothing was counted. */
export function budgetLeft(objective: ShareObjective, window: Window): number | null {
  const counts = countsOf(objective, window);
  if (!counts || counts.total === 0) return null;
  return 1 - counts.bad / counts.total / objective.allowed;
}
