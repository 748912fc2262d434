// Pure rules.
import '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { groupBackups, type Listed, type Mark } from '../src/catalogue.ts';
import { compact, MANIFEST, newBackupId } from '../src/names.ts';
import { deletesMost, type Judged, planPrune, type Retention } from '../src/prune/plan.ts';
import { findOverdue, statusOf } from '../src/status.ts';

const test = suite('retention');
const NOW = new Date('2026-11-24T12:00:00Z');
const DAY = 86_400_000;
const BARE: Retention = { days: 30, last: 1, daily: 0, weekly: 0, monthly: 0 };

function listed(daysAgo: number, more: Partial<Judged> = {}): Judged {
  const at = new Date(NOW.getTime() - daysAgo * DAY);
  const id = newBackupId(at);
  return {
    id,
    folder: `e/${id}`,
    at,
    finished: true,
    bytes: 10,
    dumpBytes: 9,
    keys: [`e/${id}/${MANIFEST}`],
    marks: [],
    owner: undefined,
    ...more,
  };
}
const kept = (backups: Listed[], retention: Partial<Retention> = {}) => {
  const decisions = planPrune(backups, { ...BARE, ...retention }, NOW);
  return backups.map(({ id }) => decisions.find((one) => one.id === id)?.keep);
};

test('what is younger than the days is kept, what is older goes', () => {
  assert.equal(kept([listed(0), listed(29.9), listed(30.1), listed(90)]), [true, true, false, false]);
});

test('the newest is never deleted, however old, and neither are the last N', () => {
  assert.equal(kept([listed(400), listed(401), listed(402)]), [true, false, false]);
  assert.equal(kept([listed(400), listed(401), listed(402)], { last: 2 }), [true, true, false]);
});

test('the newest of a day, a week and a month', () => {
  const perDay = [listed(40), listed(40.2), listed(41), listed(42)];
  assert.equal(kept([listed(1), ...perDay], { daily: 3 }), [true, true, false, true, false], 'one each of three days');
  const monday = (weeks: number) => listed(1 + weeks * 7);
  assert.equal(kept([monday(0), monday(5), monday(6), monday(7)], { weekly: 3 }), [true, true, true, false]);
  assert.equal(kept([listed(1), listed(40), listed(45), listed(75)], { monthly: 2 }), [true, true, false, false]);
});

test('one that is held, locked or proved by a drill stays; a lock that has run out does not keep it', () => {
  const mark = (kind: Mark['kind'], time = '') => ({ kind, key: '', at: time, until: time }) as Mark;
  const until = (days: number) => compact(new Date(NOW.getTime() + days * DAY));
  const backups = [
    listed(1),
    ...[mark('hold'), mark('drill', until(-80)), mark('locked', until(5)), mark('locked', until(-5))].map((one) =>
      listed(100, { marks: [one] }),
    ),
  ];
  assert.equal(kept(backups), [true, true, true, true, false]);
  assert.match(
    planPrune(backups, BARE, NOW)
      .map(({ reasons }) => reasons.join())
      .join(),
    'locked by the store until 2026-11-29',
  );
});

test('what has no manifest goes after a day, and is not counted as a backup', () => {
  const half = { finished: false };
  assert.equal(kept([listed(0.5, half), listed(1.5, half), listed(3)]), [true, false, true]);
  assert.equal(kept([listed(1.5, half), listed(400)]), [false, true]);
});

test('more than half at once is too much', () => {
  const plan = (backups: Listed[]) => deletesMost(planPrune(backups, BARE, NOW), backups);
  assert.is(plan([listed(1), listed(40)]), false);
  assert.is(plan([listed(1), listed(40), listed(41)]), true);
  assert.is(plan([listed(1), ...Array.from({ length: 9 }, () => listed(3, { finished: false }))]), false);
});

test('every backup has a decision, and every decision a reason', () => {
  const backups = Array.from({ length: 300 }, (_, n) => listed(n / 3, { finished: n % 7 !== 0 }));
  const decisions = planPrune(backups, { days: 10, last: 3, daily: 14, weekly: 8, monthly: 6 }, NOW);
  assert.equal(new Set(decisions.map(({ id }) => id)).size, 300);
  assert.ok(decisions.every(({ reasons }) => reasons.length > 0));
});

test('status: the age, the drill, the growth, and what dumps cannot serve', () => {
  const limits = { ageHours: 26, drillDays: 90, sizeGiB: 1, rpoMinutes: 1_440 };
  const drilled = (days: number): Mark[] => [
    { kind: 'drill', at: compact(new Date(NOW.getTime() - days * DAY)), key: '' },
  ];
  const fresh = [
    listed(0.5, { dumpBytes: 22 }),
    listed(1.5, { marks: drilled(10) }),
    listed(2.5),
    listed(40, { dumpBytes: 11 }),
  ];
  const status = statusOf('s', fresh, limits, NOW);
  assert.equal([status.count, status.growth, Math.round(status.ageHours ?? 0)], [4, 2, 12]);
  const codes = (backups: Listed[], plainBytes = 10, more = {}) =>
    findOverdue('e', [statusOf('s', backups, limits, NOW)], {
      limits: { ...limits, ...more },
      plainBytes,
      now: NOW,
    }).map(({ code }) => code);
  assert.equal(codes(fresh), []);
  assert.equal(codes([listed(2, { marks: drilled(10) })]), ['BACKUP_OVERDUE']);
  assert.equal(codes([]), ['BACKUP_OVERDUE', 'DRILL_OVERDUE']);
  assert.equal(codes([listed(0.5, { marks: drilled(91) })]), ['DRILL_OVERDUE']);
  assert.equal(codes(fresh, 2 * 1_024 ** 3), ['DUMPS_DO_NOT_SERVE']);
  assert.equal(codes(fresh, 10, { rpoMinutes: 15 }), ['DUMPS_DO_NOT_SERVE']);
});

test('what is no backup of ours in the store is left alone', () => {
  const id = newBackupId(NOW);
  const found = groupBackups('staging', [
    { key: `staging/${id}/${MANIFEST}`, bytes: 1 },
    { key: 'staging/notes.txt', bytes: 1 },
    { key: 'staging/20261124T120000Z-notours/manifest.json', bytes: 1 },
    { key: `production/${id}/${MANIFEST}`, bytes: 1 },
  ]);
  assert.equal(
    found.map((one) => one.id),
    [id],
  );
});

test.run();
