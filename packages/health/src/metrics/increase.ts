import type { Labels, Scrape, Series } from './scrape.ts';
import { type Selector, select } from './selector.ts';

/** How far the counters of a selector rose between two scrapes; one entry a series. */
export interface Increase {
  labels: Labels;
  by: number;
}

/** What is known of a pair of scrapes beyond its values. */
export interface Between {
  before: Scrape;
  after: Scrape;
  /** Instances whose process is another one than before: their counters began again at zero. */
  restarted: ReadonlySet<string>;
  /** Instances that the first scrape has; a series of an instance that was not seen before proves nothing. */
  known: ReadonlySet<string>;
  instanceOf(labels: Labels): string;
}

/**
 * A counter only rises; where it is lower than before, or its process is another, it began again at zero (prometheus.io,
 * "rate() … breaks in monotonicity"). A series that is new on a known instance began at zero as well: prom-client makes it with its
 * first event.
 */
export function increases({ before, after, restarted, known, instanceOf }: Between, selector: Selector): Increase[] {
  const was = new Map(select(before, selector).map((series) => [keyOf(series), series.value]));
  return select(after, selector).flatMap((series): Increase[] => {
    const instance = instanceOf(series.labels);
    const earlier = was.get(keyOf(series));
    if (!Number.isFinite(series.value)) return [];
    if (restarted.has(instance)) return [{ labels: series.labels, by: series.value }];
    if (!known.has(instance)) return [];
    const from = earlier === undefined || !Number.isFinite(earlier) || series.value < earlier ? 0 : earlier;
    return [{ labels: series.labels, by: series.value - from }];
  });
}

export function totalIncrease(between: Between, selector: Selector): number {
  return increases(between, selector).reduce((sum, { by }) => sum + by, 0);
}

const keys = new WeakMap<Labels, string>();

/** Labels in one order, whatever order they were written in. */
function keyOf({ labels }: Series): string {
  const known = keys.get(labels);
  if (known !== undefined) return known;
  const names = Object.keys(labels).sort();
  const key = names.map((name) => `${name}\u0000${labels[name]}`).join('\u0001');
  keys.set(labels, key);
  return key;
}
