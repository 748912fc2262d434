// Uses the S3 of Ceph: what another implementation than that of the sandbox makes of the same requests. Where Ceph is not installed, nothing.
import dns from 'node:dns';
import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  PutBucketPolicyCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { Secret } from '@drydock/kit';
import { startTestCeph, startTestPostgres, type TestCeph } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { noBytes } from '../src/catalogue.ts';
import { MANIFEST, newBackupId } from '../src/names.ts';
import { openSigner } from '../src/signature.ts';
import { type S3Settings, S3Store } from '../src/store/s3.ts';
import { makeKeys, makeProduct, manifestText, query } from './world.ts';

const test = suite('S3 of Ceph');
const signal = new AbortController().signal;
let ceph: TestCeph | undefined;
let client: S3Client;
test.before(async () => {
  ceph = await startTestCeph();
  if (!ceph) return;
  const { endpoint, accessKeyId, secretAccessKey } = ceph;
  const credentials = { accessKeyId, secretAccessKey };
  client = new S3Client({ region: 'us-east-1', endpoint, forcePathStyle: true, credentials });
  await client.send(new CreateBucketCommand({ Bucket: 'backups' }));
  await client.send(new CreateBucketCommand({ Bucket: 'locked', ObjectLockEnabledForBucket: true }));
});
test.after(() => ceph?.stop());

const store = (of: TestCeph, more: Partial<S3Settings> = {}) =>
  new S3Store({
    bucket: 'backups',
    prefix: '',
    pathStyle: true,
    region: 'us-east-1',
    endpoint: of.endpoint,
    credentials: { accessKeyId: of.accessKeyId, secretAccessKey: of.secretAccessKey },
    serverSideEncryption: undefined,
    kmsKeyId: undefined,
    conditionalWrites: false,
    ...more,
  });
async function* zeros(mebibytes: number) {
  for (let n = 0; n < mebibytes; n++) yield Buffer.alloc(1_048_576, n);
}
async function* word(value: string) {
  yield Buffer.from(value);
}
const refusal = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error) => error,
  );

for (const checksums of [true, false])
  test(`what is written is read, listed and removed, small and in parts, checksums ${checksums ? 'on' : 'off'}`, async () => {
    if (!ceph) return;
    const of = store(ceph, { prefix: `//shop/${checksums} ä+b/`, checksums });
    await of.write('e/one', word('1'), { signal });
    await of.write('e/empty', noBytes(), { signal });
    await of.write('e/large', zeros(40), { signal });
    assert.is(await of.readText('e/one'), '1');
    assert.is(await of.readText('e/empty'), '');
    let bytes = 0;
    for await (const piece of await of.read('e/large')) bytes += piece.length;
    assert.is(bytes, 40 * 1_048_576);
    assert.equal(
      (await of.list('e/')).map(({ key, bytes: size }) => [key, size]),
      [
        ['e/empty', 0],
        ['e/large', 40 * 1_048_576],
        ['e/one', 1],
      ],
    );
    assert.equal(await of.remove(['e/one', 'e/empty', 'e/large', 'e/never']), []);
    assert.equal(await of.list(''), []);
    assert.is((await refusal(of.read('e/one'))).code, 'BACKUP_MISSING');
    assert.is(await of.readText('e/one'), undefined);
  });

test('more than a page is listed whole and in order, and removed in as many calls as it takes', async () => {
  if (!ceph) return;
  const of = store(ceph, { prefix: 'many' });
  const keys = Array.from({ length: 1_050 }, (_, n) => `e/${String(n).padStart(5, '0')}`);
  const queue = [...keys];
  const put = async () => {
    for (let key = queue.pop(); key !== undefined; key = queue.pop()) await of.write(key, noBytes(), { signal });
  };
  await Promise.all(Array.from({ length: 8 }, put));
  assert.equal(
    (await of.list('e/')).map(({ key }) => key),
    keys,
  );
  assert.equal(await of.remove(keys), []);
  assert.equal(await of.list('e/'), []);
  assert.is(of.keepsVersions, false);
});

test('with conditionalWrites nothing is written over, small or in parts; what is the same already is no refusal', async () => {
  if (!ceph) return;
  const strict = store(ceph, { prefix: 'once', conditionalWrites: true });
  await strict.write('e/a', word('mine'), { signal });
  await strict.write('e/a', word('mine'), { signal });
  assert.is((await refusal(strict.write('e/a', word('other'), { signal }))).code, 'STORE_TAKEN');
  assert.is(await strict.readText('e/a'), 'mine');
  await strict.write('e/large', zeros(20), { signal });
  await strict.write('e/large', zeros(20), { signal });
});

test('a bucket stands before the host where it has no path of its own', async () => {
  if (!ceph) return;
  const { port, domain } = ceph;
  const lookup = dns.lookup;
  Object.assign(dns, {
    lookup: (name: string, ...rest: unknown[]) =>
      (lookup as (...args: unknown[]) => void)(name.endsWith(domain) ? '127.0.0.1' : name, ...rest),
  });
  try {
    for (const host of [domain, `backups.${domain}`]) {
      const of = store(ceph, { endpoint: `http://${host}:${port}`, pathStyle: false, prefix: 'hosted' });
      await of.write('e/a', word(host), { signal });
      assert.is(await of.readText('e/a'), host);
      assert.is(await store(ceph, { prefix: 'hosted' }).readText('e/a'), host);
    }
  } finally {
    Object.assign(dns, { lookup });
  }
});

test('who it does not know, and what it has not got, is told by its code alone: it says nothing else', async () => {
  if (!ceph) return;
  const of = ceph;
  const told = async (more: Partial<S3Settings>) => {
    const { code, message } = await refusal(store(of, more).list(''));
    return [code, message];
  };
  const nobody = { accessKeyId: 'NOBODY', secretAccessKey: 'x' };
  const mistaken = { accessKeyId: of.accessKeyId, secretAccessKey: 'x' };
  assert.equal(await told({ credentials: nobody }), ['STORE_REFUSED', 's3:backups refuses it: InvalidAccessKeyId']);
  assert.equal(await told({ credentials: mistaken }), [
    'STORE_REFUSED',
    's3:backups refuses it: SignatureDoesNotMatch',
  ]);
  assert.equal(await told({ bucket: 'nosuch' }), ['STORE_REFUSED', 's3:nosuch refuses it: NoSuchBucket']);
});

test('uploads that were begun and left are dropped, those of others stay', async () => {
  if (!ceph) return;
  const of = store(ceph, { prefix: 'left' });
  for (const Key of ['left/e/a', 'left/e/b', 'others/e/a'])
    await client.send(new CreateMultipartUploadCommand({ Bucket: 'backups', Key }));
  const later = new Date(Date.now() + 60_000);
  assert.equal(await of.sweep('e/', new Date(Date.now() - 60_000)), []);
  assert.equal(await of.sweep('e/', later, (key) => key.endsWith('a')), ['e/a']);
  assert.equal(await of.sweep('e/', later), ['e/b']);
  assert.equal(await store(ceph, { prefix: 'others' }).sweep('e/', later), ['e/a']);
});

test('prune: more than half at once is refused; what a lock keeps is only hidden; what a policy keeps stays, and both are said', async () => {
  if (!ceph) return;
  const [postgres, keys] = await Promise.all([startTestPostgres(), makeKeys()]);
  try {
    const url = await postgres.createDatabase();
    await query(url, 'CREATE TABLE t AS SELECT generate_series(1, 10) AS n');
    const kind = { kind: 's3', pathStyle: true };
    const product = makeProduct(url, keys, {
      backups: {
        stores: [
          { ...kind, prefix: 'pg', conditionalWrites: true, objectLockDays: 1 },
          { ...kind, bucket: 'SECOND_BUCKET' },
        ],
        retention: { days: 1, last: 1 },
      },
      env: {
        S3_ENDPOINT: ceph.endpoint,
        S3_ACCESS_KEY_ID: ceph.accessKeyId,
        S3_SECRET_ACCESS_KEY: ceph.secretAccessKey,
        BACKUP_BUCKET: 'locked',
        SECOND_BUCKET: 'backups',
      },
    });
    const made = await product.ask('db:backup');
    assert.is(made.code, 0, made.error?.message);
    const verified = await product.ask('backup:verify');
    assert.is(verified.code, 0, JSON.stringify(verified.findings));
    const signer = openSigner(new Secret(keys.signing.secret));
    for (const days of [40, 41])
      for (const more of [{ bucket: 'locked', prefix: 'pg' }, { bucket: 'backups' }]) {
        const id = newBackupId(new Date(Date.now() - days * 86_400_000));
        await store(ceph, more).write(`strange/staging/${id}/${MANIFEST}`, word(manifestText({ id }, signer)), {
          signal,
        });
      }
    const refused = await product.ask('backup:prune', '--yes');
    assert.equal([refused.code, refused.error.code], [4, 'PRUNES_MOST'], refused.error.message);
    const deny = { Effect: 'Deny', Principal: '*', Action: 's3:DeleteObject', Resource: 'arn:aws:s3:::backups/*' };
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [deny] });
    await client.send(new PutBucketPolicyCommand({ Bucket: 'backups', Policy }));
    const pruned = await product.ask('backup:prune', '--yes', '--force');
    assert.is(pruned.code, 0, pruned.error?.message);
    const codes = pruned.findings.map(({ code, message }: { code: string; message: string }) => [code, message]);
    assert.equal(
      codes.map(([code]: string[]) => code),
      ['VERSIONS_KEPT', 'NOT_DELETED', 'NOT_DELETED'],
      JSON.stringify(codes),
    );
    assert.match(codes[1][1], /^The store keeps strange\/staging\/.*manifest\.json: /);
    const { data } = await product.ask('backup:list');
    assert.equal(
      data.stores.map(({ count }: { count: number }) => count),
      [1, 3],
    );
  } finally {
    await postgres.stop();
  }
});

test.run();
