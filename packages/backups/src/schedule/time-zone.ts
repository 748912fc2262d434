import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const DATABASE = '/usr/share/zoneinfo';

/** What is wrong with the name of a time zone, to complete a sentence; undefined for a right one. systemd and cron read it to the letter. */
export function wrongTimeZone(name: string): string | undefined {
  const none = 'is no time zone, such as UTC or Europe/Berlin';
  try {
    const { timeZone } = new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions();
    // Node also takes offsets (+01:00), which no scheduler does.
    if (!/^[A-Za-z]/.test(name)) return none;
    if (timeZone === name) return undefined;
  } catch {
    return none;
  }
  const right = spelled(name);
  return right === undefined || right === name ? undefined : `is spelled ${right}`;
}

/** As the time zone's own database has it; undefined where that does not know it, as the old names on some machines. */
function spelled(name: string): string | undefined {
  const same = (one: string) => one.toLowerCase() === name.toLowerCase();
  return [...Intl.supportedValuesOf('timeZone'), 'UTC'].find(same) ?? onDisk(name);
}

function onDisk(name: string): string | undefined {
  const found: string[] = [];
  for (const part of name.split('/'))
    try {
      const names = readdirSync(join(DATABASE, ...found));
      const exact = names.find((one) => one === part) ?? names.find((one) => one.toLowerCase() === part.toLowerCase());
      if (exact === undefined) return undefined;
      found.push(exact);
    } catch {
      return undefined;
    }
  return found.join('/');
}

export interface Change {
  /** On the clocks of the zone: the first minute that is not there, or is there twice, and the first after those. `HH:MM`. */
  from: string;
  to: string;
  /** `YYYY-MM-DD` there. */
  date: string;
  kind: 'skipped' | 'doubled';
}

const HOUR_MS = 3_600_000;
const YEAR_HOURS = 366 * 24;

/** When the clocks of a zone are put forward and back, in the year that begins now. */
export function changesOf(timeZone: string, now: Date): Change[] {
  const offsetAt = offsets(timeZone);
  const changes: Change[] = [];
  const start = Math.ceil(now.getTime() / HOUR_MS) * HOUR_MS;
  let before = offsetAt(start);
  for (let hour = 1; hour <= YEAR_HOURS; hour++) {
    const at = start + hour * HOUR_MS;
    const after = offsetAt(at);
    if (after !== before) {
      const moment = momentOf(offsetAt, at - HOUR_MS, at);
      const [first, last] = [Math.min(before, after), Math.max(before, after)];
      const [from, to] = [new Date(moment + first), new Date(moment + last)].map((time) => time.toISOString());
      changes.push({
        from: from?.slice(11, 16) ?? '',
        to: to?.slice(11, 16) ?? '',
        date: from?.slice(0, 10) ?? '',
        kind: after > before ? 'skipped' : 'doubled',
      });
    }
    before = after;
  }
  return changes;
}

/** To the minute. */
function momentOf(offsetAt: (at: number) => number, from: number, to: number): number {
  let [low, high] = [from, to];
  while (high - low > 60_000) {
    const middle = low + Math.floor((high - low) / 120_000) * 60_000;
    if (offsetAt(middle) === offsetAt(from)) low = middle;
    else high = middle;
  }
  return high;
}

/** What its clocks are ahead of UTC, in milliseconds. */
function offsets(timeZone: string): (at: number) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    ...{ year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' },
  });
  return (at) => {
    const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
    return Date.UTC(year, month - 1, day, hour, minute, second) - at;
  };
}
