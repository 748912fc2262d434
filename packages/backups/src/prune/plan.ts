import { counted } from '@drydock/kit';
import type { Listed } from '../catalogue.ts';
import { readCompact } from '../names.ts';

export interface Retention {
  days: number;
  last: number;
  daily: number;
  weekly: number;
  monthly: number;
}

export type Decision = { id: string; keep: boolean; reasons: string[] };

const DAY_MS = 86_400_000;
/** What has no manifest may still be being written; after that nobody writes it any more. */
const LEFTOVER_MS = DAY_MS;

/** A backup and what was found when it was opened. */
export type Judged = Listed & {
  /** Why it counts as no backup: broken, or dated later than now. It takes nobody's place, and is not deleted. */
  uncounted?: string | undefined;
  /** Nobody stands for it. Those are a series of their own, and take no place of those that somebody stands for. */
  unsigned?: boolean;
};

/**
 * Which backups of one store go, and why each stays or goes; newest first. Whatever any rule keeps is kept. Days, weeks
 * (ISO 8601, from Monday) and months are UTC's.
 */
export function planPrune(backups: Judged[], retention: Retention, now: Date): Decision[] {
  const finished = backups.filter((backup) => backup.finished).sort((a, b) => (a.id < b.id ? 1 : -1));
  const counted = finished.filter(({ uncounted }) => uncounted === undefined);
  return [
    ...finished.flatMap(({ id, uncounted }): Decision[] =>
      uncounted === undefined ? [] : [{ id, keep: true, reasons: [uncounted] }],
    ),
    ...decide(
      counted.filter(({ unsigned }) => !unsigned),
      retention,
      now,
    ),
    ...decide(
      counted.filter(({ unsigned }) => unsigned),
      retention,
      now,
    ),
    ...backups.filter((backup) => !backup.finished).map((backup) => decideLeftover(backup, now)),
  ].sort((a, b) => (a.id < b.id ? 1 : -1));
}

function decide(newestFirst: Judged[], retention: Retention, now: Date): Decision[] {
  const reasons = new Map<string, string[]>(newestFirst.map(({ id }) => [id, []]));
  const keep = (backup: Listed | undefined, why: string) => backup && reasons.get(backup.id)?.push(why);

  keep(newestFirst[0], 'the newest');
  for (const backup of newestFirst) {
    if (now.getTime() - backup.at.getTime() <= retention.days * DAY_MS)
      keep(backup, `younger than ${counted(retention.days, 'day')}`);
    for (const why of marksOf(backup, now)) keep(backup, why);
  }
  for (const backup of newestFirst.slice(0, retention.last)) keep(backup, `of the last ${retention.last}`);
  for (const [count, period, name] of [
    [retention.daily, dayOf, 'day'],
    [retention.weekly, weekOf, 'week'],
    [retention.monthly, monthOf, 'month'],
  ] as const)
    for (const backup of newestPerPeriod(newestFirst, period).slice(0, count))
      keep(backup, `the newest of its ${name} (${period(backup.at)})`);

  return newestFirst.map(({ id }): Decision => {
    const why = reasons.get(id) ?? [];
    return { id, keep: why.length > 0, reasons: why.length > 0 ? why : ['no rule keeps it'] };
  });
}

export function marksOf({ marks }: Listed, now: Date): string[] {
  return marks.flatMap((mark) => {
    if (mark.kind === 'hold') return ['held'];
    if (mark.kind === 'drill') return ['proved by a drill'];
    const until = readCompact(mark.until);
    return until > now ? [`locked by the store until ${until.toISOString().slice(0, 10)}`] : [];
  });
}

function decideLeftover({ id, at }: Listed, now: Date): Decision {
  const young = now.getTime() - at.getTime() < LEFTOVER_MS;
  return {
    id,
    keep: young,
    reasons: [young ? 'unfinished, and begun less than 24 h ago' : 'unfinished: it has no manifest'],
  };
}

function newestPerPeriod(newestFirst: Listed[], period: (at: Date) => string): Listed[] {
  const newest = new Map<string, Listed>();
  for (const backup of newestFirst) if (!newest.has(period(backup.at))) newest.set(period(backup.at), backup);
  return [...newest.values()];
}

const dayOf = (at: Date) => at.toISOString().slice(0, 10);
const monthOf = (at: Date) => at.toISOString().slice(0, 7);

/** ISO 8601: the week of a day is that of its Thursday. */
function weekOf(at: Date): string {
  const thursday = new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate()));
  thursday.setUTCDate(thursday.getUTCDate() + 4 - (thursday.getUTCDay() || 7));
  const yearStart = Date.UTC(thursday.getUTCFullYear(), 0, 1);
  const week = Math.ceil(((thursday.getTime() - yearStart) / DAY_MS + 1) / 7);
  return `${thursday.getUTCFullYear()}-W${String(week).padStart(2, '0')}`;
}

/** More than half of what is finished at once is more likely a mistake than a retention. */
export function deletesMost(decisions: Decision[], backups: Listed[]): boolean {
  const finished = new Set(backups.filter((backup) => backup.finished).map(({ id }) => id));
  const gone = decisions.filter(({ id, keep }) => !keep && finished.has(id)).length;
  return gone * 2 > finished.size;
}
