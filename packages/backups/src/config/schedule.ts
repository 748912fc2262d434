import { z } from 'zod';
import { parseCron } from '../schedule/cron.ts';
import { wrongTimeZone } from '../schedule/time-zone.ts';

const cron = z.string().superRefine((expression, ctx) => {
  try {
    parseCron(expression);
  } catch (error) {
    ctx.addIssue({ code: 'custom', message: (error as Error).message });
  }
});

/** When backups are made, pruned and tried: five fields of cron each. */
export const scheduleSchema = z.strictObject({
  backup: cron.default('17 2 * * *').describe('When a backup is made.'),
  prune: cron.optional().describe('A job of its own; left out, each backup that went well is followed by it.'),
  drill: cron
    .default('41 4 2 */2 *')
    .describe(
      'When a restore is tried. A quarter has up to 92 days, and a drill is due after 90: every second month keeps the quarterly promise.',
    ),
  check: cron.default('47 5 * * *').describe('When the newest backup is held against the database that runs.'),
  timeZone: z
    .string()
    .superRefine((name, ctx) => {
      const wrong = wrongTimeZone(name);
      if (wrong) ctx.addIssue({ code: 'custom', message: wrong });
    })
    .default('UTC')
    .describe('What the times are in.'),
  marginMinutes: z
    .number()
    .int()
    .positive()
    .default(30)
    .describe('A job that has not started this long after its time has been missed.'),
  maxMinutes: z
    .number()
    .int()
    .positive()
    .default(180)
    .describe('A job that takes longer is ended and counts as failed.'),
});
