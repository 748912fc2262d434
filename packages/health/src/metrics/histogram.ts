/** Counts of one histogram over some time. `counts[i]` is what lay at or below `bounds[i]` (cumulative); the last bound is Infinity. */
export interface Histogram {
  bounds: readonly number[];
  counts: readonly number[];
  sum: number;
}

/** A quantile, and the bucket it lies in: the true one is in there, and nothing closer can be known. */
export interface Quantile {
  value: number;
  lower: number;
  upper: number;
}

export function countOf({ counts }: Histogram): number {
  return counts.at(-1) ?? 0;
}

const coarse = new WeakSet<Histogram>();

/** Whether it was put together from histograms of different buckets: what it says of a bound inside a bucket is of no one's. */
export function isCoarse(histogram: Histogram): boolean {
  return coarse.has(histogram);
}

/** Adds two; buckets that only one of them has make the sum coarser, never wrong. */
export function addHistograms(a: Histogram | undefined, b: Histogram): Histogram {
  if (!a || a.bounds.length === 0) return b;
  if (b.bounds.length === 0) return a;
  const same = a.bounds.length === b.bounds.length && a.bounds.every((bound, i) => bound === b.bounds[i]);
  const bounds = same ? a.bounds : a.bounds.filter((bound) => b.bounds.includes(bound));
  const at = (histogram: Histogram, bound: number) => histogram.counts[histogram.bounds.indexOf(bound)] ?? 0;
  const sum: Histogram = {
    bounds,
    counts: bounds.map((bound, i) => (same ? (a.counts[i] ?? 0) + (b.counts[i] ?? 0) : at(a, bound) + at(b, bound))),
    sum: a.sum + b.sum,
  };
  if (!same || coarse.has(a) || coarse.has(b)) coarse.add(sum);
  return sum;
}

/**
 * By straight lines within a bucket, as Prometheus' histogram_quantile does: the lowest bucket begins at 0; in the last one the answer is
 * its lower end. Undefined where nothing was counted.
 */
export function quantileOf(histogram: Histogram, quantile: number): Quantile | undefined {
  const { bounds, counts } = histogram;
  const total = countOf(histogram);
  if (total <= 0) return undefined;
  const rank = quantile * total;
  const at = counts.findIndex((count) => count >= rank);
  const upper = bounds[at] ?? Number.POSITIVE_INFINITY;
  const lower = bounds[at - 1] ?? Math.min(0, upper);
  if (!Number.isFinite(upper)) return { value: lower, lower, upper };
  const below = counts[at - 1] ?? 0;
  const inside = (counts[at] ?? 0) - below;
  return { value: inside === 0 ? upper : lower + ((upper - lower) * (rank - below)) / inside, lower, upper };
}

/** How many were above a bound: exactly where a bucket ends there, otherwise between `least` and `most`. */
export function countAbove(histogram: Histogram, bound: number): { likely: number; least: number; most: number } {
  const { bounds, counts } = histogram;
  const total = countOf(histogram);
  const at = bounds.findIndex((upper) => upper >= bound);
  const upper = bounds[at] ?? Number.POSITIVE_INFINITY;
  const upToUpper = counts[at] ?? total;
  if (upper === bound) return { likely: total - upToUpper, least: total - upToUpper, most: total - upToUpper };
  const lower = bounds[at - 1] ?? 0;
  const upToLower = counts[at - 1] ?? 0;
  const part = Number.isFinite(upper) ? (bound - lower) / (upper - lower) : 0;
  const likely = total - (upToLower + (upToUpper - upToLower) * part);
  return { likely, least: total - upToUpper, most: total - upToLower };
}
