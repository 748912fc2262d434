import { countAbove, countOf, type Histogram, isCoarse, type Quantile, quantileOf } from '../metrics/histogram.ts';
import { allRequests, type Window } from '../metrics/window.ts';
import type { ShareObjective } from './types.ts';

/** How many were bad. Where a latency bound lies inside a bucket, the truth is between `least` and `most`. */
export interface Counts {
  bad: number;
  least: number;
  most: number;
  total: number;
  /** Histograms of different buckets were added up, and none of what they share ends at the bound. */
  mixed?: boolean;
}

/** Undefined where the metric is not known, which is not the same as no traffic. */
export function countsOf({ source }: ShareObjective, window: Window): Counts | undefined {
  const exactly = (bad: number | undefined, total: number): Counts | undefined =>
    bad === undefined ? undefined : { bad, least: bad, most: bad, total };
  const requests = () => {
    const all = allRequests(window);
    return all ? countOf(all) : 0;
  };
  switch (source.of) {
    case 'errors':
      return exactly(window.errors, requests());
    case 'blocks':
      return exactly(window.blocks, requests());
    case 'cache':
      if (window.cacheHits === undefined || window.cacheMisses === undefined) return undefined;
      return exactly(window.cacheMisses, window.cacheHits + window.cacheMisses);
    case 'latency': {
      const histogram = histogramOf(window, source.route);
      if (!histogram) return exactly(0, 0);
      const { likely, least, most } = countAbove(histogram, source.seconds);
      const mixed = isCoarse(histogram) && least !== most;
      return { bad: likely, least, most, total: countOf(histogram), ...(mixed ? { mixed } : {}) };
    }
  }
}

/** A product whose metrics do not tell the method has routes alone. */
export function histogramOf({ routes }: Window, route: string): Histogram | undefined {
  return routes.get(route) ?? routes.get(route.slice(route.indexOf(' ') + 1));
}

/** The quantile of a latency objective, in seconds. */
export function quantileIn(window: Window, { source }: ShareObjective): Quantile | undefined {
  if (source.of !== 'latency') return undefined;
  const histogram = histogramOf(window, source.route);
  return histogram && quantileOf(histogram, source.quantile);
}

/** Share of the time of one instance. */
export function usageOf(window: Window, id: 'cpu' | 'gc', cores: number): number | undefined {
  const seconds = id === 'cpu' ? window.cpuSeconds : window.gcSeconds;
  if (seconds === undefined || window.instanceSeconds <= 0) return undefined;
  return seconds / window.instanceSeconds / (id === 'cpu' ? cores : 1);
}
