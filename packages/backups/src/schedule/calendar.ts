import { parseCron } from './cron.ts';

const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/**
 * A cron expression as values of OnCalendar= (systemd.time(7), "Calendar events"). Cron runs on either of two kinds of
 * day where both are limited, systemd on both at once: so that takes two values, of which the timer obeys each.
 */
export function calendarOf(expression: string, timeZone: string): string[] {
  const { minute, hour, dayOfMonth, month, dayOfWeek } = parseCron(expression);
  const time = `${numbers(hour)}:${numbers(minute)}:00 ${timeZone}`;
  const byDate = `*-${numbers(month)}-${numbers(dayOfMonth)} ${time}`;
  const byWeekday = `${dayOfWeek.values.map((day) => WEEKDAYS[day]).join(',')} *-${numbers(month)}-* ${time}`;
  if (dayOfWeek.any) return [byDate];
  return dayOfMonth.any ? [byWeekday] : [byDate, byWeekday];
}

function numbers({ values, any }: { values: number[]; any: boolean }): string {
  return any ? '*' : values.map((value) => String(value).padStart(2, '0')).join(',');
}
