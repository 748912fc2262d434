import { sumWindows, type Window } from '../metrics/window.ts';
import { usageOf } from '../objectives/count.ts';
import { percent } from '../objectives/list.ts';
import type { UsageObjective } from '../objectives/types.ts';
import type { Judged } from './types.ts';

/** Shorter runs are a start, not a state. */
const LEAST_SECONDS = 30;

/** Processor and collections: over the whole run, since a burst of either is nothing bad. */
export function judgeUsage(objective: UsageObjective, windows: readonly Window[], cores: number): Judged {
  const { id, title, wanted, below } = objective;
  const window = sumWindows(windows);
  const value = window && usageOf(window, id, cores);
  const base = { id, title, wanted, count: windows.length, measured: windows.length, series: [] };
  if (!window || value === undefined)
    return {
      ...base,
      verdict: 'unjudged',
      value: null,
      shown: 'not known',
      breaches: 0,
      reason: 'Its metric was not there.',
    };
  const breaches = windows.filter((one) => (usageOf(one, id, cores) ?? 0) > below).length;
  const told = { ...base, value, shown: percent(value), breaches };
  if ((window.to - window.from) / 1_000 < LEAST_SECONDS)
    return { ...told, verdict: 'unjudged', reason: `Less than ${LEAST_SECONDS} s seen.` };
  return { ...told, verdict: value > below ? 'fail' : 'pass', reason: `${percent(value)} over the whole run.` };
}
