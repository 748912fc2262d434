// Uses everything the sandbox is made of: PostgreSQL, Redis, anvil, S3, the sink and HAProxy, in folders of its own.
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join, relative } from 'node:path';
import { listDaemons, stopDaemon } from '@drydock/kit';
import { silentOutput } from '@drydock/kit/testing';
import { Redis } from 'ioredis';
import pg from 'pg';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import statusTask from '../scripts/status.ts';
import { whatResetDeletes } from '../src/down.ts';
import { down, reset, status, up } from '../src/index.ts';
import { rpc } from '../src/services/anvil.ts';
import { readState } from '../src/state.ts';
import { testRoot } from '../src/testing/index.ts';

const test = suite('sandbox');
const root = testRoot('sandbox');
const other = testRoot('clone');
test.after(async () => {
  await Promise.all([reset({ root }), reset({ root: other })]);
  for (const folder of [root, other]) rmSync(folder, { recursive: true, force: true });
});

const envOf = (folder: string, env: string) =>
  Object.fromEntries(
    [...readFileSync(join(folder, '.drydock/sandbox/env', `.env.${env}`), 'utf8').matchAll(/^(\w+)='(.*)'$/gm)].map(
      ([, key, value]) => [key, value],
    ),
  ) as Record<string, string>;
const states = async (folder = root) =>
  Object.fromEntries((await status({ root: folder })).map(({ service, state }) => [service, state]));
const allUp = async (folder = root) => Object.values(await states(folder)).every((state) => state === 'up');
const pidOf = async (name: string) => (await listDaemons(root)).find((daemon) => daemon.name === name)?.pid ?? 0;
function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
const rejection = (work: Promise<unknown>) =>
  work.then(
    () => 'accepted',
    (error: Error) => error.message,
  );

async function query(url: string, sql: string) {
  const client = new pg.Client({ connectionString: url });
  try {
    await client.connect();
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

test('up brings everything up; a second up starts nothing', async () => {
  const umask = process.umask(0);
  const first = await up({ root }).finally(() => process.umask(umask));
  assert.is(first.started.length, 10);
  assert.ok(await allUp());
  assert.equal((await up({ root })).started, []);
});

test('each environment has a database and roles of its own', async () => {
  const [staging, production] = [envOf(root, 'staging'), envOf(root, 'production')];
  await query(staging.OPS_DATABASE_URL ?? '', 'CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)');
  const trespass = (production.OPS_DATABASE_URL ?? '').replace('marketplace_production', 'marketplace_staging');
  assert.match(await rejection(query(trespass, 'SELECT 1')), 'permission denied for database "marketplace_staging"');
  assert.match(
    await rejection(query(staging.DATABASE_URL ?? '', 'CREATE TABLE no (n int)')),
    'permission denied for schema public',
  );
  assert.equal(await query(staging.DATABASE_URL ?? '', 'SELECT n FROM kept'), [{ n: 7 }]);
});

test('Redis refuses a wrong password', async () => {
  const { REDIS_URL = '' } = envOf(root, 'staging');
  const good = new Redis(REDIS_URL);
  assert.is(await good.set('kept', 'yes'), 'OK');
  good.disconnect();
  const bad = new Redis(REDIS_URL.replace(/:[^:@]+@/, ':wrong@'), { maxRetriesPerRequest: 0, retryStrategy: null });
  bad.on('error', () => {});
  assert.match(await rejection(bad.get('kept')), /WRONGPASS|NOAUTH|closed/);
  bad.disconnect();
});

test("the database's logins: two that work as one role, and a role that may change them and read nothing", async () => {
  const who = 'SELECT session_user::text AS login, current_user::text AS role';
  const { DATABASE_URL = '', ROTATOR_DATABASE_URL = '', OPS_DATABASE_URL = '' } = envOf(root, 'staging');
  assert.equal(await query(DATABASE_URL, who), [{ login: 'staging_app_a', role: 'staging_app' }]);
  for (const role of ['staging_app', 'staging_owner']) {
    const login = `${role}_b`;
    await query(ROTATOR_DATABASE_URL, `ALTER ROLE ${login} LOGIN PASSWORD 'for-a-moment'`);
    const url = DATABASE_URL.replace(/\/\/[^@]*@/, `//${login}:for-a-moment@`);
    assert.equal(await query(url, who), [{ login, role }]);
    assert.equal(await query(url, 'SELECT n FROM kept'), [{ n: 7 }]);
    await query(ROTATOR_DATABASE_URL, `ALTER ROLE ${login} NOLOGIN PASSWORD NULL`);
    assert.match(await rejection(query(url, who)), 'password authentication failed');
  }
  assert.match(await rejection(query(ROTATOR_DATABASE_URL, 'SELECT n FROM kept')), 'permission denied');
  assert.equal(await query(OPS_DATABASE_URL, who), [{ login: 'staging_owner', role: 'staging_owner' }]);
});

test('up gives a sandbox of before the pair and the role that rotates it', async () => {
  const { ROTATOR_DATABASE_URL = '', DATABASE_URL = '' } = envOf(root, 'staging');
  const admin = `postgresql://drydock:${readState(root)?.postgresPassword}@${new URL(DATABASE_URL).host}/marketplace_staging`;
  await query(
    admin,
    'DROP OWNED BY staging_rotator; DROP ROLE staging_rotator, staging_app_b; ALTER ROLE staging_app_a RESET role',
  );
  const file = join(root, '.drydock/sandbox/env/.env.staging');
  writeFileSync(file, readFileSync(file, 'utf8').replace(/^ROTATOR_DATABASE_URL.*\n/m, ''));
  await up({ root });
  assert.is(envOf(root, 'staging').ROTATOR_DATABASE_URL, ROTATOR_DATABASE_URL);
  await query(
    ROTATOR_DATABASE_URL,
    `ALTER ROLE staging_app_b LOGIN PASSWORD 'x'; ALTER ROLE staging_app_b NOLOGIN PASSWORD NULL`,
  );
  assert.equal(await query(DATABASE_URL, 'SELECT current_user::text AS role'), [{ role: 'staging_app' }]);
});

const asRedis = async (url: string, ...words: [string, ...string[]]) => {
  const client = new Redis(url, { maxRetriesPerRequest: 0, retryStrategy: null, enableReadyCheck: false });
  client.on('error', () => {});
  try {
    const [name, ...rest] = words;
    return await client.call(name, ...rest).catch((error: Error) => error.message);
  } finally {
    client.disconnect();
  }
};

test("Redis' users: the product's may not change them, the operator's may and reads no key", async () => {
  const { REDIS_URL = '', OPS_REDIS_URL = '' } = envOf(root, 'staging');
  for (const [name, ...rest] of [
    ['ACL', 'LIST'],
    ['CONFIG', 'GET', 'aclfile'],
    ['FLUSHALL'],
    ['CLIENT', 'LIST'],
  ] as const)
    assert.match(String(await asRedis(REDIS_URL, name, ...rest)), 'NOPERM', name);
  assert.match(String(await asRedis(REDIS_URL, 'INFO')), 'redis_version');
  assert.match(String(await asRedis(OPS_REDIS_URL, 'ACL', 'LIST')), 'user app on');
  assert.match(String(await asRedis(OPS_REDIS_URL, 'GET', 'kept')), 'NOPERM');
});

test('up keeps a password that was rotated, and gives a sandbox of before the user for operators', async () => {
  const file = join(root, '.drydock/sandbox/env/.env.staging');
  const { REDIS_URL = '', OPS_REDIS_URL = '' } = envOf(root, 'staging');
  const rotated = REDIS_URL.replace(/:[^:@]+@/, ':rotated-password@');
  assert.is(await asRedis(OPS_REDIS_URL, 'ACL', 'SETUSER', 'app', 'resetpass', '>rotated-password', '+@all'), 'OK');
  writeFileSync(
    file,
    readFileSync(file, 'utf8')
      .replace(REDIS_URL, rotated)
      .replace(/^OPS_REDIS_URL.*\n/m, ''),
  );
  assert.is(await asRedis(rotated, 'ACL', 'DELUSER', 'ops'), 1);
  assert.is(await asRedis(rotated, 'ACL', 'SAVE'), 'OK');
  assert.equal((await up({ root })).started, []);
  assert.is(envOf(root, 'staging').REDIS_URL, rotated);
  assert.is(envOf(root, 'staging').OPS_REDIS_URL, OPS_REDIS_URL);
  assert.match(String(await asRedis(OPS_REDIS_URL, 'ACL', 'GETUSER', 'app')), '-@admin');
  assert.match(readFileSync(join(root, '.drydock/sandbox/redis-staging/users.acl'), 'utf8'), 'user ops on');
  assert.match(String(await asRedis(rotated, 'ACL', 'LIST')), 'NOPERM');
});

test('the S3 endpoint keeps what the AWS SDK puts there', async () => {
  const {
    S3_ENDPOINT = '',
    S3_ACCESS_KEY_ID = '',
    S3_SECRET_ACCESS_KEY = '',
    BACKUP_BUCKET = '',
  } = envOf(root, 'staging');
  const { GetObjectCommand, PutObjectCommand, S3Client } = await import('@aws-sdk/client-s3');
  const client = new S3Client({
    endpoint: S3_ENDPOINT,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: S3_ACCESS_KEY_ID, secretAccessKey: S3_SECRET_ACCESS_KEY },
  });
  await client.send(new PutObjectCommand({ Bucket: BACKUP_BUCKET, Key: 'a/b', Body: 'kept' }));
  const { Body } = await client.send(new GetObjectCommand({ Bucket: BACKUP_BUCKET, Key: 'a/b' }));
  assert.is(await Body?.transformToString(), 'kept');
  client.destroy();
});

test('the sink gives back what the product would send to Sentry and PostHog', async () => {
  const { POSTHOG_HOST = '', POSTHOG_KEY = '', SENTRY_DSN = '' } = envOf(root, 'staging');
  const { origin: sink, username, pathname } = new URL(SENTRY_DSN);
  const envelope = ['{"event_id":"1"}', '{"type":"event"}', '{"message":"boom"}'].join('\n');
  // The second is that of sandboxes of before each environment had a project.
  for (const to of [`${pathname}/envelope/?sentry_key=${username}`, '/1/envelope/?sentry_key=staging'])
    assert.is((await fetch(`${sink}/api${to}`, { method: 'POST', body: envelope })).status, 200);
  assert.is(
    (
      await fetch(`${POSTHOG_HOST}/batch/`, {
        method: 'POST',
        body: JSON.stringify({ api_key: POSTHOG_KEY, batch: [{ event: 'job_posted' }] }),
      })
    ).status,
    200,
  );
  const events = (await (await fetch(`${sink}/_events`)).json()) as {
    kind: string;
    name: string;
    payload: { message?: string };
  }[];
  assert.ok(events.some(({ kind, payload }) => kind === 'sentry' && payload.message === 'boom'));
  assert.ok(events.some(({ kind, name }) => kind === 'posthog' && name === 'job_posted'));
});

test('whatever the umask, what it writes is for its owner alone', () => {
  const open = execFileSync('find', [join(root, '.drydock'), '-perm', '/077', '!', '-type', 'l'], { encoding: 'utf8' });
  assert.is(open, '');
});

test('kill -9 of every part at once: up repairs all of it, with the data', async () => {
  const {
    CHAIN_RPC_URL = '',
    OPS_DATABASE_URL = '',
    REDIS_URL = '',
    ESCROW_FACTORY_ADDRESS = '',
  } = envOf(root, 'staging');
  // Anvil keeps its state once a second.
  await new Promise((done) => setTimeout(done, 1_500));
  for (const { pid } of await listDaemons(root)) process.kill(-pid, 'SIGKILL');
  // The kernel takes its time on a busy machine.
  const allKilled = async () => Object.values(await states()).every((state) => state === 'killed');
  for (let tries = 0; !(await allKilled()); tries++) {
    assert.ok(tries < 100, 'all are killed');
    await new Promise((done) => setTimeout(done, 50));
  }
  await up({ root });
  assert.ok(await allUp());
  assert.equal(await query(OPS_DATABASE_URL, 'SELECT n FROM kept'), [{ n: 7 }]);
  const redis = new Redis(REDIS_URL);
  assert.is(await redis.get('kept'), 'yes');
  redis.disconnect();
  const code = await rpc<string>(Number(new URL(CHAIN_RPC_URL).port), 'eth_getCode', [
    ESCROW_FACTORY_ADDRESS,
    'latest',
  ]);
  assert.ok(code.length > 2, 'the contracts are still on the chain');
});

test('a port that a stranger took is changed, and said', async () => {
  const taken = readState(root)?.ports.sink ?? 0;
  process.kill(await pidOf('sink'), 'SIGKILL');
  for (let tries = 0; (await states()).sink !== 'killed' && tries < 100; tries++)
    await new Promise((done) => setTimeout(done, 50));
  const stranger = createServer();
  await new Promise<void>((done) => stranger.listen(taken, '127.0.0.1', done));
  try {
    const { moved } = await up({ root });
    assert.equal(moved, ['sink']);
    assert.is.not(readState(root)?.ports.sink, taken);
    assert.match(envOf(root, 'staging').POSTHOG_HOST ?? '', String(readState(root)?.ports.sink));
  } finally {
    stranger.close();
  }
});

test('two clones run side by side', async () => {
  await up({ root: other });
  assert.ok((await allUp()) && (await allUp(other)));
  await down({ root: other });
  assert.ok(await allUp(), 'one going down leaves the other up');
});

test('down leaves no process behind and keeps the data', async () => {
  const pids = (await listDaemons(root)).map(({ pid }) => pid);
  await down({ root });
  // What has ended is there until Node has asked for how.
  const deadline = Date.now() + 10_000;
  while (pids.some(isThere) && Date.now() < deadline) await new Promise((done) => setTimeout(done, 20));
  assert.equal(pids.filter(isThere), []);
  assert.ok(Object.values(await states()).every((state) => state === 'down'));
  await up({ root });
  assert.equal(await query(envOf(root, 'staging').OPS_DATABASE_URL ?? '', 'SELECT n FROM kept'), [{ n: 7 }]);
});

test('one service that is down among others that are up is told, with exit 3', async () => {
  const look = async () => statusTask.run({ config: { root }, out: silentOutput() } as never);
  assert.is((await look()).ok, true);
  await stopDaemon(root, 'sink', { graceMs: 1_000 });
  const { ok, verdict } = await look();
  assert.equal({ ok, verdict }, { ok: false, verdict: 'sink should run and does not.' });
});

test('an up that fails leaves nothing behind that the next down does not stop', async () => {
  const broken = testRoot('broken');
  try {
    mkdirSync(join(broken, '.drydock/sandbox'), { recursive: true });
    writeFileSync(join(broken, '.drydock/sandbox/redis-production'), 'a file where a folder belongs');
    assert.match(await rejection(up({ root: broken })), 'redis-production');
    await down({ root: broken });
    assert.ok(Object.values(await states(broken)).every((state) => state === 'down'));
    // Long enough for a PostgreSQL that is still being made to come up.
    await new Promise((done) => setTimeout(done, 3_000));
    assert.equal(await listDaemons(broken), []);
  } finally {
    await reset({ root: broken });
    rmSync(broken, { recursive: true, force: true });
  }
});

test('reset deletes the cluster where a link leads, and nothing beside it', async () => {
  const moved = testRoot('moved');
  const disk = testRoot('disk');
  const link = join(moved, '.drydock/sandbox/postgres');
  const cluster = join(disk, 'pg');
  writeFileSync(join(disk, 'theirs'), 'precious');
  try {
    await up({ root: moved });
    await down({ root: moved });
    const made = realpathSync(link);
    renameSync(made, cluster);
    rmSync(link, { force: true });
    symlinkSync(relative(dirname(link), cluster), link);
    await up({ root: moved });
    const { deleted, left } = whatResetDeletes(moved);
    // Besides, where the path is too long for HAProxy's sockets, the folder of ours that has them.
    const own = deleted.filter((path) => !/^\/[^ ]*\/drydock-[0-9a-f]{12}$/.test(path));
    assert.equal({ deleted: own, left }, { deleted: [join(moved, '.drydock/sandbox'), cluster], left: [] });
    await reset({ root: moved });
    assert.not.ok(existsSync(cluster));
    assert.not.ok(existsSync(dirname(link)));
    assert.is(readFileSync(join(disk, 'theirs'), 'utf8'), 'precious');
  } finally {
    await reset({ root: moved });
    for (const folder of [moved, disk]) rmSync(folder, { recursive: true, force: true });
  }
});

test('a link to what the sandbox did not make is neither emptied by up nor deleted by reset', async () => {
  const mine = testRoot('linked');
  const theirs = join(testRoot('theirs'), 'data');
  mkdirSync(theirs, { recursive: true });
  writeFileSync(join(theirs, 'theirs'), 'precious');
  mkdirSync(join(mine, '.drydock/sandbox'), { recursive: true });
  symlinkSync(theirs, join(mine, '.drydock/sandbox/postgres'));
  try {
    assert.match(await rejection(up({ root: mine })), `${theirs} is not empty`);
    // Another checkout's cluster is not ours either.
    writeFileSync(join(theirs, 'drydock-ready'), 'of another sandbox');
    assert.equal(whatResetDeletes(mine).left, [theirs]);
    await reset({ root: mine });
    assert.is(readFileSync(join(theirs, 'theirs'), 'utf8'), 'precious');
    assert.not.ok(existsSync(join(mine, '.drydock/sandbox')));
  } finally {
    await reset({ root: mine });
    for (const folder of [mine, dirname(theirs)]) rmSync(folder, { recursive: true, force: true });
  }
});

test.run();
