import { countOf, quantileOf } from './histogram.ts';
import type { Window } from './window.ts';

/** One route over some time. */
export interface RouteReading {
  route: string;
  /** Seconds; null where nothing was seen. */
  p95: number | null;
  requests: number;
}

/** p95 of every route, busiest first. */
export function routesOf({ routes }: Window): RouteReading[] {
  return [...routes]
    .map(([route, histogram]) => ({
      route,
      p95: quantileOf(histogram, 0.95)?.value ?? null,
      requests: Math.round(countOf(histogram)),
    }))
    .sort((a, b) => b.requests - a.requests);
}
