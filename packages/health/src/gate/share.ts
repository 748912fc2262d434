import type { Quantile } from '../metrics/histogram.ts';
import { addWindows, sumWindows, type Window } from '../metrics/window.ts';
import { type Counts, countsOf, quantileIn } from '../objectives/count.ts';
import { milliseconds, percent } from '../objectives/list.ts';
import type { ShareObjective } from '../objectives/types.ts';
import { requestsNeeded, wilson, Z_ALARM, Z95 } from '../stats.ts';
import type { GateSettings, Judged } from './types.ts';

interface Measurement {
  window: Window;
  counts: Counts | undefined;
}

/** Judges a share over a run: each measurement for what luck cannot explain, and the run as a whole. */
export function judgeShare(
  objective: ShareObjective,
  windows: readonly Window[],
  settings: GateSettings,
  sliding = measurementsOf(windows, settings),
): Judged {
  const measurements = sliding.map((window) => ({ window, counts: countsOf(objective, window) }));
  const breaches = measurements.filter(({ counts }) => counts && isBreach(counts, objective.allowed));
  const cold = objective.source.of === 'cache';
  // A cache may be cold at first: what counts is whether it warms up.
  const window = sumWindows(cold ? windows.slice(Math.floor(windows.length / 2)) : windows);
  const counts = window && countsOf(objective, window);
  const { id, title, wanted } = objective;
  const base = { id, title, wanted, breaches: breaches.length, measured: measurements.length };
  if (!window || !counts)
    return {
      ...base,
      ...{ verdict: 'inconclusive', value: null, shown: 'not known', count: 0, series: [] },
      reason: 'Its metric was not there.',
    };
  const told = reading(objective, window, counts);
  const whole = `${told.shown} over the ${cold ? 'second half' : 'whole run'}`;
  const result = { ...base, ...told, count: Math.round(counts.total), series: seriesOf(objective, window) };
  if (isBreach(counts, objective.allowed)) return { ...result, verdict: 'fail', reason: `${whole}.` };
  if (!cold && breaches.length > settings.failureLimit)
    return { ...result, verdict: 'fail', reason: `${describeWorst(objective, breaches)}; ${whole}.` };
  const doubt = doubtAbout(objective, counts, settings);
  if (doubt) return { ...result, verdict: objective.optional ? 'unjudged' : 'inconclusive', reason: doubt };
  return { ...result, verdict: 'pass', reason: coldAtFirst(objective, sumWindows(windows)) ?? `${whole}.` };
}

/** Sliding sums of so many seconds: each ends where one of the windows does. */
export function measurementsOf(windows: readonly Window[], settings: GateSettings): Window[] {
  return windows.map((_, at) => lookingBack(windows.slice(0, at + 1), settings).reduce(addWindows));
}

/** The newest windows, as far as they ended within so many seconds; looks are not on the dot. By time, since Prometheus has its own pace. */
export function lookingBack(
  windows: readonly Window[],
  { intervalSeconds, windowSeconds }: Pick<GateSettings, 'intervalSeconds' | 'windowSeconds'>,
): readonly Window[] {
  const end = windows.at(-1)?.to ?? 0;
  const begin = end - (windowSeconds - intervalSeconds / 2) * 1_000;
  const first = windows.findLastIndex(({ to }) => to <= begin) + 1;
  return windows.slice(Math.min(first, windows.length - 1));
}

/** Beyond the bound even for the most lenient reading of what was seen. */
export function isBreach({ least, total }: Counts, allowed: number): boolean {
  return total > 0 && wilson(least, total, Z_ALARM).lower > allowed;
}

/** Why a run without a breach is not one that passes. */
function doubtAbout({ allowed, source }: ShareObjective, counts: Counts, settings: GateSettings): string | undefined {
  const { bad, least, most, total, mixed } = counts;
  const needed = Math.max(settings.minRequests, requestsNeeded(allowed));
  const what = source.of === 'cache' ? 'look-ups' : 'requests';
  if (total < needed)
    return `${Math.round(total)} ${what} are too few: with ${percent(allowed)} allowed to be bad, ${needed} are needed to be 95 % sure.`;
  if (mixed && least / total <= allowed && most / total > allowed)
    return `Instances have different buckets, and none that they share ends at the bound: from ${percent(least / total)} to ${percent(most / total)} are beyond it. Give all of them a bucket that ends there.`;
  if (bad / total <= allowed) return undefined;
  if (least / total <= allowed)
    return `The bound lies inside a bucket: from ${percent(least / total)} to ${percent(most / total)} are beyond it. Give the histogram a bucket that ends there.`;
  const { lower, upper } = wilson(bad, total, Z95);
  return `${percent(bad / total)} of ${Math.round(total)} ${what} were bad, ${percent(allowed)} are allowed: the true share is from ${percent(lower)} to ${percent(upper)} (95 %), too close to tell.`;
}

function coldAtFirst(objective: ShareObjective, whole: Window | undefined): string | undefined {
  const counts = objective.source.of === 'cache' && whole ? countsOf(objective, whole) : undefined;
  if (!counts || counts.total === 0 || counts.bad / counts.total <= objective.allowed) return undefined;
  return `Cold at first (${percent(1 - counts.bad / counts.total)} over the whole run), and warmed up.`;
}

function describeWorst(objective: ShareObjective, breaches: readonly Measurement[]): string {
  const badness = ({ counts }: Measurement) => (counts ? wilson(counts.least, counts.total, Z_ALARM).lower : 0);
  const worst = breaches.reduce((a, b) => (badness(b) > badness(a) ? b : a));
  const time = new Date(worst.window.to).toISOString().slice(11, 19);
  const often = breaches.length === 1 ? 'one measurement' : `${breaches.length} measurements`;
  return `Beyond the bound in ${often}, worst ${reading(objective, worst.window, worst.counts).shown} until ${time} UTC`;
}

/** For latency the quantile with its bucket, otherwise the share; of a cache, the share of hits. */
export function reading(
  objective: ShareObjective,
  window: Window,
  counts = countsOf(objective, window),
): Pick<Judged, 'value' | 'shown'> {
  if (!counts || counts.total === 0) return { value: null, shown: 'no request' };
  const quantile = quantileIn(window, objective);
  if (quantile) return { value: quantile.value, shown: describeQuantile(quantile) };
  const share = counts.bad / counts.total;
  const value = objective.source.of === 'cache' ? 1 - share : share;
  return { value, shown: percent(value) };
}

function describeQuantile({ value, lower, upper }: Quantile): string {
  if (!Number.isFinite(upper)) return `over ${milliseconds(lower)}`;
  return `${milliseconds(value)} (bucket ${milliseconds(lower)} to ${milliseconds(upper)})`;
}

/** Where the bad ones were, most first. */
function seriesOf({ source }: ShareObjective, window: Window): string[] {
  if (source.of === 'latency') return [`{route="${source.route}"}`];
  if (source.of !== 'errors') return [];
  return [...window.errorsBy]
    .sort(([, a], [, b]) => b - a)
    .slice(0, 5)
    .map(([labels, count]) => `${labels} ${Math.round(count)}`);
}
