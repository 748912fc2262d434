import type { HealthConfig } from '../config/health.ts';
import type { Window } from '../metrics/window.ts';
import { countsOf, quantileIn, usageOf } from '../objectives/count.ts';
import { percent } from '../objectives/list.ts';
import type { Objective, ShareObjective } from '../objectives/types.ts';
import type { Chart } from './types.ts';

const MIB = 1_048_576;
type Slot = Window | undefined;

/** A chart an objective, and memory, which has no bound of its own. */
export function chartsOf(objectives: readonly Objective[], slots: readonly Slot[], health: HealthConfig): Chart[] {
  const charts = objectives.flatMap((objective): Chart[] => {
    if (objective.kind === 'growth') return [];
    if (objective.kind === 'share') return [shareChart(objective, slots)];
    const { id, title, below } = objective;
    const value = (window: Window) => toPercent(usageOf(window, id, health.capacity.cores));
    return [chart(id, title, '%', slots, value, { value: below * 100, text: objective.wanted })];
  });
  const memory = chart('memory', 'memory', 'MiB', slots, ({ memory }) => memory && memory.most / MIB, undefined);
  return health.metrics.memory === null ? charts : [...charts, memory];
}

function shareChart(objective: ShareObjective, slots: readonly Slot[]): Chart {
  const { id, title, wanted, source, allowed } = objective;
  if (source.of === 'latency') {
    const value = (window: Window) => times(1_000, quantileIn(window, objective)?.value);
    return chart(id, title, 'ms', slots, value, { value: source.seconds * 1_000, text: wanted });
  }
  const isCache = source.of === 'cache';
  const bad = (window: Window) => {
    const counts = countsOf(objective, window);
    return counts && counts.total > 0 ? counts.bad / counts.total : undefined;
  };
  const value = (window: Window) => {
    const share = bad(window);
    return share === undefined ? undefined : toPercent(isCache ? 1 - share : share);
  };
  return chart(id, title, '%', slots, value, { value: (isCache ? 1 - allowed : allowed) * 100, text: wanted });
}

function chart(
  id: string,
  title: string,
  unit: string,
  slots: readonly Slot[],
  value: (window: Window) => number | undefined,
  bound: Chart['bound'],
): Chart {
  const values = slots.map((window) => (window ? (times(1, value(window)) ?? null) : null));
  return { id, title, unit, bound, values };
}

const times = (by: number, value: number | undefined) =>
  value === undefined || !Number.isFinite(value) ? undefined : Number((value * by).toPrecision(6));
const toPercent = (share: number | undefined) => times(100, share);

/** `310 ms`, `0.42 %` */
export function shown(value: number, unit: string): string {
  return unit === '%' ? percent(value / 100) : `${Number(value.toPrecision(3))} ${unit}`;
}

/** What a chart shows, in words. */
export function describeChart({ values, unit, bound }: Chart): string {
  const known = values.filter((value) => value !== null);
  const last = known.at(-1);
  if (last === undefined) return 'Nothing is known of that time.';
  const range = `From ${shown(Math.min(...known), unit)} to ${shown(Math.max(...known), unit)}, last ${shown(last, unit)}.`;
  return bound ? `${range} Wanted: ${bound.text}.` : range;
}
