import { countAbove, countOf, quantileOf } from '../metrics/histogram.ts';
import type { Window } from '../metrics/window.ts';
import { countsOf, histogramOf } from '../objectives/count.ts';
import { milliseconds, percent } from '../objectives/list.ts';
import type { ShareObjective } from '../objectives/types.ts';
import { shareRise, Z_ALARM } from '../stats.ts';
import type { GateSettings } from './types.ts';

/** What the version before says about this one. */
export interface Comparison {
  /** Worse beyond what luck explains, by the factor of the config, and near enough to the bound to matter. */
  worse: boolean;
  /** The version before was beyond the bound as well: going back to it would not help. */
  noBetter: boolean;
  text: string;
}

type Regression = GateSettings['regression'];

/** Undefined where there is nothing to compare with, and for a cache, which a new version may find cold. */
export function compareWith(
  objective: ShareObjective,
  before: Window,
  after: Window,
  regression: Regression,
): Comparison | undefined {
  if (objective.source.of === 'cache') return undefined;
  return objective.source.of === 'latency'
    ? compareLatency(objective, before, after, regression)
    : compareShares(objective, before, after, regression);
}

function compareShares(objective: ShareObjective, before: Window, after: Window, { factor, shareOfBound }: Regression) {
  const [was, is] = [countsOf(objective, before), countsOf(objective, after)];
  if (!was?.total || !is?.total) return undefined;
  const [wasShare, isShare] = [was.bad / was.total, is.bad / is.total];
  return {
    worse: isShare >= wasShare * factor && isShare >= objective.allowed * shareOfBound && shareRise(was, is) > Z_ALARM,
    noBetter: wasShare > objective.allowed,
    text: `${percent(wasShare)} before, ${percent(isShare)} now`,
  };
}

/**
 * Quantiles cannot be tested against each other, shares can: of how many requests were slower than the bucket that the quantile was in
 * before.
 */
function compareLatency(
  objective: ShareObjective,
  before: Window,
  after: Window,
  { factor, shareOfBound }: Regression,
) {
  if (objective.source.of !== 'latency') return undefined;
  const { route, quantile, seconds } = objective.source;
  const [was, is] = [histogramOf(before, route), histogramOf(after, route)];
  const [wasQuantile, isQuantile] = [was && quantileOf(was, quantile), is && quantileOf(is, quantile)];
  if (!was || !is || !wasQuantile || !isQuantile) return undefined;
  const slower = (histogram: typeof was) => ({
    bad: countAbove(histogram, wasQuantile.upper).least,
    total: countOf(histogram),
  });
  return {
    worse:
      isQuantile.value >= wasQuantile.value * factor &&
      isQuantile.value >= seconds * shareOfBound &&
      shareRise(slower(was), slower(is)) > Z_ALARM,
    noBetter: wasQuantile.value > seconds,
    text: `${milliseconds(wasQuantile.value)} before, ${milliseconds(isQuantile.value)} now`,
  };
}
