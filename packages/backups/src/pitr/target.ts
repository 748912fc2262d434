import { usageError } from '@drydock/kit';

/** How far a clock may run behind the one that the moment was read from. */
const SKEW_MS = 60_000;

/**
 * A moment as pgBackRest and PostgreSQL read it. A zone is asked for: without one it would be that of the host, which at
 * three in the morning nobody knows.
 */
export function readTarget(text: string, now = Date.now()): string {
  const [, date, time, zone] =
    /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d{1,6})?)(Z|[+-]\d\d(?::?\d\d)?)$/.exec(text) ?? [];
  const hours = zone === 'Z' ? '+00' : zone;
  const at = Date.parse(`${date}T${time}${hours?.length === 3 ? `${hours}:00` : hours}`);
  if (Number.isNaN(at))
    throw usageError(
      'TARGET_MALFORMED',
      `--target must be a moment with its time zone, such as 2026-11-24T02:15:00Z, not "${text}".`,
    );
  if (at > now + SKEW_MS)
    throw usageError('TARGET_IN_FUTURE', `--target ${text} has not come yet.`, 'Which zone is it in? Z is UTC.');
  return `${date} ${time}${hours}`;
}

/** Which history is gone along: that of the backup, the newest, or one by its number (as pg_control has it). */
export function readTimeline(text: string): string {
  if (/^(current|latest|[1-9]\d{0,8})$/.test(text)) return text;
  throw usageError(
    'TIMELINE_MALFORMED',
    `--timeline must be current, latest or a number, not "${text}".`,
    'Its number: SELECT timeline_id FROM pg_control_checkpoint(); the names of WAL files begin with it, in hexadecimal.',
  );
}

/** An example for who gives none: the last full hour. */
export function lastFullHour(now = Date.now()): string {
  return readTarget(new Date(now - (now % 3_600_000)).toISOString().replace('.000', ''));
}
