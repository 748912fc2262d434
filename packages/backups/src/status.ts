import { command, counted, type Finding, hint } from '@drydock/kit';
import type { Listed } from './catalogue.ts';
import { readCompact } from './names.ts';
import { shownBytes } from './pace.ts';

export interface Limits {
  ageHours: number;
  drillDays: number;
  sizeGiB: number;
  rpoMinutes: number;
}

export interface StoreStatus {
  store: string;
  count: number;
  /** ISO 8601; null where there is none. */
  newest: string | null;
  ageHours: number | null;
  bytes: number;
  /** Of the newest dump against that of about a month before: 1.1 is ten percent more. */
  growth: number | null;
  lastDrill: string | null;
  nextDrill: string | null;
  /** Median time between the last ten backups. */
  intervalMinutes: number | null;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export function statusOf(store: string, listed: Listed[], limits: Limits, now: Date): StoreStatus {
  const finished = listed.filter((backup) => backup.finished);
  const [newest] = finished;
  const monthBefore = newest && finished.find(({ at }) => newest.at.getTime() - at.getTime() >= 28 * DAY_MS);
  const drills = finished
    .flatMap(({ marks }) => marks.flatMap((mark) => (mark.kind === 'drill' ? [readCompact(mark.at)] : [])))
    .sort((a, b) => b.getTime() - a.getTime());
  const [drill] = drills;
  return {
    store,
    count: finished.length,
    newest: newest?.at.toISOString() ?? null,
    ageHours: newest ? (now.getTime() - newest.at.getTime()) / HOUR_MS : null,
    bytes: finished.reduce((all, { bytes }) => all + bytes, 0),
    growth: newest && monthBefore?.dumpBytes ? newest.dumpBytes / monthBefore.dumpBytes : null,
    lastDrill: drill?.toISOString() ?? null,
    nextDrill: new Date((drill ?? now).getTime() + (drill ? limits.drillDays * DAY_MS : 0)).toISOString(),
    intervalMinutes: medianInterval(finished.slice(0, 11).map(({ at }) => at)),
  };
}

function medianInterval(newestFirst: Date[]): number | null {
  const gaps = newestFirst.slice(1).map((at, i) => ((newestFirst[i]?.getTime() ?? 0) - at.getTime()) / 60_000);
  return gaps.sort((a, b) => a - b)[Math.floor(gaps.length / 2)] ?? null;
}

/** What is past its limit. `plainBytes` is the size of the newest dump in the clear. */
export function findOverdue(
  env: string,
  stores: StoreStatus[],
  { limits, plainBytes, now }: { limits: Limits; plainBytes: number | undefined; now: Date },
): Finding[] {
  const findings: Finding[] = stores.flatMap(({ store, ageHours }): Finding[] => {
    if (ageHours !== null && ageHours <= limits.ageHours) return [];
    const message =
      ageHours === null
        ? `${store} has no backup of ${env}.`
        : `The newest backup of ${env} in ${store} is ${counted(Math.floor(ageHours), 'hour')} old, ${limits.ageHours} are allowed.`;
    return [{ level: 'error', code: 'BACKUP_OVERDUE', message, hint: command('db:backup', { env }) }];
  });
  const drilled = stores
    .map(({ lastDrill }) => lastDrill)
    .filter((at) => at !== null)
    .sort()
    .at(-1);
  if (!drilled || now.getTime() - Date.parse(drilled) > limits.drillDays * DAY_MS)
    findings.push({
      level: 'error',
      code: 'DRILL_OVERDUE',
      message: drilled
        ? `The last drill that passed was on ${drilled.slice(0, 10)}, more than ${counted(limits.drillDays, 'day')} ago.`
        : `No restore of ${env} was ever tried.`,
      hint: command('backup:drill', { env }),
    });
  if (plainBytes !== undefined && plainBytes > limits.sizeGiB * 1_024 ** 3)
    findings.push(
      beyond(env, `The dump has ${shownBytes(plainBytes)}, beyond the ${limits.sizeGiB} GiB of backups.limits`),
    );
  const interval = Math.min(...stores.flatMap(({ intervalMinutes }) => intervalMinutes ?? []));
  if (Number.isFinite(interval) && interval > limits.rpoMinutes)
    findings.push(
      beyond(
        env,
        `Backups are ${counted(Math.round(interval), 'minute')} apart, and ${counted(limits.rpoMinutes, 'minute')} of data may be lost (RPO)`,
      ),
    );
  return findings;
}

function beyond(env: string, what: string): Finding {
  return {
    level: 'error',
    code: 'DUMPS_DO_NOT_SERVE',
    message: `${what}: dumps cannot serve that.`,
    hint: hint`Archive the WAL with pgBackRest: ${command('backup:pitr', { env, plan: true })}`,
  };
}
