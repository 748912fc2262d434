import { addHistograms, countOf, type Histogram } from '../metrics/histogram.ts';
import type { Level, Window } from '../metrics/window.ts';

/** A row is no larger than this, whatever routes a product has: with the number of rows it fixes the size of the file. */
export const MOST_ROW_BYTES = 4_096;
/** Where the routes go that a row has no room for. */
const OTHERS = 'other routes';

type Numbers = number | null;

/** A minute as it is kept: short keys, since there are many of them. Fields are added, never renamed. */
interface Row {
  f: number;
  t: number;
  /** Instance seconds, instances. */
  s: number;
  n: number;
  /** Bounds, and per route the counts with the sum behind them. */
  b: number[];
  r: Record<string, number[]>;
  /** errors, hits, misses, blocks, CPU seconds, GC seconds, major collections. */
  c: Numbers[];
  /** Least, most, last. */
  m: number[] | null;
  o: number[] | null;
  x: number;
  u: Numbers;
}

export function encode(window: Window): string {
  const routes = [...window.routes].sort(([, a], [, b]) => countOf(b) - countOf(a));
  for (let kept = routes.length; ; kept = Math.floor(kept / 2)) {
    const text = JSON.stringify(toRow(window, merge(routes, kept)));
    if (text.length <= MOST_ROW_BYTES || kept === 0) return text;
  }
}

/** The busiest routes by themselves, the rest as one. */
function merge(routes: readonly (readonly [string, Histogram])[], kept: number): [string, Histogram][] {
  const rest = routes.slice(kept).reduce<Histogram | undefined>((sum, [, one]) => addHistograms(sum, one), undefined);
  return [
    ...routes.slice(0, kept).map(([route, one]): [string, Histogram] => [route, one]),
    ...(rest ? [[OTHERS, rest] satisfies [string, Histogram]] : []),
  ];
}

function toRow(window: Window, routes: [string, Histogram][]): Row {
  // One list of bounds a row: products have one for all routes; where they do not, what all have in common is kept.
  const common =
    routes.reduce<Histogram | undefined>((sum, [, one]) => addHistograms(sum, one), undefined)?.bounds ?? [];
  const bounds = common.map((bound) => (Number.isFinite(bound) ? bound : -1));
  const countsAt = (histogram: Histogram) =>
    common.map((bound) => rounded(histogram.counts[histogram.bounds.indexOf(bound)] ?? 0));
  const or = (value: number | undefined) => (value === undefined ? null : rounded(value));
  const level = (value: Level | undefined) => (value ? [value.least, value.most, value.last].map(Math.round) : null);
  return {
    f: window.from,
    t: window.to,
    s: rounded(window.instanceSeconds),
    n: window.instances,
    b: bounds,
    r: Object.fromEntries(routes.map(([route, one]) => [route, [...countsAt(one), rounded(one.sum)]])),
    c: [
      ...[window.errors, window.cacheHits, window.cacheMisses, window.blocks].map(or),
      ...[window.cpuSeconds, window.gcSeconds, window.majorGcs].map(or),
    ],
    m: level(window.memory),
    o: level(window.oldSpace),
    x: window.restarts,
    u: or(window.uptimeSeconds),
  };
}

export function decode(text: string): Window {
  const row = JSON.parse(text) as Row;
  const bounds = row.b.map((bound) => (bound === -1 ? Number.POSITIVE_INFINITY : bound));
  const [errors, cacheHits, cacheMisses, blocks, cpuSeconds, gcSeconds, majorGcs] = row.c.map(
    (value) => value ?? undefined,
  );
  const level = (value: number[] | null): Level | undefined =>
    value ? { least: value[0] ?? 0, most: value[1] ?? 0, last: value[2] ?? 0 } : undefined;
  return {
    from: row.f,
    to: row.t,
    instanceSeconds: row.s,
    instances: row.n,
    routes: new Map(
      Object.entries(row.r).map(([route, numbers]) => [
        route,
        { bounds, counts: numbers.slice(0, -1), sum: numbers.at(-1) ?? 0 },
      ]),
    ),
    errors,
    errorsBy: new Map(),
    cacheHits,
    cacheMisses,
    blocks,
    cpuSeconds,
    gcSeconds,
    majorGcs,
    memory: level(row.m),
    oldSpace: level(row.o),
    restarts: row.x,
    uptimeSeconds: row.u ?? undefined,
    leftAfterMajor: new Map(),
    doubts: [],
    provisional: false,
  };
}

function rounded(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}
