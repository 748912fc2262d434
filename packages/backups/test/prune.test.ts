// Pure rules, and an S3 endpoint with 1,000 backups.
import { readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { Secret } from '@drydock/kit';
import { startTestS3 } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { groupBackups, type Listed, listBackups, type Mark } from '../src/catalogue.ts';
import { compact, DUMP, GLOBALS, MANIFEST, newBackupId } from '../src/names.ts';
import { pruneStore } from '../src/prune/delete.ts';
import { judgeBackups } from '../src/prune/judge.ts';
import { deletesMost, type Judged, planPrune, type Retention } from '../src/prune/plan.ts';
import { openSigner } from '../src/signature.ts';
import { findOverdue, statusOf } from '../src/status.ts';
import { FileStore } from '../src/store/file.ts';
import { S3Store } from '../src/store/s3.ts';
import { watchCalls } from './proxy.ts';
import { makeKeys, manifestText, SHELF, temporaryFolder } from './world.ts';

const test = suite('prune');
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
      for (let Key = objects.pop(); Key; Key = objects.pop()) {
        const Body = Key.endsWith(MANIFEST) ? manifestText({ id: Key.split('/')[3] ?? '' }) : 'x';
        await client.send(new PutObjectCommand({ Bucket: s3.bucket, Key, Body }));
      }
    };
    await Promise.all(Array.from({ length: 16 }, put));

    const store = new S3Store({ ...settings, endpoint: proxy.endpoint });
    const started = performance.now();
    const backups = await listBackups(store, SHELF);
    const took = performance.now() - started;
    assert.is(backups.length, 1_000);
    assert.ok(took < 3_000, `${took} ms`);

    const decisions = planPrune(backups, { days: 30, last: 3, daily: 0, weekly: 0, monthly: 12 }, new Date());
    const gone = decisions.filter(({ keep }) => !keep).length;
    assert.ok(gone > 900);
    proxy.reset();
    const pruned = await pruneStore(store, { env: 'staging', product: 'strange' }, decisions);
    const most = (gone * 3) / 1_000 + 20;
    assert.ok(proxy.calls().length <= most, `${proxy.calls().length} calls, ${most} allowed`);
    console.log(
      `1,000 backups: listed in ${Math.round(took)} ms; ${gone * 3} objects deleted in ${proxy.calls().length} calls`,
    );
    assert.equal([pruned.deleted, pruned.refused, pruned.spared], [gone, [], []]);
    assert.is((await listBackups(store, SHELF)).length, 1_000 - gone);
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

/** A folder with backups of those days ago, each with a manifest that `write` gives. */
async function shelve(days: number[], write: (id: string, day: number) => string = (id) => manifestText({ id })) {
  const store = new FileStore(temporaryFolder());
  const ids = days.map((day) => newBackupId(new Date(Date.now() - day * DAY)));
  for (const [at, id] of ids.entries())
    for (const [name, content] of [
      [DUMP, 'x'],
      [MANIFEST, write(id, days[at] ?? 0)],
    ] as const)
      await store.write(`staging/${id}/${name}`, text(content), { signal: new AbortController().signal });
  return { store, ids };
}
const TIGHT: Retention = { ...BARE, days: 1 };
const namesIn = async (store: FileStore) => (await listBackups(store, SHELF)).map(({ id }) => id);

test('one that is damaged, or dated later than now, takes no place of a good one, and is named', async () => {
  const damage = (id: string, day: number) =>
    day === 3 ? manifestText({ id }).replace('shop', 'shpo') : manifestText({ id });
  const { store, ids } = await shelve([-3_650, 3, 4, 5], damage);
  const { backups, findings } = await judgeBackups(store, SHELF, [], new Date());
  assert.equal(
    findings.map(({ code }) => code),
    ['BACKUP_AHEAD', 'BACKUP_DAMAGED'],
  );
  const decisions = planPrune(backups, TIGHT, new Date());
  assert.equal(
    decisions.map(({ id, keep }) => [ids.indexOf(id), keep]),
    [
      [0, true],
      [1, true],
      [2, true],
      [3, false],
    ],
  );
  assert.equal((await pruneStore(store, SHELF, decisions)).deleted, 1);
  assert.equal(await namesIn(store), ids.slice(0, 3));
});

test('those that nobody stands for are a series of their own: planted ones push no signed one out', async () => {
  const { signing } = await makeKeys();
  const signer = openSigner(new Secret(signing.secret));
  const { store, ids } = await shelve([0.1, 0.2, 0.3, 40, 41], (id, day) =>
    manifestText({ id }, day < 40 ? undefined : signer),
  );
  const { backups } = await judgeBackups(store, SHELF, [{ name: 'host', key: signing.key }], new Date());
  const decisions = planPrune(backups, TIGHT, new Date());
  assert.equal(
    decisions.filter(({ keep }) => keep).map(({ id }) => ids.indexOf(id)),
    [0, 1, 2, 3],
  );
});

test('those of another product in the same store are neither counted nor deleted', async () => {
  const { store, ids } = await shelve([40, 50, 60, 70], (id, day) =>
    manifestText({ id, product: day === 50 || day === 70 ? 'other' : 'strange' }),
  );
  const { backups } = await judgeBackups(store, SHELF, [], new Date());
  assert.equal(
    backups.map(({ id }) => ids.indexOf(id)),
    [0, 2],
  );
  await pruneStore(store, SHELF, planPrune(backups, TIGHT, new Date()));
  assert.equal(await namesIn(store), [ids[0], ids[1], ids[3]]);
});

test('what was marked after the plan stays, and only what went is counted', async () => {
  const { store, ids } = await shelve([2, 40, 41, 42]);
  const { backups } = await judgeBackups(store, SHELF, [], new Date());
  const decisions = planPrune(backups, TIGHT, new Date());
  assert.equal(decisions.filter(({ keep }) => !keep).length, 3);
  await store.write(`staging/${ids[1]}/hold`, text(''), { signal: new AbortController().signal });
  await store.remove([`staging/${ids[2]}/${DUMP}`, `staging/${ids[2]}/${MANIFEST}`]);
  const pruned = await pruneStore(store, SHELF, decisions);
  assert.equal([pruned.deleted, pruned.spared], [1, [{ id: ids[1], reason: 'held' }]]);
  assert.equal(await namesIn(store), [ids[0], ids[1]]);
});

test('an old plan does not delete the last good one: what it kept may be gone by now', async () => {
  const { store, ids } = await shelve([2, 40, 41]);
  const { backups } = await judgeBackups(store, SHELF, [], new Date());
  const decisions = planPrune(backups, TIGHT, new Date());
  writeFileSync(store.pathOf(`staging/${ids[0]}/${MANIFEST}`), '{');
  const error = await pruneStore(store, SHELF, decisions).then(
    () => undefined,
    (thrown) => thrown,
  );
  assert.equal([error?.code, error?.exit], ['PRUNES_LAST', 4]);
  assert.equal(await namesIn(store), ids);
});

test('a manifest that the store does not give up keeps its dump', async () => {
  const { store, ids } = await shelve([2, 40]);
  const remove = store.remove.bind(store);
  store.remove = async (keys) => {
    const locked = keys.filter((key) => key.endsWith(MANIFEST));
    await remove(keys.filter((key) => !locked.includes(key)));
    return locked.map((key) => ({ key, reason: 'locked' }));
  };
  const { backups } = await judgeBackups(store, SHELF, [], new Date());
  const pruned = await pruneStore(store, SHELF, planPrune(backups, TIGHT, new Date()));
  assert.equal([pruned.deleted, pruned.refused.length], [0, 1]);
  assert.is((await store.list(`staging/${ids[1]}/`)).length, 2);
});

test('a key that leads out of the store is refused by every store, and so is a link that somebody laid in it', async () => {
  const root = temporaryFolder();
  const stores = [
    new FileStore(join(root, 'store')),
    new S3Store({
      ...{
        bucket: 'b',
        prefix: 'p',
        pathStyle: true,
        region: 'r',
        endpoint: 'http://127.0.0.1:9',
        credentials: undefined,
      },
      ...{ serverSideEncryption: undefined, kmsKeyId: undefined, conditionalWrites: false },
    }),
  ];
  const signal = new AbortController().signal;
  for (const store of stores)
    for (const key of ['../x', 'a/../../x', '/etc/cron.d/x', 'a//b', 'a/./b', 'a\\..\\x', 'a/x\ny', 'a/\u0000', '..'])
      for (const work of [
        () => store.write(key, text('x'), { signal }),
        () => store.read(key),
        () => store.readText(key),
        () => store.remove([key]),
      ]) {
        const error = await work().then(
          () => undefined,
          (thrown) => thrown,
        );
        assert.is(error?.code, 'KEY_REFUSED', `${store.label} ${JSON.stringify(key)}`);
      }
  const [store] = stores as [FileStore];
  await store.write('staging/a/b', text('x'), { signal });
  symlinkSync(root, store.pathOf('staging/out'));
  const error = await store.write('staging/out/b', text('x'), { signal }).then(
    () => undefined,
    (thrown) => thrown,
  );
  assert.is(error?.code, 'STORE_LEFT');
  assert.equal(readdirSync(root), ['store']);
});

async function* text(value: string) {
  yield Buffer.from(value);
}

test.run();
