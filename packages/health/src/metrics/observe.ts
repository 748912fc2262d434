import type { Histogram } from './histogram.ts';
import { type Between, type Increase, increases, totalIncrease } from './increase.ts';
import type { Names } from './names.ts';
import { parseValue } from './parse.ts';
import type { Labels, Scrape } from './scrape.ts';
import { type Selector, select } from './selector.ts';
import type { Level, Window } from './window.ts';

/** A start time that moved by less is the same process: prom-client rounds to seconds. */
const SAME_START_SECONDS = 1.5;

/** What happened between two scrapes. */
export function observe(before: Scrape, after: Scrape, names: Names): Window {
  const instanceOf = (labels: Labels) => labels[names.instanceLabel] ?? '';
  const instancesOf = (scrape: Scrape) => {
    const found = new Set<string>();
    for (const series of scrape.series.values()) for (const { labels } of series) found.add(instanceOf(labels));
    return found;
  };
  const [then, now] = [startsOf(before, names, instanceOf), startsOf(after, names, instanceOf)];
  const seconds = (after.at - before.at) / 1_000;
  const known = instancesOf(before);
  const instances = instancesOf(after);
  const isNew = (instance: string) => !known.has(instance) && (now.get(instance) ?? 0) * 1_000 >= before.at;
  const restarted = new Set(
    [...instances].filter((instance) => isNew(instance) || isRestart(then.get(instance), now.get(instance))),
  );
  const between: Between = { before, after, restarted, known, instanceOf };
  const total = (selector: Selector | undefined) =>
    selector && isAnnounced(after, selector) ? totalIncrease(between, selector) : undefined;
  const youngest = Math.max(...now.values());
  return {
    from: before.at,
    to: after.at,
    instanceSeconds: seconds * Math.max(1, instances.size),
    instances: Math.max(1, instances.size),
    routes: histograms(between, names),
    errors: total(names.errors),
    errorsBy: errorsBy(between, names),
    cacheHits: total(names.cacheHits),
    cacheMisses: total(names.cacheMisses),
    blocks: total(names.blocks),
    cpuSeconds: total(names.cpu),
    gcSeconds: total(names.gcSeconds),
    majorGcs: total(names.majorGcs),
    memory: levelOf(after, names.memory),
    oldSpace: levelOf(after, names.oldSpace),
    restarts: restarted.size,
    uptimeSeconds: Number.isFinite(youngest) ? after.at / 1_000 - youngest : undefined,
  };
}

function errorsBy(between: Between, { errors, instanceLabel }: Names): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { labels, by } of errors ? increases(between, errors) : []) {
    if (by === 0) continue;
    const told = Object.entries(labels).filter(([label]) => label !== instanceLabel && label !== '__name__');
    const key = `{${told.map(([label, value]) => `${label}="${value}"`).join(',')}}`;
    counts.set(key, (counts.get(key) ?? 0) + by);
  }
  return counts;
}

function isAnnounced(scrape: Scrape, { name }: Selector): boolean {
  return (
    scrape.series.has(name) ||
    scrape.announced.has(name) ||
    scrape.announced.has(name.replace(/_(bucket|sum|count|total)$/, ''))
  );
}

function startsOf(scrape: Scrape, { started }: Names, instanceOf: (labels: Labels) => string): Map<string, number> {
  return new Map(started ? select(scrape, started).map(({ labels, value }) => [instanceOf(labels), value]) : []);
}

function isRestart(then: number | undefined, now: number | undefined): boolean {
  return then !== undefined && now !== undefined && Math.abs(now - then) > SAME_START_SECONDS;
}

/** The largest instance: one that runs out is not helped by the others. */
function levelOf(scrape: Scrape, selector: Selector | undefined): Level | undefined {
  if (!selector) return undefined;
  const values = select(scrape, selector)
    .map(({ value }) => value)
    .filter(Number.isFinite);
  if (values.length === 0) return undefined;
  const most = Math.max(...values);
  return { least: most, most, last: most };
}

function histograms(between: Between, names: Names): Map<string, Histogram> {
  const byRoute = new Map<string, { buckets: Map<number, number>; sum: number }>();
  const of = (labels: Labels) => {
    const route = routeOf(labels, names);
    const known = byRoute.get(route) ?? { buckets: new Map<number, number>(), sum: 0 };
    byRoute.set(route, known);
    return known;
  };
  for (const { labels, by } of increases(between, names.buckets)) {
    const bound = parseValue(labels.le ?? '');
    if (bound === undefined) continue;
    const { buckets } = of(labels);
    buckets.set(bound, (buckets.get(bound) ?? 0) + by);
  }
  for (const { labels, by } of increases(between, names.sums)) of(labels).sum += by;
  return new Map(
    [...byRoute].flatMap(([route, { buckets, sum }]) => {
      const histogram = toHistogram(buckets, sum, names.scale);
      return (histogram.counts.at(-1) ?? 0) > 0 ? [[route, histogram] as const] : [];
    }),
  );
}

export function routeOf(labels: Increase['labels'], { routeLabel, methodLabel }: Names): string {
  return [labels[methodLabel], labels[routeLabel] ?? 'all'].filter(Boolean).join(' ');
}

/** A scrape is not one instant: a request that ends in between can make a bucket smaller than the one below it. */
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
