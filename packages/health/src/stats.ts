/** Two-sided 95 % of the normal distribution. */
export const Z95 = 1.96;
/** One chance in 2,000 that luck alone looks this bad: a gate takes some hundred looks. */
export const Z_ALARM = 3.29;

/**
 * Bounds on the true share behind `bad` of `total`: Wilson's score interval (E. B. Wilson, JASA 22, 1927), which holds for small numbers
 * and for none at all, where the textbook's ± does not.
 */
export function wilson(bad: number, total: number, z: number): { lower: number; upper: number } {
  if (total <= 0) return { lower: 0, upper: 1 };
  const share = Math.min(1, bad / total);
  const square = z * z;
  const centre = share + square / (2 * total);
  const spread = z * Math.sqrt((share * (1 - share)) / total + square / (4 * total * total));
  const whole = 1 + square / total;
  return { lower: Math.max(0, (centre - spread) / whole), upper: Math.min(1, (centre + spread) / whole) };
}

/** So many without one bad are needed to be 95 % sure that the true share is below `allowed` ("rule of three", exactly). */
export function requestsNeeded(allowed: number): number {
  return Math.ceil(Math.log(0.05) / Math.log(1 - allowed));
}

/** How many standard errors the second share lies above the first (two-proportion z-test, pooled). 0 where there is nothing to compare. */
export function shareRise(before: { bad: number; total: number }, after: { bad: number; total: number }): number {
  const total = before.total + after.total;
  if (before.total <= 0 || after.total <= 0) return 0;
  const pooled = (before.bad + after.bad) / total;
  const error = Math.sqrt(pooled * (1 - pooled) * (1 / before.total + 1 / after.total));
  return error > 0 ? (after.bad / after.total - before.bad / before.total) / error : 0;
}

export interface Point {
  at: number;
  value: number;
}

/** Median of the slopes between all pairs (Theil 1950, Sen 1968): a few odd points do not move it. Per unit of `at`. */
export function slopeOf(points: readonly Point[]): number {
  const slopes = points.flatMap((a, i) =>
    points.slice(i + 1).flatMap((b) => (b.at === a.at ? [] : [(b.value - a.value) / (b.at - a.at)])),
  );
  return median(slopes) ?? 0;
}

/** How sure it is that points rise (Kendall's S in standard errors, with the correction for continuity). */
export function trendOf(points: readonly Point[]): number {
  const n = points.length;
  let s = 0;
  for (const [i, a] of points.entries()) for (const b of points.slice(i + 1)) s += Math.sign(b.value - a.value);
  const error = Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18);
  return error > 0 ? (s - Math.sign(s)) / error : 0;
}

export function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  if (sorted.length === 0) return undefined;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)] : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
