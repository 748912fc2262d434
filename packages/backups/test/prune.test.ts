// Backups in a folder.
import { writeFileSync } from 'node:fs';
import { Secret } from '@drydock/kit';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { listBackups } from '../src/catalogue.ts';
import { DUMP, MANIFEST, newBackupId } from '../src/names.ts';
import { pruneStore } from '../src/prune/delete.ts';
import { judgeBackups } from '../src/prune/judge.ts';
import { planPrune, type Retention } from '../src/prune/plan.ts';
import { openSigner } from '../src/signature.ts';
import { FileStore } from '../src/store/file.ts';
import { makeKeys, manifestText, SHELF, temporaryFolder } from './world.ts';

const test = suite('prune');
const DAY = 86_400_000;

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
const TIGHT: Retention = { days: 1, last: 1, daily: 0, weekly: 0, monthly: 0 };
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

async function* text(value: string) {
  yield Buffer.from(value);
}

test.run();
