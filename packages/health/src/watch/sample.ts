import { judgeGrowth } from '../gate/growth.ts';
import { isBreach, reading } from '../gate/share.ts';
import { countOf } from '../metrics/histogram.ts';
import { type RouteReading, routesOf } from '../metrics/routes.ts';
import { allRequests, sumWindows, type Window } from '../metrics/window.ts';
import { countsOf, quantileIn, usageOf } from '../objectives/count.ts';
import { percent } from '../objectives/list.ts';
import type { GrowthObjective, Objective, ShareObjective, UsageObjective } from '../objectives/types.ts';

/** `over`: beyond the bound, as luck may have it. `breach`: beyond what luck explains. `unknown`: nothing was seen of it. */
export type ReadingState = 'ok' | 'over' | 'breach' | 'unknown';

/** One objective at one moment. */
export interface Reading {
  id: string;
  title: string;
  wanted: string;
  /** Seconds of a quantile, or a share. */
  value: number | null;
  /** In the same unit; `above` is true where more is better. */
  bound: number;
  above: boolean;
  shown: string;
  state: ReadingState;
}

/** What a look saw; every number is of the last `seconds`. */
export interface Sample {
  /** Milliseconds since 1970. */
  at: number;
  seconds: number;
  instances: number;
  requestsPerSecond: number;
  readings: Reading[];
  /** Busiest first. */
  routes: RouteReading[];
  memoryBytes: number | null;
  oldSpaceBytes: number | null;
  restarts: number;
}

interface Wanted {
  objectives: readonly Objective[];
  cores: number;
  /** Everything seen so far: a leak takes longer to show. */
  history: readonly Window[];
}

/** Of the newest windows, so many as are looked at together. Undefined for none. */
export function toSample(windows: readonly Window[], { objectives, cores, history }: Wanted): Sample | undefined {
  const window = sumWindows(windows);
  if (!window) return undefined;
  const seconds = (window.to - window.from) / 1_000;
  const all = allRequests(window);
  return {
    at: window.to,
    seconds,
    instances: windows.at(-1)?.instances ?? 1,
    requestsPerSecond: (all ? countOf(all) : 0) / seconds,
    readings: objectives.map((objective) => {
      if (objective.kind === 'share') return readShare(objective, window);
      return objective.kind === 'usage' ? readUsage(objective, window, cores) : readGrowth(objective, history);
    }),
    routes: routesOf(window),
    memoryBytes: window.memory?.last ?? null,
    oldSpaceBytes: window.oldSpace?.last ?? null,
    restarts: windows.at(-1)?.restarts ?? 0,
  };
}

function readShare(objective: ShareObjective, window: Window): Reading {
  const { id, title, wanted, allowed, source } = objective;
  const counts = countsOf(objective, window);
  const above = source.of === 'cache';
  const bound = source.of === 'latency' ? source.seconds : above ? 1 - allowed : allowed;
  const base = { id, title, wanted, bound: Number(bound.toPrecision(12)), above };
  if (!counts || counts.total === 0) return { ...base, value: null, shown: '–', state: 'unknown' };
  const { value } = reading(objective, window, counts);
  const quantile = quantileIn(window, objective);
  const over = quantile ? quantile.value > bound : counts.bad / counts.total > allowed;
  return {
    ...base,
    value,
    shown: shortly(objective, value, quantile?.upper),
    state: isBreach(counts, allowed) ? 'breach' : over ? 'over' : 'ok',
  };
}

function readUsage({ id, title, wanted, below }: UsageObjective, window: Window, cores: number): Reading {
  const value = usageOf(window, id, cores) ?? null;
  const state = value === null ? 'unknown' : value > below ? 'breach' : 'ok';
  const shown = value === null ? '–' : percent(value);
  return { id, title, wanted, bound: below, above: false, value, shown, state };
}

function readGrowth(objective: GrowthObjective, history: readonly Window[]): Reading {
  const { id, title, wanted, belowPerHour } = objective;
  const { value, shown, verdict } = judgeGrowth(objective, history);
  const state = value === null ? 'unknown' : verdict === 'fail' ? 'breach' : value > belowPerHour ? 'over' : 'ok';
  return { id, title, wanted, bound: belowPerHour, above: false, value, shown, state };
}

function shortly({ source }: ShareObjective, value: number | null, upper: number | undefined): string {
  if (value === null) return '–';
  if (source.of !== 'latency') return percent(value);
  const ms = `${Math.round(value * 1_000)} ms`;
  return upper !== undefined && !Number.isFinite(upper) ? `> ${ms}` : ms;
}
