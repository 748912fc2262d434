import { sumWindows, type Window } from '../metrics/window.ts';
import { usageOf } from '../objectives/count.ts';
import { percent } from '../objectives/list.ts';
import { MINUTE_MS } from '../series/store.ts';
import { episodesOf, within } from './episodes.ts';
import { conclude } from './state.ts';
import type { Advice, CapacityInput, CapacitySettings, Trigger } from './types.ts';

/** "Sustained CPU > 70 % for 10 m": in every minute of ten in a row, over all instances together. */
export function judgeCpu(input: CapacityInput): Trigger {
  const { windows, settings } = input;
  const { above, minutes } = settings.cpu;
  const usage = (window: Window) => usageOf(window, 'cpu', settings.cores);
  return conclude(input, {
    id: 'cpu',
    title: 'CPU',
    rule: `> ${percent(above)} for ${minutes} min`,
    known: windows.some((window) => usage(window) !== undefined),
    episodes: episodesOf(windows, (window) => (usage(window) ?? 0) > above, minutes * MINUTE_MS),
    describe(span) {
      const sum = sumWindows(span ? within(windows, span) : windows);
      const most = windows.reduce((top, window) => Math.max(top, usage(window) ?? 0), 0);
      return `${percent((sum && usage(sum)) ?? 0)} on average${span ? '' : `, ${percent(most)} at most`}`;
    },
    advise: (span) => adviseOnCpu(within(windows, span), settings),
  });
}

function adviseOnCpu(windows: readonly Window[], settings: CapacitySettings): Advice[] {
  const sum = sumWindows(windows);
  const instances = windows.at(-1)?.instances ?? 1;
  const used = (sum && usageOf(sum, 'cpu', settings.cores)) ?? 0;
  const gc = (sum && usageOf(sum, 'gc', settings.cores)) ?? 0;
  const enough = Math.max(instances + 1, Math.ceil((instances * used) / settings.cpu.above));
  const scale: Advice = {
    action: 'scale out',
    text: `Scale out: ${instances} → ${enough} instances would bring ${percent(used)} under ${percent(settings.cpu.above)}, if the work divides.`,
  };
  const collections: Advice = {
    action: 'memory',
    text: `Memory first: ${percent(gc)} of the time went into collections, which more instances do not mend.`,
  };
  return gc > settings.memory.gcShareAbove ? [collections, scale] : [scale];
}
