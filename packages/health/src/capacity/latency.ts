import { addWindows, sumWindows, type Window } from '../metrics/window.ts';
import { countsOf, quantileIn, usageOf } from '../objectives/count.ts';
import { milliseconds, percent } from '../objectives/list.ts';
import type { Objective, ShareObjective } from '../objectives/types.ts';
import { MINUTE_MS } from '../series/store.ts';
import { episodesOf, type Span, within } from './episodes.ts';
import { conclude } from './state.ts';
import type { Advice, CapacityInput, Trigger } from './types.ts';

interface Slot extends Span {
  window: Window;
}

/** "p95 latency breach for > 3 consecutive 5 m windows": windows by the clock, one quantile each, of counts that were added up. */
export function judgeLatency(objective: ShareObjective, input: CapacityInput): Trigger {
  const { windowMinutes, moreThan, minRequests } = input.settings.latency;
  const slots = slotsOf(input.windows, windowMinutes * MINUTE_MS);
  const bound = objective.source.of === 'latency' ? objective.source.seconds : Number.POSITIVE_INFINITY;
  const breaches = ({ window }: Slot) => {
    const enough = (countsOf(objective, window)?.total ?? 0) >= minRequests;
    return enough && (quantileIn(window, objective)?.value ?? 0) > bound;
  };
  return conclude(input, {
    id: objective.id,
    title: objective.title,
    rule: `> ${milliseconds(bound)} in more than ${moreThan} windows of ${windowMinutes} min in a row`,
    known: slots.some(({ window }) => window.routes.size > 0),
    episodes: episodesOf(slots, breaches, (moreThan + 1) * windowMinutes * MINUTE_MS),
    describe(span) {
      const seen = span ? within(slots, span) : slots;
      const values = seen.flatMap(({ window }) => quantileIn(window, objective)?.value ?? []);
      if (values.length === 0) return 'no request';
      if (span)
        return `${milliseconds(Math.min(...values))} to ${milliseconds(Math.max(...values))}, ${seen.length} windows`;
      return `${milliseconds(Math.max(...values))} at most, ${seen.filter(breaches).length} of ${seen.length} windows beyond`;
    },
    advise: (span) => adviseOnLatency(objective, within(input.windows, span), input),
    // The window that is not over yet says neither yes nor no.
    slackMs: windowMinutes * MINUTE_MS,
  });
}

/** Windows that begin at full five minutes, as far as they are over. */
export function slotsOf(windows: readonly Window[], sizeMs: number): Slot[] {
  const slots = new Map<number, Window>();
  for (const window of windows) {
    const from = Math.floor((window.to - 1) / sizeMs) * sizeMs;
    const known = slots.get(from);
    slots.set(from, known ? addWindows(known, window) : window);
  }
  const newest = windows.at(-1)?.to ?? 0;
  return [...slots]
    .map(([from, window]) => ({ from, to: from + sizeMs, window }))
    .filter(({ to }) => to <= newest + MINUTE_MS / 12);
}

function adviseOnLatency(objective: ShareObjective, windows: readonly Window[], input: CapacityInput): Advice[] {
  const { settings, objectives } = input;
  const sum = sumWindows(windows);
  if (!sum) return [];
  const route = objective.source.of === 'latency' ? objective.source.route : '';
  const advice: Advice[] = [];
  const cpu = usageOf(sum, 'cpu', settings.cores) ?? 0;
  if (cpu > settings.cpu.above)
    advice.push({ action: 'scale out', text: `Scale out: CPU was at ${percent(cpu)}, so requests waited for it.` });
  const hits = hitsOf(objectives, sum);
  if (hits && hits.share < hits.wanted)
    advice.push({
      action: 'cache',
      text: `Cache: ${percent(hits.share)} of the look-ups were hits, ${percent(hits.wanted)} are wanted. Is it cold, too short-lived, or emptied too often?`,
    });
  if (advice.length === 0)
    advice.push({
      action: 'index',
      text: `Index: CPU (${percent(cpu)}) and cache were as they should be, so ${route} waits for something else, most likely the database.`,
    });
  return advice;
}

function hitsOf(objectives: readonly Objective[], window: Window): { share: number; wanted: number } | undefined {
  const cache = objectives.find((one) => one.kind === 'share' && one.source.of === 'cache');
  const counts = cache?.kind === 'share' ? countsOf(cache, window) : undefined;
  if (cache?.kind !== 'share' || !counts?.total) return undefined;
  return { share: 1 - counts.bad / counts.total, wanted: 1 - cache.allowed };
}
