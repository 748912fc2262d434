import { parseDuration } from '@drydock/kit';
import type { HealthConfig } from '../config/health.ts';
import type { ShareObjective } from '../objectives/types.ts';

const DAY_MS = 86_400_000;

/** A pair of windows, and how fast a budget may burn in both. 1 uses it up exactly in its time. */
export interface BurnWindow {
  long: string;
  short: string;
  factor: number;
  severity: string;
}

/** Burn rate = share of the budget spent × time of the budget / long window: 2 % of 30 days in an hour is 14.4. */
export function burnWindows({ rules, objectives }: HealthConfig): BurnWindow[] {
  return rules.windows.map(({ long, short, spends, severity }) => ({
    ...{ long, short, severity },
    factor: Number(((spends * objectives.budgetDays * DAY_MS) / parseDuration(long)).toPrecision(4)),
  }));
}

/** Where 40 % hits are wanted, misses cannot be 14 times the 60 % that are allowed: such a pair could never go off. */
export function reachable({ allowed }: ShareObjective, windows: readonly BurnWindow[]): BurnWindow[] {
  return windows.filter(({ factor }) => factor * allowed < 1);
}

/** Every length in use, shortest first. */
export function lengthsOf(windows: readonly BurnWindow[]): string[] {
  const all = new Set(windows.flatMap(({ long, short }) => [long, short]));
  return [...all].sort((a, b) => parseDuration(a) - parseDuration(b));
}
