// Uses PostgreSQL; tasks run whole, in this process, and some as processes that are killed.
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { databaseOf, readRuns, Secret } from '@drydock/kit';
import { runTaskForTest } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import backupTask from '../scripts/backup.ts';
import drillTask from '../scripts/drill.ts';
import holdTask from '../scripts/hold.ts';
import listTask from '../scripts/list.ts';
import pruneTask from '../scripts/prune.ts';
import restoreTask from '../scripts/restore.ts';
import statusTask from '../scripts/status.ts';
import { listBackups } from '../src/catalogue.ts';
import { MANIFEST, newBackupId, timeOf } from '../src/names.ts';
import { openSigner } from '../src/signature.ts';
import { FileStore } from '../src/store/file.ts';
import { type Keys, keyOf, makeKeys, makeProduct, manifestText, query, SHELF } from './world.ts';

const test = suite('the newest good backup');
let postgres: TestPostgres;
let keys: Keys;
test.before(async () => {
  postgres = await startTestPostgres();
  keys = await makeKeys();
});
test.after(() => postgres.stop());

type Product = ReturnType<typeof makeProduct>;
async function run(product: Product, task: Parameters<typeof runTaskForTest>[0], ...argv: string[]) {
  const { outcome, error } = await runTaskForTest(task, product.root, ['--env', 'staging', ...argv]);
  return {
    error,
    ok: outcome?.ok,
    codes: (outcome?.findings ?? []).map(({ code }) => code),
    // biome-ignore lint/suspicious/noExplicitAny: what a task tells is its own.
    data: outcome?.data as any,
  };
}

async function shop(more: Parameters<typeof makeProduct>[2] = {}) {
  const url = await postgres.createDatabase();
  await query(url, 'CREATE TABLE t (n int)');
  const product = makeProduct(url, keys, more);
  let rows = 0;
  /** Backs up one row more than before. */
  const backup = async (): Promise<string> => {
    await query(url, `INSERT INTO t VALUES (${++rows})`);
    const { data, error } = await run(product, backupTask);
    if (error) throw error;
    return data.id;
  };
  const name = databaseOf(new Secret(url));
  let made = 0;
  /** Rows of what "latest" is, and what was said on the way to it. */
  const latest = async () => {
    const { error, codes, data } = await run(product, restoreTask, '--to', `${name}_${++made}`, '--yes');
    return { error, codes, rows: data?.rows };
  };
  return { url, name, product, backup, latest };
}
const manifestIn = (store: FileStore, id: string) => store.pathOf(keyOf('staging', id, MANIFEST));
/** As if it had been made then, by the host that makes them. */
function rename({ store }: Product, id: string, to: string, more: object = {}): void {
  renameSync(store.pathOf(`strange/staging/${id}`), store.pathOf(`strange/staging/${to}`));
  const { seal: _, signature: __, ...content } = JSON.parse(readFileSync(manifestIn(store, to), 'utf8'));
  const text = manifestText({ ...content, ...more, id: to }, openSigner(new Secret(keys.signing.secret)));
  writeFileSync(manifestIn(store, to), text);
}

test('a backup that a wrong clock dated years ahead is the newest of nothing, and is named', async () => {
  const { product, backup, latest } = await shop();
  const ahead = await backup();
  rename(product, ahead, newBackupId(new Date('2036-01-01T00:00:00Z')));
  const alone = await latest();
  assert.is(alone.error?.code, 'BACKUP_UNKNOWN');
  assert.match(alone.error?.message ?? '', 'is dated later than now');
  const status = await run(product, statusTask);
  assert.equal(status.codes.slice(0, 2), ['BACKUP_AHEAD', 'BACKUP_OVERDUE'], 'and none is overdue all the same');
  await backup();
  assert.equal(await latest(), { error: undefined, codes: ['BACKUP_AHEAD'], rows: 2 });
  assert.equal((await run(product, statusTask)).data.stores[0].count, 1);
  assert.equal(
    (await run(product, listTask)).data.stores[0].backups.map(({ state }: { state: string }) => state),
    ['ahead', 'good'],
  );
  const drill = await run(product, drillTask);
  assert.equal([drill.ok, drill.codes], [true, ['BACKUP_AHEAD']]);
});

test('a newest one that is damaged gives way to the one before, and is told; status says no', async () => {
  const { product, backup, latest } = await shop();
  const good = await backup();
  const damaged = await backup();
  const file = manifestIn(product.store, damaged);
  writeFileSync(file, readFileSync(file, 'utf8').replace('"durationMs"', '"durationms"'));
  assert.equal(await latest(), { error: undefined, codes: ['BACKUP_DAMAGED'], rows: 1 });
  const drill = await run(product, drillTask);
  assert.equal([drill.ok, drill.data.backup, drill.codes], [true, good, ['BACKUP_DAMAGED']]);
  const status = await run(product, statusTask);
  assert.ok(status.codes.includes('BACKUP_DAMAGED'));
  assert.is(status.data.stores[0].newest, timeOf(good)?.toISOString());
});

test('the newest of all stores counts, wherever it lies; a damaged copy in one is read from the other', async () => {
  const stores = [
    { kind: 'file', path: 'backups' },
    { kind: 'file', path: 'elsewhere' },
  ];
  const { product, backup, latest } = await shop({ backups: { stores } });
  const elsewhere = new FileStore(join(product.root, 'elsewhere'));
  await backup();
  const newest = await backup();
  rmSync(product.store.pathOf(`strange/staging/${newest}`), { recursive: true });
  assert.equal(await latest(), { error: undefined, codes: [], rows: 2 });
  const [older] = await listBackups(product.store, SHELF);
  assert.not.equal(older?.id, newest);
  writeFileSync(manifestIn(elsewhere, newest), '{');
  assert.equal(await latest(), { error: undefined, codes: ['BACKUP_DAMAGED'], rows: 1 });
});

test('a store that does not answer may have a newer one, and that is told', async () => {
  const stores = [
    { kind: 'file', path: 'backups' },
    { kind: 'file', path: 'elsewhere' },
  ];
  const { product, backup, latest } = await shop({ backups: { stores } });
  await backup();
  const folder = join(product.root, 'elsewhere/strange/staging');
  rmSync(folder, { recursive: true });
  writeFileSync(folder, 'no folder');
  // Listing it is an error of the store only where it is there and cannot be read: S3 is what is away in earnest.
  const s3 = await shop({
    backups: { stores: [stores[0], { kind: 's3', pathStyle: true }] },
    env: { BACKUP_BUCKET: 'b', S3_ENDPOINT: 'http://127.0.0.1:9', S3_ACCESS_KEY_ID: 'a', S3_SECRET_ACCESS_KEY: 'b' },
  });
  renameSync(join(product.root, 'backups'), join(s3.product.root, 'backups'));
  assert.equal(await s3.latest(), { error: undefined, codes: ['STORE_AWAY'], rows: 1 });
  assert.is((await latest()).error?.code, 'BACKUP_UNKNOWN');
});

test('of two that lie close together the later snapshot counts, whatever an older version named it', async () => {
  const { product, backup, latest } = await shop();
  const [resumed, between] = [await backup(), await backup()];
  // An hour old by its name, and of a moment after the other one by its snapshot; without the mark of this version.
  const hour = newBackupId(new Date(Date.now() - 3_600_000));
  rename(product, resumed, hour, { startedAt: new Date(Date.now() + 1_000).toISOString() });
  for (const name of readdirSync(product.store.pathOf(`strange/staging/${hour}`)))
    if (name.startsWith('of-')) rmSync(product.store.pathOf(`strange/staging/${hour}/${name}`));
  assert.ok(hour < between);
  assert.equal(await latest(), { error: undefined, codes: [], rows: 1 });
});

test('a run that is resumed backs up what is there then, under the name of that moment', async () => {
  const { url, product } = await shop();
  await query(url, `INSERT INTO t SELECT n FROM generate_series(1, 200000) n`);
  while (!(await product.killAt(2, 'db:backup'))) assert.equal(await listBackups(product.store, SHELF), []);
  const killed = new Date();
  // Names have whole seconds.
  while (Date.now() < killed.getTime() + 2_000) await new Promise((done) => setTimeout(done, 50));
  await query(url, 'INSERT INTO t VALUES (-1)');
  const { data, code } = await product.ask('db:backup', '--resume');
  assert.is(code, 0);
  assert.ok((timeOf(data.id)?.getTime() ?? 0) > killed.getTime(), `${data.id} is older than ${killed.toISOString()}`);
  assert.ok((timeOf(data.id)?.getTime() ?? 0) >= Math.floor(Date.parse(data.startedAt) / 1_000) * 1_000);
  assert.is(data.tables[0].rows, 200_001);
  const listed = await listBackups(product.store, SHELF);
  assert.equal(
    listed.filter(({ finished }) => !finished),
    [],
    'what the kill left is tidied up',
  );
});

test('two products in one store do not see each other', async () => {
  const { product, backup, latest } = await shop();
  const other = await shop();
  const config = join(other.product.root, 'drydock.config.ts');
  writeFileSync(config, readFileSync(config, 'utf8').replace('"product":"strange"', '"product":"other"'));
  rmSync(join(other.product.root, 'backups'), { recursive: true, force: true });
  const mine = await backup();
  const theirs = await other.backup();
  // As a version put them there that had no product in its keys.
  mkdirSync(product.store.pathOf('staging'));
  renameSync(other.product.store.pathOf(`other/staging/${theirs}`), product.store.pathOf(`staging/${theirs}`));
  assert.equal((await latest()).rows, 1);
  const ids = async (task = listTask) =>
    (await run(product, task)).data.stores[0].backups.map(({ id }: { id: string }) => id);
  assert.equal(await ids(), [mine]);
  assert.is((await run(product, statusTask)).data.stores[0].count, 1);
  assert.is((await run(product, holdTask, '--id', theirs)).error?.code, 'BACKUP_UNKNOWN');
  const named = await run(product, restoreTask, '--from', theirs, '--to', 'x', '--yes');
  assert.equal([named.error?.code, named.error?.exit], ['FOREIGN_BACKUP', 4]);
  // Made by a version that left no mark: its manifest says whose it is.
  for (const name of readdirSync(product.store.pathOf(`staging/${theirs}`)))
    if (name.startsWith('of-')) rmSync(product.store.pathOf(`staging/${theirs}/${name}`));
  assert.equal(await ids(), [mine]);
  const old = newBackupId(new Date(Date.now() - 90 * 86_400_000));
  renameSync(product.store.pathOf(`staging/${theirs}`), product.store.pathOf(`staging/${old}`));
  writeFileSync(product.store.pathOf(`staging/${old}/${MANIFEST}`), manifestText({ id: old, product: 'other' }));
  const { data } = await run(product, pruneTask, '--force');
  assert.is(data.stores[0].deleted, 0);
  assert.equal((await listBackups(product.store, SHELF)).length, 2);
});

test('one that is held between the plan of a prune and its end stays, also when the prune is resumed', async () => {
  const { product, backup } = await shop({ backups: { retention: { days: 1, last: 1 } } });
  await backup();
  const olds = [3, 4, 5].map((days) => newBackupId(new Date(Date.now() - days * 86_400_000)));
  const [signer, signal] = [openSigner(new Secret(keys.signing.secret)), new AbortController().signal];
  for (let planned = false; !planned; ) {
    for (const id of olds)
      await product.store.write(keyOf('staging', id, MANIFEST), text(manifestText({ id }, signer)), { signal });
    const child = product.start('backup:prune', '--force');
    const ended = once(child, 'close');
    const begun = () => readRuns(product.root).some(({ task, status }) => task === 'backup:prune' && status === 'open');
    while (child.exitCode === null && !begun()) await new Promise((done) => setTimeout(done, 2));
    child.kill('SIGKILL');
    await ended;
    planned = begun() && (await listBackups(product.store, SHELF)).length === 4;
    if (!planned && begun()) await product.run('backup:prune', '--resume');
  }
  const hold = await run(product, holdTask, '--id', olds[1] ?? '');
  assert.is(hold.error, undefined);
  const { error, data, findings } = await product.ask('backup:prune', '--resume');
  assert.is(error, undefined);
  assert.equal([data.stores[0].deleted, findings.map(({ code }: { code: string }) => code)], [2, ['MARKED_MEANWHILE']]);
  assert.ok((await listBackups(product.store, SHELF)).some(({ id }) => id === olds[1]));
});

async function* text(value: string) {
  yield Buffer.from(value);
}

test.run();
