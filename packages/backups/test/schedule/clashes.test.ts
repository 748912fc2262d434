// Uses no service.
import '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { clashesOf } from '../../src/schedule/clashes.ts';
import { withoutJobs } from '../../src/schedule/crontab.ts';
import type { Job, JobKind } from '../../src/schedule/jobs.ts';
import { changesOf, wrongTimeZone } from '../../src/schedule/time-zone.ts';

const test = suite('what a schedule does not say');
const NOW = new Date('2026-11-27T03:00:00Z');
const job = (cron: string, kind: JobKind = 'backup'): Job => ({
  ...{ kind, name: `shop-${kind}-production`, about: '', cron, command: [], variables: [] },
});
const said = (jobs: Job[], timeZone: string, format = 'systemd') =>
  clashesOf(jobs, timeZone, NOW, format).map(({ code, message }) => [code, /\d{4}-\d\d-\d\d/.exec(message)?.[0]]);

test('clocks are put forward and back where and when the time zone says', () => {
  const at = (zone: string) => changesOf(zone, NOW).map(({ kind, date, from, to }) => [kind, date, from, to]);
  assert.equal(at('Europe/Berlin'), [
    ['skipped', '2027-03-28', '02:00', '03:00'],
    ['doubled', '2027-10-31', '02:00', '03:00'],
  ]);
  assert.equal(
    at('America/New_York').map(([kind, , from, to]) => [kind, from, to]),
    [
      ['skipped', '02:00', '03:00'],
      ['doubled', '01:00', '02:00'],
    ],
  );
  assert.equal(
    at('Australia/Lord_Howe').map(([kind, , from, to]) => [kind, from, to]),
    [
      ['doubled', '01:30', '02:00'],
      ['skipped', '02:00', '02:30'],
    ],
  );
  for (const zone of ['UTC', 'Asia/Kolkata', 'America/Sao_Paulo']) assert.equal(at(zone), []);
});

test('a job whose hour is left out in spring, or comes twice in autumn, is named; cron makes up for it', () => {
  assert.equal(said([job('17 2 * * *')], 'Europe/Berlin'), [
    ['HOUR_SKIPPED', '2027-03-28'],
    ['HOUR_DOUBLED', '2027-10-31'],
  ]);
  for (const [cron, zone, format] of [
    ['17 2 * * *', 'UTC', 'systemd'],
    ['17 3 * * *', 'Europe/Berlin', 'kubernetes'],
    ['17 2 * * MON', 'Europe/Berlin', 'github'],
    ['17 2 1 * *', 'Europe/Berlin', 'github'],
    ['*/15 * * * *', 'Europe/Berlin', 'systemd'],
    ['17 2 * * *', 'Europe/Berlin', 'cron'],
  ] as const)
    assert.equal(said([job(cron)], zone, format), [], `${cron} ${zone} ${format}`);
  assert.equal(said([job('30 0,2 * MAR SUN')], 'Europe/Berlin'), [['HOUR_SKIPPED', '2027-03-28']]);
});

test('jobs that begin at the same time are named', () => {
  const meet = (one: string, other: string) =>
    said([job(one), job(other, 'prune')], 'UTC').some(([code]) => code === 'SAME_TIME');
  assert.is(meet('17 2 * * *', '17 2 * * *'), true);
  assert.is(meet('17 2 * * *', '17 */2 * * SUN'), true);
  assert.is(meet('17 2 1 * *', '17 2 * * SUN'), true);
  assert.is(meet('17 2 * * *', '18 2 * * *'), false);
  assert.is(meet('17 2 1 * *', '17 2 2 * *'), false);
  assert.is(meet('17 2 * JAN *', '17 2 * FEB *'), false);
});

test('a time zone is spelled as schedulers read it', () => {
  for (const right of [
    'UTC',
    'Europe/Berlin',
    'Asia/Kolkata',
    'Asia/Calcutta',
    'Etc/GMT+1',
    'America/Port_of_Spain',
    'America/Port-au-Prince',
  ])
    assert.is(wrongTimeZone(right), undefined, right);
  assert.is(wrongTimeZone('Europe/berlin'), 'is spelled Europe/Berlin');
  assert.is(wrongTimeZone('EUROPE/BERLIN'), 'is spelled Europe/Berlin');
  assert.is(wrongTimeZone('utc'), 'is spelled UTC');
  assert.is(wrongTimeZone('asia/tokyo'), 'is spelled Asia/Tokyo');
  for (const none of ['Mars/Olympus', '+01:00', '']) assert.match(wrongTimeZone(none) ?? '', 'is no time zone', none);
});

test('a crontab has a job once, however often it is typed, and keeps what is not ours', () => {
  const jobs = [job('17 2 * * *')];
  const [mine, block] = ['MAILTO=ops\n5 4 * * * something\n', '# BEGIN shop\n17 2 * * * cd x\n# END shop\n'];
  assert.is(withoutJobs(`${mine}${block}`, jobs, 'shop'), mine);
  assert.is(withoutJobs(`${block}${mine}${block}`, jobs, 'shop'), mine);
  assert.is(withoutJobs('', jobs, 'shop'), '');
  const before = `${mine}# shop-backup-production: a backup. Needs X.\n17 2 * * * cd /srv && exec node scripts/backup-db.ts\n# BEGIN other\n1 1 * * * x\n# END other\n`;
  assert.is(withoutJobs(before, jobs, 'shop'), `${mine}# BEGIN other\n1 1 * * * x\n# END other\n`);
});

test.run();
