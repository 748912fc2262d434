import type { Doubt } from './doubt.ts';
import { countersOf, type Names, selectorsOf } from './names.ts';
import type { Labels, Scrape } from './scrape.ts';
import { select } from './selector.ts';
import { keyOf } from './series-key.ts';

/** A start time that moved by less is the same process: prom-client rounds to seconds. */
const SAME_START_SECONDS = 1.5;
/** A start time is rounded, and so is the clock that it is held against. */
const SLACK_MS = 2_500;
/** After a longer time without a word, what was counted meanwhile belongs to no window. */
const LONGEST_GAP_MS = 300_000;
/** As many as may answer behind one address, each with its newest page. */
const MOST_PROCESSES = 8;

/** One process at one address, and what is remembered of it. */
export interface Process {
  instance: string;
  /** Seconds since 1970; undefined where it does not say. */
  start: number | undefined;
  /** Its newest page, as far as it is looked at, and when that was. */
  scrape: Scrape;
  at: number;
  /** By selector. */
  fallen: Map<string, Fallen>;
}

/** Counters that were higher once, or are gone, by their labels: their highest value, and when they fell. */
export type Fallen = Map<string, { value: number; at: number }>;

/**
 * What the counters of an instance are to be compared with. `begun`: they began at zero since the last look. `unknown`: nothing can be said of
 * what they rose by.
 */
export type Past = { is: 'begun' } | { is: 'same'; process: Process; from: number } | { is: 'unknown' };

export interface Look {
  pasts: ReadonlyMap<string, Past>;
  /** The process of each instance, as it is remembered from now on. */
  now: ReadonlyMap<string, Process>;
  restarts: number;
  /** It may still turn out that other processes were asked: one has changed, or none says when it started. */
  provisional: boolean;
  doubts: Doubt[];
}

/**
 * Tells processes apart, from scrape to scrape. An address may have more than one behind it: each is known again by its start time, or, where
 * it does not tell one, by counters that go on from where they were.
 */
export class Processes {
  readonly #names: Names;
  /** By instance, the one that was seen last in front. */
  readonly #known = new Map<string, Process[]>();
  #last: number | undefined;

  constructor(names: Names) {
    this.#names = names;
  }

  look(scrape: Scrape): Look {
    const instances = this.#instancesOf(scrape);
    const starts = this.#startsOf(scrape);
    const kept = this.#reduced(scrape);
    const pasts = new Map<string, Past>();
    const now = new Map<string, Process>();
    const look: Look = { pasts, now, restarts: 0, provisional: false, doubts: [] };
    for (const instance of instances) {
      const found = this.#find(instance, starts.get(instance), scrape, look);
      pasts.set(instance, found.past);
      now.set(instance, this.#remember(instance, starts.get(instance), kept, found.past));
    }
    this.#last = scrape.at;
    return look;
  }

  #find(instance: string, start: number | undefined, scrape: Scrape, look: Look): { past: Past } {
    const known = this.#known.get(instance) ?? [];
    const [newest] = known;
    const begun = start !== undefined && this.#hasBegun(instance, start, scrape, newest?.at ?? this.#last);
    // Somebody new at a new address: it has scaled out, which is no restart.
    if (!newest) return { past: begun ? { is: 'begun' } : { is: 'unknown' } };
    if (start === undefined || newest.start === undefined) look.provisional = true;
    const same = start === undefined ? this.#continued(known, scrape) : this.#started(known, start, scrape);
    if (same && same !== newest)
      look.doubts.push(several(instance, this.#names, 'one that had answered before, again'));
    if (same) return { past: this.#since(same) };
    look.provisional = true;
    if (begun) {
      look.restarts += 1;
      return { past: { is: 'begun' } };
    }
    const unknown = start === undefined || newest.start === undefined;
    look.doubts.push(
      unknown
        ? unclear(instance, this.#names)
        : several(instance, this.#names, 'one that had been running while another answered'),
    );
    return { past: { is: 'unknown' } };
  }

  #since(process: Process): Past {
    const gap = (this.#last ?? process.at) - process.at;
    return gap > LONGEST_GAP_MS ? { is: 'unknown' } : { is: 'same', process, from: process.at };
  }

  /** By its own clock, as far as that is known to differ from ours. */
  #hasBegun(instance: string, start: number, scrape: Scrape, since: number | undefined): boolean {
    if (since === undefined) return false;
    const ahead = scrape.aheadMs?.get(instance) ?? 0;
    return start * 1_000 - ahead >= since - SLACK_MS - (scrape.blurMs ?? 0);
  }

  /** Two that were started together may be as near as a rounded time to itself: those are told apart by their counters. */
  #started(known: readonly Process[], start: number, scrape: Scrape): Process | undefined {
    const exactly = known.find((one) => one.start === start);
    if (exactly) return exactly;
    const near = known.filter((one) => one.start !== undefined && Math.abs(one.start - start) <= SAME_START_SECONDS);
    return (
      (near.length > 0 ? this.#continued(near, scrape) : undefined) ??
      this.#continued(known.filter((one) => one.start === undefined).slice(0, 1), scrape)
    );
  }

  /** The one whose counters rose the least to be what they are. */
  #continued(known: readonly Process[], scrape: Scrape): Process | undefined {
    const rises = known.flatMap((process) => {
      const by = riseOf(process, scrape, this.#names);
      return by === undefined ? [] : [{ process, by }];
    });
    return rises.reduce<(typeof rises)[number] | undefined>(
      (least, one) => (least && least.by <= one.by ? least : one),
      undefined,
    )?.process;
  }

  #remember(instance: string, start: number | undefined, scrape: Scrape, past: Past): Process {
    const others = this.#known.get(instance) ?? [];
    const before = past.is === 'same' ? past.process : undefined;
    const process: Process = {
      ...{ instance, scrape, at: scrape.at },
      start: start ?? before?.start,
      fallen: before?.fallen ?? new Map(),
    };
    const rest = others.filter((one) => one !== before).slice(0, MOST_PROCESSES - 1);
    this.#known.set(instance, [process, ...rest]);
    return process;
  }

  #instancesOf(scrape: Scrape): Set<string> {
    const found = new Set<string>();
    for (const series of scrape.series.values())
      for (const { labels } of series) found.add(instanceOf(labels, this.#names));
    return found;
  }

  #startsOf(scrape: Scrape): Map<string, number> {
    const { started } = this.#names;
    const all = started ? select(scrape, started).filter(({ value }) => Number.isFinite(value)) : [];
    return new Map(all.map(({ labels, value }) => [instanceOf(labels, this.#names), value]));
  }

  /** Without what nobody looks at: pages are kept for as long as their process may come back. */
  #reduced(scrape: Scrape): Scrape {
    const wanted = new Set(selectorsOf(this.#names).map(({ selector }) => selector.name));
    return { ...scrape, series: new Map([...scrape.series].filter(([name]) => wanted.has(name))) };
  }
}

export function instanceOf(labels: Labels, { instanceLabel }: Names): string {
  return labels[instanceLabel] ?? '';
}

/** By how much all counters of a process would have risen; undefined where one would have fallen. */
function riseOf({ instance, scrape: before }: Process, after: Scrape, names: Names): number | undefined {
  let sum = 0;
  for (const { selector } of countersOf(names)) {
    const mine = (scrape: Scrape) =>
      select(scrape, selector).filter(
        ({ labels, value }) => instanceOf(labels, names) === instance && Number.isFinite(value),
      );
    const now = new Map(mine(after).map(({ labels, value }) => [keyOf(labels), value]));
    for (const { labels, value } of mine(before)) {
      const is = now.get(keyOf(labels)) ?? 0;
      if (is < value) return undefined;
      sum += is - value;
    }
  }
  return sum;
}

function at(instance: string): string {
  return instance ? ` at ${instance}` : ' at the address of the metrics';
}

function several(instance: string, { urls }: Names, who: string): Doubt {
  return {
    code: 'SEVERAL_INSTANCES',
    key: undefined,
    message: `Several instances answer${at(instance)}: by its start time, the process that answers is ${who}.`,
    hint: `Set ${urls} to the address of each instance, separated by commas, or let Prometheus scrape each one by itself.`,
  };
}

function unclear(instance: string, { urls }: Names): Doubt {
  return {
    code: 'PROCESS_UNKNOWN',
    key: undefined,
    message: `Counters fell${at(instance)}, and no start time says whether the process was restarted or several instances answer there.`,
    hint: `Name the start time of the process in health.metrics.started; with several instances set ${urls} to the address of each.`,
  };
}
