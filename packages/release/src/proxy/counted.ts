import type { ServerCounts } from './haproxy.ts';

/** What HAProxy tells of the requests of some time. */
export interface Answered {
  requests: number;
  /** 500 and above, or no answer at all. */
  failed: number;
  /** Until an answer begins, on average; undefined where there was none. */
  meanMs: number | undefined;
}

/** HAProxy averages over so many (TIME_STATS_SAMPLES); before, over all. */
const SAMPLES = 1_024;

/** What servers have answered from one look to a later one. One whose counters have fallen was started again meanwhile. */
export function answeredBetween(before: readonly ServerCounts[], after: readonly ServerCounts[]): Answered {
  const parts = after.map((now) => {
    const then = before.find(({ name }) => name === now.name);
    return between(
      then && then.timed <= now.timed ? then : { ...now, requests: 0, failed: 0, timed: 0, meanMs: 0 },
      now,
    );
  });
  const [requests, failed] = [sum(parts.map((one) => one.requests)), sum(parts.map((one) => one.failed))];
  const timed = parts.filter(({ meanMs }) => meanMs !== undefined);
  const meanMs = sum(timed.map((one) => one.requests * (one.meanMs ?? 0))) / sum(timed.map((one) => one.requests));
  return { requests, failed, meanMs: timed.length > 0 ? meanMs : undefined };
}

function between(then: ServerCounts, now: ServerCounts): Answered {
  const requests = now.requests - then.requests;
  const timed = now.timed - then.timed;
  const grown = Math.min(Math.max(SAMPLES - then.timed, 0), timed);
  // Beyond them each new one takes the place of a part of the average.
  const left = (1 - 1 / SAMPLES) ** (timed - grown);
  const weight = grown * left + SAMPLES * (1 - left);
  const sumOf = ({ meanMs, timed: all }: ServerCounts) => meanMs * Math.min(all, SAMPLES);
  const meanMs = weight > 0 ? Math.max(0, (sumOf(now) - sumOf(then) * left) / weight) : undefined;
  return { requests, failed: now.failed - then.failed, meanMs };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0);
}
