import { environmentName } from '@drydock/kit';
import { z } from 'zod';

const local = z
  .string()
  .regex(/^\d{4}-\d\d-\d\d(T\d\d:\d\d)?$/, 'must be a date, or a date with a time: 2026-12-20T18:00');
const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

const window = z
  .strictObject({
    from: local.optional().describe('Its first moment; a date alone is midnight.'),
    to: local.optional().describe('The first moment after it.'),
    days: z.array(z.enum(DAYS)).default([]).describe('Weekdays; left out, all.'),
    hours: z
      .string()
      .regex(/^([01]\d|2[0-4]):[0-5]\d-([01]\d|2[0-4]):[0-5]\d$/, 'must be from-to: 16:00-24:00')
      .optional()
      .describe('Of each of those days, `16:00-24:00`; left out, the whole day.'),
    timeZone: z
      .string()
      .default('UTC')
      .refine(isTimeZone, 'must be a time zone such as Europe/Berlin')
      .describe('Whose clock is meant.'),
    environments: z
      .array(environmentName)
      .optional()
      .describe('Where nothing is released meanwhile.')
      .meta({ byItself: 'those that serve customers' }),
    reason: z.string().describe('For whoever is refused.'),
  })
  .refine(
    ({ from, to, days, hours }) => from || to || days.length > 0 || hours,
    'must say when: from, to, days or hours',
  );

export const freezeSchema = z.array(window);
export type FreezeWindow = z.output<typeof window>;

function isTimeZone(name: string): boolean {
  try {
    return Boolean(new Intl.DateTimeFormat('en', { timeZone: name }));
  } catch {
    return false;
  }
}
