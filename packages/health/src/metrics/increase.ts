import type { Fallen, Look, Process } from './processes.ts';
import type { Labels, Scrape, Series } from './scrape.ts';
import { type Selector, select } from './selector.ts';
import { keyOf } from './series-key.ts';

/** How far the counters of a selector rose since their process was last seen; one entry a series. */
export interface Increase {
  labels: Labels;
  by: number;
}

export interface Increases {
  all: Increase[];
  /** What makes them unknown, as a sentence: a counter that cannot be what it says. */
  lost: string | undefined;
}

/** What is known of a scrape beyond its values. */
export interface Between {
  after: Scrape;
  look: Look;
  instanceOf(labels: Labels): string;
}

/** A counter that stays lower for so long has been begun again by a product that runs on. */
const FORGOTTEN_MS = 300_000;
/** More are labels that come and go. */
const MOST_FALLEN = 10_000;
/** Sums of fractions are not exact. */
const NOISE = 1e-9;

/**
 * A counter only rises. Where its process is new, it began at zero; so did a series that is new on a process that was seen before:
 * prom-client makes it with its first event. In a process that goes on, one that is lower than it was, gone, or no number, is not known
 * until it is back: neither its fall nor its return is an event.
 */
export function increases({ after, look, instanceOf }: Between, selector: Selector): Increases {
  const now = lastOfEach(select(after, selector));
  const befores = new Map<Scrape, Map<string, Series>>();
  const before = (process: Process) => {
    const known = befores.get(process.scrape) ?? lastOfEach(select(process.scrape, selector));
    befores.set(process.scrape, known);
    return known;
  };
  let lost: string | undefined;
  const all = [...now].flatMap(([key, { labels, value }]): Increase[] => {
    const past = look.pasts.get(instanceOf(labels));
    if (!past || past.is === 'unknown') return [];
    const isNumber = Number.isFinite(value) && value >= 0;
    if (!isNumber) lost ??= `${nameOf(selector, labels)} is ${value}`;
    if (past.is === 'begun') return isNumber ? [{ labels, by: value }] : [];
    const fallen = fallenOf(past.process, selector);
    const was = before(past.process).get(key)?.value ?? 0;
    const high = fallen.get(key);
    const from = Math.max(Number.isFinite(was) ? was : 0, high?.value ?? 0);
    if (isNumber && value >= from - from * NOISE) {
      fallen.delete(key);
      return [{ labels, by: Math.max(0, value - from) }];
    }
    if (high && after.at - high.at > FORGOTTEN_MS) fallen.delete(key);
    else fallen.set(key, { value: from, at: high?.at ?? after.at });
    lost ??= `${nameOf(selector, labels)} was ${from} and is ${value}`;
    return [];
  });
  for (const past of look.pasts.values()) {
    if (past.is !== 'same') continue;
    const { process } = past;
    const fallen = fallenOf(process, selector);
    for (const [key, { labels, value }] of before(process))
      if (!now.has(key) && value > 0 && instanceOf(labels) === process.instance && !fallen.has(key))
        fallen.set(key, { value, at: after.at });
    for (const [key, { value, at }] of fallen)
      if (!now.has(key) && after.at - at <= FORGOTTEN_MS)
        lost ??= `a series of ${selector.text} was ${value} and is gone`;
  }
  return { all, lost };
}

function fallenOf({ fallen }: Process, { text }: Selector): Fallen {
  const known = fallen.get(text) ?? new Map();
  fallen.set(text, known);
  if (known.size > MOST_FALLEN) known.clear();
  return known;
}

/** One entry a series, even where a page has it twice. */
function lastOfEach(series: readonly Series[]): Map<string, Series> {
  return new Map(series.map((one) => [keyOf(one.labels), one]));
}

function nameOf({ name }: Selector, labels: Labels): string {
  const told = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  return told.length > 0 ? `${name}{${told.join(',')}}` : name;
}
