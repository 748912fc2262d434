// Uses no service.

import { loadConfig, type OpsError } from '@drydock/kit';
import { makeStrangeProduct } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backupsSection } from '../../src/config/backups.ts';
import { parseCron } from '../../src/schedule/cron.ts';

const test = suite('schedule');

const reason = (expression: string): string => {
  try {
    parseCron(expression);
    return 'accepted';
  } catch (error) {
    return (error as Error).message;
  }
};

test('numbers, names, lists, ranges and steps become the values they stand for', () => {
  const fields = parseCron('*/20 1,3-4 1-31/10 jan,Mar-MAY *');
  assert.equal(fields.minute, { values: [0, 20, 40], any: false });
  assert.equal(fields.hour, { values: [1, 3, 4], any: false });
  assert.equal(fields.dayOfMonth, { values: [1, 11, 21, 31], any: false });
  assert.equal(fields.month, { values: [1, 3, 4, 5], any: false });
  assert.equal(fields.dayOfWeek, { values: [0, 1, 2, 3, 4, 5, 6], any: true });
});

test('what makes no sense, or not the same everywhere, is refused with the reason', () => {
  const refused: [string, RegExp][] = [
    ['', /must be five fields/],
    ['17 2 * *', /must be five fields/],
    ['0 17 2 * * *', /must be five fields/],
    ['@daily', /must be five fields/],
    ['61 2 * * *', /^minute 61 is not from 0 to 59$/],
    ['17 24 * * *', /^hour 24 is not from 0 to 23$/],
    ['17 2 0 * *', /^day of the month 0 is not from 1 to 31$/],
    ['17 2 * 13 *', /^month 13 is not from 1 to 12 or JAN to DEC$/],
    ['17 2 * * 7', /^weekday 7 is not from 0 to 6 or SUN to SAT$/],
    ['17 2 * * L', /^weekday L is not/],
    ['17 MON * * *', /^hour MON is not/],
    ['-1 2 * * *', /"-1" is no minute/],
    ['1.5 2 * * *', /"1.5" is no minute/],
    ['5/15 2 * * *', /"5\/15" is no minute/],
    ['*/0 2 * * *', /"\*\/0" is no minute/],
    ['1,,2 2 * * *', /"" is no minute/],
    ['17 22-2 * * *', /hour 22-2 runs backwards/],
    ['17 2 */2 * MON', /limits both kinds of day/],
    ['17 2 30 2 *', /never comes: no month it names has a day 30/],
    ['17 2 31 4,6,9,11 *', /never comes/],
  ];
  for (const [expression, why] of refused) assert.match(reason(expression), why, expression);
  for (const expression of ['17 2 29 2 *', '17 2 30 2 MON', '* * * * *', ' 17  2 * * * '])
    assert.is(reason(expression), 'accepted', expression);
});

test('a product that says nothing backs up every night and drills within every quarter', async () => {
  const { schedule } = backupsSection.of(await loadConfig(undefined, makeStrangeProduct({})));
  assert.is(schedule.backup, '17 2 * * *');
  assert.is(schedule.prune, undefined);
  assert.is(schedule.timeZone, 'UTC');
  const { month, dayOfMonth } = parseCron(schedule.drill);
  const days = month.values.map((value) => Date.UTC(2026, value - 1, dayOfMonth.values[0]) / 86_400_000);
  const gaps = [...days.slice(1), (days[0] ?? 0) + 365].map((day, i) => day - (days[i] ?? 0));
  assert.ok(Math.max(...gaps) < 90, 'backup:status says no after 90 days');
});

test('a schedule that cannot be is named by its path', async () => {
  const schedule = { backup: '61 2 * * *', timeZone: 'Mars/Olympus' };
  const error = await loadConfig(undefined, makeStrangeProduct({ backups: { schedule } })).then(
    () => assert.unreachable('was accepted'),
    (refused) => refused as OpsError,
  );
  assert.is(error?.exit, 2);
  assert.match(error?.message ?? '', 'backups.schedule.backup: minute 61 is not from 0 to 59');
  assert.match(error?.message ?? '', 'backups.schedule.timeZone: is no time zone');
});

test.run();
