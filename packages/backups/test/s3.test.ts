// Uses an S3 endpoint, through a proxy that sees what is asked.
import dns from 'node:dns';
import { createServer } from 'node:http';
import { Secret } from '@drydock/kit';
import { runStepsForTest } from '@drydock/kit/testing';
import { startTestPostgres, startTestS3 } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backupStep } from '../src/backup.ts';
import { listBackups } from '../src/catalogue.ts';
import { planPrune } from '../src/prune/plan.ts';
import { type S3Settings, S3Store } from '../src/store/s3.ts';
import { watchCalls } from './proxy.ts';
import { makeKeys, makeTarget, SHELF } from './world.ts';

const test = suite('S3 store');
const signal = new AbortController().signal;
let s3: Awaited<ReturnType<typeof startTestS3>>;
let proxy: Awaited<ReturnType<typeof watchCalls>>;
test.before(async () => {
  s3 = await startTestS3();
  proxy = await watchCalls(s3.endpoint);
});
test.before.each(() => proxy.reset());
test.after(async () => {
  await proxy.stop();
  await s3.stop();
});

const store = (more: Partial<S3Settings> = {}) =>
  new S3Store({
    bucket: s3.bucket,
    prefix: '',
    pathStyle: true,
    region: 'us-east-1',
    endpoint: proxy.endpoint,
    credentials: { accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey },
    serverSideEncryption: undefined,
    kmsKeyId: undefined,
    conditionalWrites: false,
    objectLock: true,
    ...more,
  });

async function* zeros(mebibytes: number, failAt = Number.POSITIVE_INFINITY) {
  for (let n = 0; n < mebibytes; n++) {
    if (n === failAt) throw new Error('the source broke');
    yield Buffer.alloc(1_048_576);
  }
}
const writes = () => proxy.calls().filter(({ method }) => method === 'PUT' || method === 'POST');

test('what the configuration asks for is asked of the server: encryption, lock, and never writing over', async () => {
  const until = new Date('2030-01-01T00:00:00Z');
  const strict = store({ serverSideEncryption: 'aws:kms', kmsKeyId: 'key-1', conditionalWrites: true });
  await strict.write('small', zeros(1), { signal, retainUntil: until });
  const [put] = writes();
  assert.is(put?.headers['if-none-match'], '*');
  assert.is(put?.headers['x-amz-server-side-encryption'], 'aws:kms');
  assert.is(put?.headers['x-amz-server-side-encryption-aws-kms-key-id'], 'key-1');
  assert.is(put?.headers['x-amz-object-lock-mode'], 'COMPLIANCE');
  assert.match(put?.headers['x-amz-object-lock-retain-until-date'] as string, /^2030-01-01T00:00:00/);
  assert.ok(
    Object.keys(put?.headers ?? {}).some((name) => name.startsWith('x-amz-checksum-') || name === 'x-amz-trailer'),
  );
  proxy.reset();
  await strict.write('large', zeros(40), { signal, retainUntil: until });
  const [begin, ...parts] = writes();
  const end = parts.pop();
  assert.match(begin?.url ?? '', 'uploads');
  assert.is(begin?.headers['x-amz-object-lock-mode'], 'COMPLIANCE');
  assert.is(parts.length, 3, 'parts of 16 MiB');
  assert.is(end?.headers['if-none-match'], '*', 'a large one is asked when it is put together');
});

test('an upload whose source breaks is aborted: no object, and nothing that costs', async () => {
  const error = await store()
    .write('broken', zeros(60, 50), { signal })
    .then(
      () => undefined,
      (thrown) => thrown,
    );
  assert.match(error?.message ?? '', 'the source broke');
  assert.equal(await store().list('broken'), []);
  const begun = writes().filter(({ url, method }) => method === 'POST' && /[?&]uploads/.test(url));
  const aborted = proxy.calls().filter(({ method, url }) => method === 'DELETE' && /uploadId=/.test(url));
  assert.is(aborted.length, begun.length, 'what was begun is aborted');
});

test('an upload is aborted with the run', async () => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 50);
  const slow = (async function* () {
    for (let n = 0; n < 1_000; n++) {
      yield Buffer.alloc(1_048_576);
      await new Promise((done) => setTimeout(done, 10));
    }
  })();
  const error = await store()
    .write('aborted', slow, { signal: controller.signal })
    .then(
      () => undefined,
      (thrown) => thrown,
    );
  assert.ok(error);
  assert.equal(await store().list('aborted'), []);
});

test('what the store is asked to lock says so in its name, and prune leaves it alone', async () => {
  const postgres = await startTestPostgres();
  try {
    const keys = await makeKeys();
    const locked = store({ prefix: 'locked' });
    const target = makeTarget(await postgres.createDatabase(), keys, { stores: [locked], lockDays: 40 });
    const longAgo = new Date(Date.now() - 35 * 86_400_000);
    const step = backupStep(target, () => longAgo);
    const { results } = await runStepsForTest([step]);
    const old = results.of(step).id;
    await runStepsForTest([backupStep(target)]);
    const backups = await listBackups(locked, SHELF);
    const retention = { days: 1, last: 1, daily: 0, weekly: 0, monthly: 0 };
    const decision = planPrune(backups, retention, new Date()).find(({ id }) => id === old);
    assert.is(decision?.keep, true);
    assert.match(decision?.reasons.join() ?? '', 'locked by the store');
    assert.ok(new Secret(keys.identity));
  } finally {
    await postgres.stop();
  }
});

test('an endpoint that is not there, and keys that are not known, are told apart', async () => {
  const codeOf = (work: Promise<unknown>) =>
    work.then(
      () => undefined,
      (error) => error.code,
    );
  assert.is(await codeOf(store({ endpoint: 'http://127.0.0.1:9' }).list('')), 'STORE_UNREACHABLE');
  const stranger = store({ credentials: { accessKeyId: 'nobody', secretAccessKey: 'nothing' } });
  assert.is(await codeOf(stranger.list('')), 'STORE_REFUSED');
  assert.is(await codeOf(store({ bucket: 'not-there' }).list('')), 'STORE_REFUSED');
  assert.is(await codeOf(store().read('not-there')), 'BACKUP_MISSING');
  assert.is(await store().readText('not-there'), undefined);
});

const text = async (of: S3Store, key: string) => of.readText(key);
async function* word(value: string) {
  yield Buffer.from(value);
}
const refusal = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error) => error.code as string,
  );

test('a server that refuses what it does not know gets no checksums where they are switched off', async () => {
  const isChecksum = (name: string) => /^x-amz-(checksum|sdk-checksum|trailer)/.test(name);
  const picky = await watchCalls(s3.endpoint, ({ headers }) =>
    Object.keys(headers).some(isChecksum) || /aws-chunked/.test(`${headers['content-encoding']}`) ? 501 : undefined,
  );
  try {
    assert.is(
      await refusal(store({ endpoint: picky.endpoint }).write('picky/a', word('x'), { signal })),
      'STORE_FAILED',
    );
    const plain = store({ endpoint: picky.endpoint, checksums: false });
    await plain.write('picky/a', word('x'), { signal });
    await plain.write('picky/large', zeros(40), { signal });
    assert.is(await text(plain, 'picky/a'), 'x');
    assert.equal(
      (await plain.list('picky/')).map(({ bytes }) => bytes),
      [1, 40 * 1_048_576],
    );
    assert.equal(await plain.remove(['picky/a', 'picky/large', 'picky/never']), []);
    assert.equal(await plain.list('picky/'), []);
  } finally {
    await picky.stop();
  }
});

test("a connection that breaks in the middle is the store's failure, not a damaged backup", async () => {
  await store().write('cut', zeros(4), { signal });
  const cut = await watchCalls(s3.endpoint, ({ method }) => (method === 'GET' ? 'cut the answer' : undefined));
  try {
    assert.is(await refusal(store({ endpoint: cut.endpoint }).readText('cut')), 'STORE_UNREACHABLE');
  } finally {
    await cut.stop();
  }
});

test('a prefix is the same with slashes around it, and what a version before put between two of them is found', async () => {
  const plain = store({ prefix: 'shop/pg' });
  await plain.write('strange/one', word('1'), { signal });
  for (const prefix of ['shop/pg/', '/shop/pg', '//shop//pg//']) {
    const of = store({ prefix });
    assert.is(of.label, plain.label);
    assert.is(await text(of, 'strange/one'), '1', prefix);
    assert.equal(
      (await of.list('strange/')).map(({ key }) => key),
      ['strange/one'],
      prefix,
    );
  }
  await store({ prefix: 'shop/pg/' }).write('strange/two', word('2'), { signal });
  assert.is(await text(plain, 'strange/two'), '2');
  assert.equal(await store({ prefix: '/shop/pg/' }).remove(['strange/one', 'strange/two']), []);
  assert.equal(await plain.list(''), []);
});

test('an address may have a path, a bucket before its host, or none of both', async () => {
  const asked: { host: string | undefined; url: string | undefined }[] = [];
  const server = createServer(({ headers, url }, answer) => {
    asked.push({ host: headers.host?.split(':')[0], url: url?.split('?')[0] });
    answer.writeHead(404).end();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  const lookup = dns.lookup;
  // Every name of that domain is this machine.
  Object.assign(dns, {
    lookup: (name: string, ...rest: unknown[]) =>
      (lookup as (...args: unknown[]) => void)(
        name.endsWith('.s3.test') || name === 's3.test' ? '127.0.0.1' : name,
        ...rest,
      ),
  });
  const look = async (endpoint: string, pathStyle: boolean) => {
    await store({ endpoint, pathStyle, bucket: 'backups' })
      .readText('a/b')
      .catch(() => {});
    return asked.at(-1);
  };
  try {
    assert.equal(await look(`http://s3.test:${port}/storage/v1/s3`, true), {
      host: 's3.test',
      url: '/storage/v1/s3/backups/a/b',
    });
    assert.equal(await look(`http://s3.test:${port}/storage/v1/s3/`, true), {
      host: 's3.test',
      url: '/storage/v1/s3/backups/a/b',
    });
    for (const host of ['s3.test', 'backups.s3.test'])
      assert.equal(await look(`http://${host}:${port}`, false), { host: 'backups.s3.test', url: '/a/b' }, host);
    assert.equal(await look(`http://s3.test:${port}/storage`, false), { host: 'backups.s3.test', url: '/storage/a/b' });
  } finally {
    Object.assign(dns, { lookup });
    server.close();
  }
});

test('where nothing is written over, an answer that was lost is no refusal, and what another put there is one', async () => {
  const there = new Set<string>();
  let lost = 0;
  const lossy = await watchCalls(s3.endpoint, ({ method, url, headers }) => {
    if (method !== 'PUT' || headers['if-none-match'] !== '*') return undefined;
    const [path = ''] = url.split('?');
    if (there.has(path)) return 412;
    there.add(path);
    lost++;
    return 'lose the answer';
  });
  try {
    const strict = store({ endpoint: lossy.endpoint, conditionalWrites: true });
    await strict.write('once/a', word('mine'), { signal });
    assert.is(lost, 1);
    // Again, as a run does that is resumed.
    await strict.write('once/a', word('mine'), { signal });
    assert.is(await refusal(strict.write('once/a', word('other'), { signal })), 'STORE_TAKEN');
    assert.is(await text(strict, 'once/a'), 'mine');
  } finally {
    await lossy.stop();
  }
});

test.run();
