import { MINUTE_MS } from '../series/store.ts';

/** A time without a gap. Milliseconds since 1970. */
export interface Span {
  from: number;
  to: number;
}

/** One lost sample is no end; more than that is a time of which nothing is known. */
const GAP_MS = 1.5 * MINUTE_MS;
/** Scrapes are not on the dot: ten minutes of samples may span a few seconds less. */
const SLACK_MS = 5_000;

/** Times in which something held in every sample, for at least so long. Samples in order; one that tells nothing ends a time. */
export function episodesOf<T extends Span>(
  samples: readonly T[],
  holds: (sample: T) => boolean,
  leastMs: number,
): Span[] {
  const found: Span[] = [];
  let current: Span | undefined;
  for (const sample of samples) {
    if (!holds(sample)) current = undefined;
    else if (current && sample.from - current.to <= GAP_MS) current.to = sample.to;
    else {
      current = { from: sample.from, to: sample.to };
      found.push(current);
    }
  }
  return found.filter(({ from, to }) => to - from >= leastMs - SLACK_MS);
}

/** Those that touch a time. */
export function within<T extends Span>(samples: readonly T[], { from, to }: Span): T[] {
  return samples.filter((sample) => sample.to > from && sample.from < to);
}
