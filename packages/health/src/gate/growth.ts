import { addWindows, type Window } from '../metrics/window.ts';
import { percent } from '../objectives/list.ts';
import type { GrowthObjective } from '../objectives/types.ts';
import { median, type Point, slopeOf, trendOf } from '../stats.ts';
import type { Judged } from './types.ts';

/** Fewer collections say nothing about what stays after them. */
const LEAST_COLLECTIONS = 5;
/** One chance in 40 that levels without a trend look like rising. */
const RISING = 1.96;
/** Less than this over what was seen is the noise of a heap. */
const LEAST_RISE = 0.1;
const HOUR_MS = 3_600_000;

/**
 * A leak is what collections do not give back. Old space climbs between major collections in every program, and falls with each; only the
 * levels after them are compared, each instance's by themselves. A heap that was just started grows as well, but ever less: the first
 * third is left out.
 */
export function judgeGrowth(objective: GrowthObjective, windows: readonly Window[]): Judged {
  const all = [...levelsAfterCollections(windows).values()].map((levels) => judgeLevels(objective, levels));
  const worst = all.find(({ verdict }) => verdict === 'fail') ?? all.sort((a, b) => (b.value ?? 0) - (a.value ?? 0))[0];
  return worst ?? judgeLevels(objective, []);
}

function judgeLevels({ id, title, wanted, belowPerHour }: GrowthObjective, levels: readonly Point[]): Judged {
  const settled = levels.slice(Math.floor(levels.length / 3));
  const base = { id, title, wanted, count: levels.length, breaches: 0, measured: levels.length, series: [] };
  if (settled.length < LEAST_COLLECTIONS)
    return {
      ...base,
      verdict: 'unjudged',
      value: null,
      shown: '–',
      reason: `${levels.length} major collections are too few to see a leak.`,
    };
  const level = median(settled.map(({ value }) => value)) ?? 0;
  const perHour = level > 0 ? (slopeOf(settled) * HOUR_MS) / level : 0;
  const rise = perHour * (((settled.at(-1)?.at ?? 0) - (settled[0]?.at ?? 0)) / HOUR_MS);
  const leaks = perHour > belowPerHour && rise > LEAST_RISE && trendOf(settled) > RISING;
  const told = { ...base, value: perHour, shown: `${percent(perHour)} an hour` };
  const reason = `Old space after ${settled.length} major collections: ${mebibytes(settled[0])} to ${mebibytes(settled.at(-1))}.`;
  return { ...told, verdict: leaks ? 'fail' : 'pass', reason };
}

/**
 * Old space of each instance at the end of each window in which it had a major collection. Neighbours are put together, so that in a busy
 * program a level is the lowest of several looks, and close to what a collection leaves.
 */
export function levelsAfterCollections(windows: readonly Window[], most = 40): Map<string, Point[]> {
  const size = Math.max(1, Math.ceil(windows.length / most));
  const points = new Map<string, Point[]>();
  for (let at = 0; at < windows.length; at += size) {
    const collected = windows
      .slice(at, at + size)
      .filter(({ majorGcs, restarts }) => (majorGcs ?? 0) > 0 && restarts === 0);
    if (collected.length === 0) continue;
    const { to, oldSpace, leftAfterMajor } = collected.reduce(addWindows);
    // Samples that were kept have the largest instance alone.
    const lowest = leftAfterMajor.size > 0 || !oldSpace ? leftAfterMajor : new Map([['', oldSpace.least]]);
    for (const [instance, value] of lowest) points.set(instance, [...(points.get(instance) ?? []), { at: to, value }]);
  }
  const since = windows.findLast(({ restarts }) => restarts > 0)?.to ?? Number.NEGATIVE_INFINITY;
  // Another process is another heap.
  return new Map([...points].map(([instance, all]) => [instance, all.filter(({ at }) => at > since)]));
}

function mebibytes(point: Point | undefined): string {
  return `${Math.round((point?.value ?? 0) / 1_048_576)} MiB`;
}
