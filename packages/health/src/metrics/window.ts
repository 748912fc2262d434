import { addDoubts, type Doubt } from './doubt.ts';
import { addHistograms, type Histogram } from './histogram.ts';

/** Level of a gauge over some time. */
export interface Level {
  least: number;
  most: number;
  last: number;
}

/**
 * What happened between two moments, as counts: windows add up to longer ones without loss, which averages and quantiles do not.
 * `undefined` is "not known", never "none".
 */
export interface Window {
  /** Milliseconds since 1970. */
  from: number;
  to: number;
  /** Seconds observed, summed over instances. */
  instanceSeconds: number;
  instances: number;
  /** Durations by route: `GET /api/jobs`. In seconds. */
  routes: ReadonlyMap<string, Histogram>;
  errors: number | undefined;
  /** Where they were, by the labels of their series. */
  errorsBy: ReadonlyMap<string, number>;
  cacheHits: number | undefined;
  cacheMisses: number | undefined;
  blocks: number | undefined;
  cpuSeconds: number | undefined;
  gcSeconds: number | undefined;
  majorGcs: number | undefined;
  /** Bytes; of the largest instance. */
  memory: Level | undefined;
  oldSpace: Level | undefined;
  /** Bytes that were left in old space, of each instance that had a major collection. */
  leftAfterMajor: ReadonlyMap<string, number>;
  /** Process starts that fell into it. */
  restarts: number;
  /** Seconds since the youngest process began, at its end. */
  uptimeSeconds: number | undefined;
  /** Why some of it is not known. */
  doubts: readonly Doubt[];
  /** It may still turn out that other processes were asked than it looks like. */
  provisional: boolean;
}

export function addWindows(a: Window, b: Window): Window {
  const routes = new Map(a.routes);
  for (const [route, histogram] of b.routes) routes.set(route, addHistograms(routes.get(route), histogram));
  return {
    from: Math.min(a.from, b.from),
    to: Math.max(a.to, b.to),
    instanceSeconds: a.instanceSeconds + b.instanceSeconds,
    instances: Math.max(a.instances, b.instances),
    routes,
    errors: plus(a.errors, b.errors),
    errorsBy: addCounts(a.errorsBy, b.errorsBy),
    cacheHits: plus(a.cacheHits, b.cacheHits),
    cacheMisses: plus(a.cacheMisses, b.cacheMisses),
    blocks: plus(a.blocks, b.blocks),
    cpuSeconds: plus(a.cpuSeconds, b.cpuSeconds),
    gcSeconds: plus(a.gcSeconds, b.gcSeconds),
    majorGcs: plus(a.majorGcs, b.majorGcs),
    memory: span(a.memory, b.memory),
    oldSpace: span(a.oldSpace, b.oldSpace),
    leftAfterMajor: lowest(a.leftAfterMajor, b.leftAfterMajor),
    restarts: a.restarts + b.restarts,
    uptimeSeconds: b.uptimeSeconds ?? a.uptimeSeconds,
    doubts: addDoubts(a.doubts, b.doubts),
    provisional: a.provisional || b.provisional,
  };
}

/** Undefined for none. */
export function sumWindows(windows: readonly Window[]): Window | undefined {
  return windows.reduce<Window | undefined>((sum, window) => (sum ? addWindows(sum, window) : window), undefined);
}

/** All routes together. */
export function allRequests({ routes }: Window): Histogram | undefined {
  let all: Histogram | undefined;
  for (const histogram of routes.values()) all = addHistograms(all, histogram);
  return all;
}

function addCounts(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  if (a.size === 0) return b;
  const sum = new Map(a);
  for (const [key, count] of b) sum.set(key, (sum.get(key) ?? 0) + count);
  return sum;
}

function lowest(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  if (a.size === 0 || b.size === 0) return a.size === 0 ? b : a;
  const all = new Map(a);
  for (const [key, value] of b) all.set(key, Math.min(value, all.get(key) ?? value));
  return all;
}

function plus(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : b === undefined ? a : a + b;
}

function span(a: Level | undefined, b: Level | undefined): Level | undefined {
  if (!a || !b) return b ?? a;
  return { least: Math.min(a.least, b.least), most: Math.max(a.most, b.most), last: b.last };
}
