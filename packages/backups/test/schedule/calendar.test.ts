// Uses systemd-analyze where it is there, and croner, which is a cron of its own.

import { hasSystemd, systemdAnalyze } from '@drydock/kit/testing';
import { Cron } from 'croner';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { calendarOf } from '../../src/schedule/calendar.ts';

const test = suite('calendar');
const FROM = new Date('2027-02-26T00:00:30Z');
const RUNS = 12;

const EXPRESSIONS = [
  '17 2 * * *',
  '41 4 2 */2 *',
  '*/15 * * * *',
  '0 0,12 * * *',
  '5-20/5 3-6 * * *',
  '30 1 * * MON-FRI',
  '30 1 * * 0',
  '0 6 29 2 *',
  '0 6 31 * *',
  '0 6 1,15 * FRI',
  '0 6 13 jan-jun fri,SAT',
];

test('a cron expression becomes one calendar event, or two where either kind of day will do', () => {
  assert.equal(calendarOf('17 2 * * *', 'UTC'), ['*-*-* 02:17:00 UTC']);
  assert.equal(calendarOf('*/30 * * * SUN', 'Europe/Berlin'), ['Sun *-*-* *:00,30:00 Europe/Berlin']);
  assert.equal(calendarOf('0 6 1,15 * FRI', 'UTC'), ['*-*-01,15 06:00:00 UTC', 'Fri *-*-* 06:00:00 UTC']);
});

(hasSystemd() ? test : test.skip)("systemd's next runs are those of cron", () => {
  for (const expression of EXPRESSIONS) {
    const cron = new Cron(expression, { timezone: 'UTC', paused: true }).nextRuns(RUNS, FROM);
    const systemd = calendarOf(expression, 'UTC')
      .flatMap(nextRuns)
      .sort((a, b) => a - b);
    assert.equal(
      [...new Set(systemd)].slice(0, RUNS).map((time) => new Date(time).toISOString()),
      cron.map((time) => time.toISOString()),
      expression,
    );
  }
});

/** Of one value of OnCalendar=, in milliseconds. */
function nextRuns(value: string): number[] {
  const base = `${FROM.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
  const { stdout, stderr, status } = systemdAnalyze('calendar', `--iterations=${RUNS}`, `--base-time=${base}`, value);
  assert.is(status, 0, `${value}: ${stderr}`);
  return [...stdout.matchAll(/(?:Next elapse|Iter\. #\d+): \w+ (\S+ \S+) UTC/g)].map(([, at]) => Date.parse(`${at}Z`));
}

test.run();
