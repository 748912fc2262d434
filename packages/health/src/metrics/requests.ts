import { counted } from '@drydock/kit';
import type { Doubt } from './doubt.ts';
import { addHistograms, countOf, type Histogram } from './histogram.ts';
import { type Between, type Increase, increases } from './increase.ts';
import type { Names } from './names.ts';
import { parseValue } from './parse.ts';
import type { Labels, Scrape } from './scrape.ts';
import { select } from './selector.ts';
import { groupOf } from './series-key.ts';

/** A scrape is not one instant: so many requests may end between two of its lines, of all that there were. */
const RACE = { least: 1, share: 1e-5 };

/** Durations by route: each histogram by itself first, since two instances need not have the same buckets. */
export function observeRoutes(
  between: Between,
  names: Names,
  rises: () => Increase[] | undefined,
): { routes: Map<string, Histogram>; doubts: Doubt[] } {
  const routes = new Map<string, Histogram>();
  const open = openHistogram(between.after, names);
  const all = rises();
  if (open || !all) return { routes, doubts: open ? [open] : [] };
  const groups = new Map<string, { route: string; buckets: Map<number, number>; sum: number }>();
  for (const { labels, by } of all) {
    const bound = parseValue(labels.le ?? '');
    if (bound === undefined) continue;
    const id = groupOf(labels);
    const group = groups.get(id) ?? { route: routeOf(labels, names), buckets: new Map<number, number>(), sum: 0 };
    groups.set(id, group);
    group.buckets.set(bound, (group.buckets.get(bound) ?? 0) + by);
  }
  // A sum that is no number costs the sum alone.
  for (const { labels, by } of increases(between, names.sums).all) {
    const group = groups.get(groupOf(labels));
    if (group) group.sum += by;
  }
  for (const { route, buckets, sum } of groups.values()) {
    const histogram = toHistogram(buckets, sum, names.scale);
    if (countOf(histogram) > 0) routes.set(route, addHistograms(routes.get(route), histogram));
  }
  return { routes, doubts: [] };
}

export function routeOf(labels: Labels, { routeLabel, methodLabel }: Names): string {
  return [labels[methodLabel], labels[routeLabel] ?? 'all'].filter(Boolean).join(' ');
}

/** A request that ends in the middle of a scrape can make a bucket smaller than the one below it. */
export function toHistogram(buckets: ReadonlyMap<number, number>, sum: number, scale: number): Histogram {
  const sorted = [...buckets].sort(([a], [b]) => a - b);
  let most = 0;
  return {
    bounds: sorted.map(([bound]) => (Number.isFinite(bound) ? Number((bound * scale).toPrecision(12)) : bound)),
    counts: sorted.map(([, count]) => {
      most = Math.max(most, count);
      return most;
    }),
    sum: sum * scale,
  };
}

/**
 * A histogram whose buckets do not hold all requests: the slowest are the ones that are missing. The last bucket is +Inf and equals `_count`
 * (OpenMetrics, "Histogram"); each is at least as large as the one below it.
 */
export function openHistogram(scrape: Scrape, names: Names): Doubt | undefined {
  const groups = new Map<string, { labels: Labels; buckets: Map<number, number> }>();
  for (const { labels, value } of select(scrape, names.buckets)) {
    const id = groupOf(labels);
    const group = groups.get(id) ?? { labels, buckets: new Map<number, number>() };
    groups.set(id, group);
    group.buckets.set(parseValue(labels.le ?? '') ?? Number.NaN, value);
  }
  const doubt = (labels: Labels, what: string): Doubt => ({
    code: 'HISTOGRAM_OPEN',
    key: 'requests',
    message: `${names.buckets.text} of ${routeOf(labels, names)} ${what}: how many requests took longer than its buckets is not known.`,
    hint: 'A histogram ends in a bucket le="+Inf" that equals its _count. Mend it in the product, or name another one in health.metrics.requests.',
  });
  for (const { labels, buckets } of groups.values()) {
    const last = buckets.get(Number.POSITIVE_INFINITY);
    if (last === undefined) return doubt(labels, 'has no bucket le="+Inf"');
    const odd = [...buckets].find(([bound, value]) => Number.isNaN(bound) || !Number.isFinite(value) || value < 0);
    if (odd) return doubt(labels, `has ${odd[1]} in the bucket le="${odd[0]}"`);
    const most = Math.max(...buckets.values());
    if (differs(most, last)) return doubt(labels, `has ${last} in its last bucket and ${most} in a lower one`);
  }
  for (const { labels, value } of select(scrape, names.counts)) {
    const last = groups.get(groupOf(labels))?.buckets.get(Number.POSITIVE_INFINITY);
    if (last === undefined && value > 0) return doubt(labels, `counts ${counted(value, 'request')} and has no bucket`);
    if (last !== undefined && (!Number.isFinite(value) || differs(value, last)))
      return doubt(labels, `counts ${counted(value, 'request')}, and ${last} in its last bucket`);
  }
  return undefined;
}

function differs(a: number, b: number): boolean {
  return Math.abs(a - b) > Math.max(RACE.least, RACE.share * Math.max(a, b));
}
