import { sumWindows, type Window } from '../metrics/window.ts';
import { MINUTE_MS } from '../series/store.ts';

/** As many as a chart of this width can show. */
const MOST_SLOTS = 144;

export interface Slots {
  starts: number[];
  ms: number;
  /** What happened in each, undefined for nothing known. */
  windows: (Window | undefined)[];
}

/** Minutes put together to slots of equal length, whole minutes each. Counts add up; quantiles of them are right. */
export function toSlots(windows: readonly Window[], from: number, to: number): Slots {
  const ms = Math.max(1, Math.ceil((to - from) / MOST_SLOTS / MINUTE_MS)) * MINUTE_MS;
  const first = Math.floor(from / ms) * ms;
  const count = Math.ceil((to - first) / ms);
  const inSlot: Window[][] = Array.from({ length: count }, () => []);
  // A window belongs to where it ends.
  for (const window of windows) inSlot[Math.floor((window.to - 1 - first) / ms)]?.push(window);
  return { starts: inSlot.map((_, at) => first + at * ms), ms, windows: inSlot.map(sumWindows) };
}
