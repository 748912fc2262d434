import type { Finding } from '@drydock/kit';
import { type CronFields, parseCron } from './cron.ts';
import type { Job } from './jobs.ts';
import { type Change, changesOf } from './time-zone.ts';

/** What a schedule does not say, and its owner should know: nights on which a job does not come, and jobs that meet. */
export function clashesOf(jobs: Job[], timeZone: string, now: Date, format: string): Finding[] {
  return [
    ...meetings(jobs),
    ...(format === 'cron' ? [] : changesOf(timeZone, now).flatMap((one) => atChange(jobs, timeZone, one))),
  ];
}

/** cron itself makes up for the hour that is left out; systemd, Kubernetes and GitHub do not. */
function atChange(jobs: Job[], timeZone: string, change: Change): Finding[] {
  return jobs.flatMap(({ kind, cron }): Finding[] => {
    const fields = parseCron(cron);
    const minutes = within(fields, change);
    if (minutes.length === 0) return [];
    // What runs all the time loses, or gets, some of many.
    if (fields.hour.any && fields.minute.values.length > 1) return [];
    const [time = ''] = minutes;
    const what =
      change.kind === 'skipped'
        ? `${time} is not on the clock on ${change.date}: there is no ${kind} then`
        : `${time} is twice on the clock on ${change.date}: there may be two of ${kind} then`;
    return [
      {
        level: 'warn',
        code: change.kind === 'skipped' ? 'HOUR_SKIPPED' : 'HOUR_DOUBLED',
        message: `In ${timeZone} the clocks change, and ${what}.`,
        hint: `Give it another hour, or timeZone: 'UTC' (backups.schedule.${kind} in drydock.config.ts).`,
      },
    ];
  });
}

/** Times of a job on the day of a change that lie within it. */
function within({ minute, hour, month, dayOfMonth, dayOfWeek }: CronFields, { date, from, to }: Change): string[] {
  const day = new Date(`${date}T00:00:00Z`);
  if (!month.values.includes(day.getUTCMonth() + 1)) return [];
  const byDate = dayOfMonth.values.includes(day.getUTCDate());
  const byWeekday = dayOfWeek.values.includes(day.getUTCDay());
  const due = dayOfWeek.any ? byDate : dayOfMonth.any ? byWeekday : byDate || byWeekday;
  if (!due) return [];
  return hour.values
    .flatMap((h) => minute.values.map((m) => `${String(h).padStart(2, '0')}:${String(m).padStart(2, '0')}`))
    .filter((time) => (from < to ? time >= from && time < to : time >= from || time < to));
}

/** All of them take the operations lock: of two that begin at once one waits, or has waited in vain. */
function meetings(jobs: Job[]): Finding[] {
  return jobs.flatMap((one, at) =>
    jobs.slice(at + 1).flatMap((other): Finding[] => {
      if (!meet(parseCron(one.cron), parseCron(other.cron))) return [];
      return [
        {
          level: 'warn',
          code: 'SAME_TIME',
          message: `${one.kind} ("${one.cron}") and ${other.kind} ("${other.cron}") begin at the same time: one waits for the other's lock.`,
          hint: `Give them an hour between (backups.schedule in drydock.config.ts).${other.kind === 'prune' ? ' Without a time of its own, pruning follows each backup that went well.' : ''}`,
        },
      ];
    }),
  );
}

function meet(one: CronFields, other: CronFields): boolean {
  const common = (key: 'minute' | 'hour' | 'month') =>
    one[key].values.some((value) => other[key].values.includes(value));
  return common('minute') && common('hour') && common('month') && sameDay(one, other);
}

/** A weekday and a day of the month meet sooner or later. */
function sameDay(one: CronFields, other: CronFields): boolean {
  const both = (key: 'dayOfMonth' | 'dayOfWeek') => one[key].values.some((value) => other[key].values.includes(value));
  if (one.dayOfWeek.any && other.dayOfWeek.any) return both('dayOfMonth');
  if (one.dayOfMonth.any && other.dayOfMonth.any) return both('dayOfWeek');
  return true;
}
