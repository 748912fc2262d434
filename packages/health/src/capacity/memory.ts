import { judgeGrowth } from '../gate/growth.ts';
import { sumWindows, type Window } from '../metrics/window.ts';
import { usageOf } from '../objectives/count.ts';
import { percent } from '../objectives/list.ts';
import { MINUTE_MS } from '../series/store.ts';
import { episodesOf, type Span, within } from './episodes.ts';
import { conclude } from './state.ts';
import type { Advice, CapacityInput, Trigger } from './types.ts';

/** Fewer major collections say nothing about what stays after them. */
const LEAST_COLLECTIONS = 3;
const MIB = 1_048_576;

/**
 * "Memory pressure causing GC churn", as two numbers that must hold together in every minute of ten:
 *
 * - collections stop the process for more than a tenth of the time (`nodejs_gc_duration_seconds_sum`: pauses of the main thread, which
 *   perf_hooks' `gc` entries measure). HotSpot's G1 aims at 8 % (GCTimeRatio=12, "HotSpot Virtual Machine Garbage Collection Tuning Guide");
 * - they free little: what old space holds after a major collection is more than 80 % of its peak before, or of --max-old-space-size.
 *   V8 calls a collection "ineffective" by the same 80 % (Heap::IsIneffectiveMarkCompact in src/heap/heap.cc), and ends the process after
 *   the fourth in a row that leaves it under 40 % of the time: this trigger is long before that.
 *
 * Much garbage with little that stays is work, not pressure; much that stays with few collections is a cache.
 */
export function judgeMemory(input: CapacityInput): Trigger {
  const { windows, settings } = input;
  const { gcShareAbove, keptAbove, minutes, oldSpaceLimitMiB } = settings.memory;
  const least = minutes * MINUTE_MS;
  const gcShare = (window: Window) => usageOf(window, 'gc', settings.cores) ?? 0;
  // What stays is looked for in times of churn alone: before them old space was lower, and would hide it.
  const churning = episodesOf(windows, (window) => gcShare(window) > gcShareAbove, least);
  const episodes = churning.flatMap((span) => {
    const inside = within(windows, span);
    const recent = ({ to }: Window) => inside.filter((one) => one.to <= to && one.to > to - least);
    return episodesOf(inside, (window) => (keptShare(recent(window), oldSpaceLimitMiB) ?? 0) > keptAbove, least);
  });
  return conclude(input, {
    id: 'memory',
    title: 'memory pressure',
    rule: `GC > ${percent(gcShareAbove)} of the time, > ${percent(keptAbove)} kept, for ${minutes} min`,
    known: windows.some((window) => window.gcSeconds !== undefined && window.oldSpace !== undefined),
    episodes,
    describe(span) {
      const seen = span ? within(windows, span) : windows;
      const sum = sumWindows(seen);
      const most = span ? '' : `, ${percent(seen.reduce((top, one) => Math.max(top, gcShare(one)), 0))} at most`;
      const kept = span && keptShare(seen.slice(-minutes), oldSpaceLimitMiB);
      const told = kept === undefined ? '' : `, ${percent(kept)} kept`;
      const level = seen.reduce((top, { oldSpace }) => Math.max(top, oldSpace?.most ?? 0), 0);
      return `GC ${percent(sum ? gcShare(sum) : 0)}${most}${told}, old space up to ${Math.round(level / MIB)} MiB`;
    },
    advise: (span) => adviseOnMemory(span, input),
  });
}

/** What stays of old space: its lowest level after a major collection, as a share of its highest (or of its limit). */
export function keptShare(windows: readonly Window[], limitMiB: number | undefined): number | undefined {
  const collected = windows.filter(({ majorGcs, oldSpace, restarts }) => majorGcs && oldSpace && restarts === 0);
  if (collected.reduce((sum, { majorGcs }) => sum + (majorGcs ?? 0), 0) < LEAST_COLLECTIONS) return undefined;
  const least = Math.min(...collected.map(({ oldSpace }) => oldSpace?.least ?? Number.POSITIVE_INFINITY));
  const peak = limitMiB ? limitMiB * MIB : Math.max(...windows.map(({ oldSpace }) => oldSpace?.most ?? 0));
  return peak > 0 ? least / peak : undefined;
}

function adviseOnMemory(span: Span, { windows, objectives }: CapacityInput): Advice[] {
  const growth = objectives.find((one) => one.kind === 'growth');
  const before = windows.filter(({ to }) => to <= span.to);
  const leaks = growth?.kind === 'growth' ? judgeGrowth(growth, before) : undefined;
  if (leaks?.verdict === 'fail')
    return [
      {
        action: 'memory',
        text: `A leak: ${leaks.reason} Go back to the version before, or restart to win time, and compare two heap snapshots (node --heapsnapshot-signal).`,
      },
    ];
  return [
    {
      action: 'memory',
      text: 'Give it room: more memory with a larger --max-old-space-size; what it needs at once does not fit.',
    },
    {
      action: 'scale out',
      text: 'Scale out: what each request or session holds is divided, what every instance holds is not.',
    },
  ];
}
