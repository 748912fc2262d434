import { MINUTE_MS } from '../series/store.ts';
import type { Span } from './episodes.ts';
import type { Advice, CapacityInput, Trigger } from './types.ts';

/** Older than this, the newest sample says nothing about now. */
export const STALE_MS = 10 * MINUTE_MS;
const SLACK_MS = 5_000;

interface Found {
  id: string;
  title: string;
  rule: string;
  /** Whether its metric is there at all. */
  known: boolean;
  episodes: Span[];
  /** For a time in which it held, or for all of it. */
  describe(span: Span | undefined): string;
  advise(span: Span): Advice[];
  /** It fires if it held until this long before the newest sample. */
  slackMs?: number;
}

/** Whether a trigger fires, has fired, or has not. */
export function conclude({ windows, now }: CapacityInput, found: Found): Trigger {
  const { id, title, rule, known, episodes, describe, advise, slackMs = 0 } = found;
  const newest = windows.at(-1)?.to ?? 0;
  const last = episodes.at(-1);
  const base = { id, title, rule, episodes };
  if (!known)
    return { ...base, state: 'unknown', since: null, until: null, seen: 'its metric is not there', advice: [] };
  if (!last) return { ...base, state: 'quiet', since: null, until: null, seen: describe(undefined), advice: [] };
  const holds = newest - last.to <= slackMs + SLACK_MS && Math.abs(now - newest) <= STALE_MS;
  return {
    ...base,
    state: holds ? 'firing' : 'fired',
    since: last.from,
    until: last.to,
    seen: describe(last),
    advice: advise(last),
  };
}
