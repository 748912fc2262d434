// Uses an S3 endpoint with 1,000 backups, and folders.
import { readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { startTestS3 } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { listBackups } from '../src/catalogue.ts';
import { DUMP, GLOBALS, MANIFEST, newBackupId } from '../src/names.ts';
import { pruneStore } from '../src/prune/delete.ts';
import { planPrune } from '../src/prune/plan.ts';
import { FileStore } from '../src/store/file.ts';
import { S3Store } from '../src/store/s3.ts';
import { watchCalls } from './proxy.ts';
import { manifestText, SHELF, temporaryFolder } from './world.ts';

const test = suite('stores');
const DAY = 86_400_000;

test('a folder: leftovers of killed writes go, and what is being written stays', async () => {
  const store = new FileStore(temporaryFolder());
  const signal = new AbortController().signal;
  await store.write('e/x/a', text('one'), { signal });
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
