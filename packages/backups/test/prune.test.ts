// Pure rules, and an S3 endpoint with 1,000 backups.
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { startTestS3 } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { groupBackups, type Listed, listBackups, type Mark } from '../src/catalogue.ts';
import { compact, DUMP, GLOBALS, MANIFEST, newBackupId } from '../src/names.ts';
import { deletesMost, planPrune, type Retention } from '../src/prune/plan.ts';
import { findOverdue, statusOf } from '../src/status.ts';
import { FileStore } from '../src/store/file.ts';
import { S3Store } from '../src/store/s3.ts';
import { pruneStore } from '../src/tasks/prune.ts';
import { watchCalls } from './proxy.ts';
import { temporaryFolder } from './world.ts';

const test = suite('prune');
const NOW = new Date('2026-11-24T12:00:00Z');
const DAY = 86_400_000;
const BARE: Retention = { days: 30, last: 1, daily: 0, weekly: 0, monthly: 0 };

function listed(daysAgo: number, more: Partial<Listed> = {}): Listed {
  const at = new Date(NOW.getTime() - daysAgo * DAY);
  const id = newBackupId(at);
  return { id, at, finished: true, bytes: 10, dumpBytes: 9, keys: [`e/${id}/${MANIFEST}`], marks: [], ...more };
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

test('a folder: leftovers of killed writes go, and what is being written stays', async () => {
  const store = new FileStore(temporaryFolder());
  const signal = new AbortController().signal;
  await store.write('e/x/a', text('one'), { signal });
  const { writeFileSync } = await import('node:fs');
  writeFileSync(store.pathOf('e/x/b.part'), 'half');
  assert.equal(
    (await store.list('e/')).map(({ key }) => key),
    ['e/x/a'],
  );
  assert.equal(await store.sweep('e/', new Date(Date.now() - 60_000)), []);
  assert.equal(await store.sweep('e/', new Date(Date.now() + 60_000)), ['e/x/b.part']);
  assert.equal(await store.remove(['e/x/a', 'e/x/gone']), []);
  assert.equal(await store.list(''), []);
});

test('1,000 backups in S3: the list takes under 3 s, prune a call per 1,000 deletions and a few more', async () => {
  const s3 = await startTestS3();
  const proxy = await watchCalls(s3.endpoint);
  try {
    const settings = {
      bucket: s3.bucket,
      prefix: 'shop/pg',
      pathStyle: true,
      region: 'us-east-1',
      credentials: { accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey },
      serverSideEncryption: undefined,
      kmsKeyId: undefined,
      conditionalWrites: false,
    };
    const client = new S3Client({ ...settings, endpoint: s3.endpoint, forcePathStyle: true });
    const ids = Array.from({ length: 1_000 }, (_, n) => newBackupId(new Date(Date.now() - n * DAY)));
    const objects = ids.flatMap((id) => [DUMP, GLOBALS, MANIFEST].map((name) => `shop/pg/staging/${id}/${name}`));
    const put = async () => {
      for (let Key = objects.pop(); Key; Key = objects.pop())
        await client.send(new PutObjectCommand({ Bucket: s3.bucket, Key, Body: 'x' }));
    };
    await Promise.all(Array.from({ length: 16 }, put));

    const store = new S3Store({ ...settings, endpoint: proxy.endpoint });
    const started = performance.now();
    const backups = await listBackups(store, 'staging');
    const took = performance.now() - started;
    assert.is(backups.length, 1_000);
    assert.ok(took < 3_000, `${took} ms`);

    const decisions = planPrune(backups, { days: 30, last: 3, daily: 0, weekly: 0, monthly: 12 }, new Date());
    const gone = decisions.filter(({ keep }) => !keep).length;
    assert.ok(gone > 900);
    proxy.reset();
    const pruned = await pruneStore(store, 'staging', decisions);
    const most = (gone * 3) / 1_000 + 20;
    assert.ok(proxy.calls().length <= most, `${proxy.calls().length} calls, ${most} allowed`);
    console.log(
      `1,000 backups: listed in ${Math.round(took)} ms; ${gone * 3} objects deleted in ${proxy.calls().length} calls`,
    );
    assert.equal([pruned.deleted, pruned.refused], [gone, []]);
    assert.is((await listBackups(store, 'staging')).length, 1_000 - gone);
  } finally {
    await proxy.stop();
    await s3.stop();
  }
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

async function* text(value: string) {
  yield Buffer.from(value);
}

test.run();
