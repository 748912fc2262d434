// Uses PostgreSQL, Redis and anvil; the product runs as processes of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, requireTool } from '@drydock/kit';
import pg from 'pg';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { post } from './people.ts';
import { health, metric, startProduct, startWorld, TOKEN, until } from './world.ts';

const test = suite('marketplace in operation');
let world: Awaited<ReturnType<typeof startWorld>>;
let product: Awaited<ReturnType<typeof startProduct>>;
test.before(async () => {
  world = await startWorld();
  product = await startProduct(world.env);
});
test.after(async () => {
  await product?.stop();
  await world?.stop();
});

const sleep = (ms: number) => new Promise((done) => setTimeout(done, ms));
const readyz = (url: string) =>
  fetch(`${url}/readyz`).then(
    ({ status }) => status,
    () => 0,
  );

const answers = (port: number) =>
  new Promise<boolean>((done) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => done(true)).once('error', () => done(false));
    socket.once('connect', () => socket.destroy());
  });

test('health wants the token, and names version, uptime, parts and the head of the migrations', async () => {
  assert.is((await fetch(`${product.url}/api/admin/health`)).status, 401);
  const wrong = { authorization: `Bearer ${TOKEN}x` };
  assert.is((await fetch(`${product.url}/api/admin/health`, { headers: wrong })).status, 401);
  // Its first look opens its connections.
  assert.ok(await until(async () => (await health(product.url)).status === 200));
  const { body } = await health(product.url);
  assert.equal(Object.keys(body.parts), ['database', 'redis', 'chain', 'migrations', 'escrowQueue']);
  assert.match(String(body.parts.migrations?.detail?.head), /^\d{14}_/);
  assert.type(body.uptimeSeconds, 'number');
});

test('health says 503 while Redis is down and 200 when it is back, and the jobs list does not fall with it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'drydock-redis-'));
  const port = await freePort();
  const start = () => spawn(requireTool('redis-server'), ['--bind', '127.0.0.1', '--port', `${port}`, '--dir', folder]);
  const stop = async (redis: ChildProcess) => {
    const ended = new Promise((done) => redis.once('exit', done));
    redis.kill('SIGKILL');
    await ended;
  };
  let redis = start();
  assert.ok(await until(() => answers(port)), 'Redis listens');
  const fragile = await startProduct({ ...world.env, REDIS_URL: `redis://127.0.0.1:${port}` });
  try {
    assert.ok(await until(async () => (await health(fragile.url)).status === 200));
    await stop(redis);
    const down = await health(fragile.url);
    assert.is(down.status, 503);
    assert.is(down.body.parts.redis?.ok, false);
    assert.is(down.body.parts.database?.ok, true);
    assert.is((await fetch(`${fragile.url}/api/jobs`)).status, 200);
    redis = start();
    assert.ok(await until(async () => (await health(fragile.url)).status === 200));
  } finally {
    await fragile.stop();
    await stop(redis);
    rmSync(folder, { recursive: true, force: true });
  }
});

test('health says 503 while the chain is down, and while a migration is not applied', async () => {
  const cut = await startProduct({ ...world.env, CHAIN_RPC_URL: 'http://127.0.0.1:9' });
  const { status, body } = await health(cut.url);
  await cut.stop();
  assert.is(status, 503);
  assert.is(body.parts.chain?.ok, false);

  const client = new pg.Client({ connectionString: world.databaseUrl });
  await client.connect();
  const { rows } = await client.query('DELETE FROM _prisma_migrations WHERE migration_name LIKE $1 RETURNING *', [
    '%_user_is_admin',
  ]);
  const behind = await health(product.url);
  await client.query(
    'INSERT INTO _prisma_migrations SELECT * FROM json_populate_record(NULL::_prisma_migrations, $1)',
    [JSON.stringify(rows[0])],
  );
  await client.end();
  assert.is(behind.status, 503);
  assert.equal(behind.body.parts.migrations?.detail?.pending, [rows[0].migration_name]);
  assert.is((await health(product.url)).status, 200);
});

test('maintenance answers 503 with Retry-After on every instance, and holds while the database is away', async () => {
  const second = await startProduct(world.env);
  const both = [product.url, second.url];
  const set = (on: boolean) => post(product.url, '/api/admin/maintenance', { on, retryAfterSeconds: 120 }, TOKEN);
  const admin = new pg.Client({ connectionString: world.postgres.adminUrl });
  await admin.connect();
  const name = new URL(world.databaseUrl).pathname.slice(1);
  try {
    assert.is((await post(product.url, '/api/admin/maintenance', { on: true })).status, 401);
    assert.is((await set(true)).status, 200);
    for (const url of both) {
      assert.ok(await until(async () => (await fetch(url)).status === 503, 8_000));
      const page = await fetch(url);
      assert.is(page.headers.get('retry-after'), '120');
      assert.match(await page.text(), 'is being worked on');
      assert.is((await fetch(`${url}/api/jobs`)).status, 503);
      assert.is((await health(url)).status, 200);
      assert.is(await readyz(url), 200);
      assert.not.match(await (await fetch(`${url}/metrics`)).text(), /^http_errors_total\{/m);
    }
    await admin.query(`ALTER DATABASE "${name}" ALLOW_CONNECTIONS false`);
    await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name]);
    await sleep(600);
    for (const url of both) assert.is((await fetch(url)).headers.get('retry-after'), '120');
    await admin.query(`ALTER DATABASE "${name}" ALLOW_CONNECTIONS true`);
    assert.is((await set(false)).status, 200);
    for (const url of both) assert.ok(await until(async () => (await fetch(url)).status === 200, 8_000));
  } finally {
    await admin.query(`ALTER DATABASE "${name}" ALLOW_CONNECTIONS true`);
    await admin.end();
    await second.stop();
  }
});

test('a second signal ends it at once', async () => {
  const stubborn = await startProduct({ ...world.env, DRAIN_DELAY_MS: '60000' });
  stubborn.child.kill('SIGTERM');
  assert.ok(await until(async () => (await readyz(stubborn.url)) === 503));
  stubborn.child.kill('SIGTERM');
  assert.is(await stubborn.exited, 1);
});

test('staging refuses to start without Redis, development does not', async () => {
  const { REDIS_URL: _, ...without } = world.env;
  const refused = await startProduct(without);
  assert.is(await refused.exited, 2);
  assert.is(
    refused.said().trim(),
    'The marketplace cannot start: REDIS_URL is required; only with NODE_ENV development does it run without Redis.',
  );
  const local = await startProduct({ ...without, DRYDOCK_ENV: 'development', NODE_ENV: 'development' });
  assert.is((await fetch(`${local.url}/api/jobs`)).status, 200);
  assert.is((await health(local.url)).status, 200);
  assert.is(await local.stop(), 0);
});

test('staging refuses to start while Redis is down', async () => {
  const refused = await startProduct({ ...world.env, REDIS_URL: 'redis://app:hush@127.0.0.1:9' });
  assert.is(await refused.exited, 2);
  assert.match(refused.said(), 'Redis at REDIS_URL does not answer');
  assert.not.match(refused.said(), 'hush');
});

test('of several admin tokens each is accepted, no other is, and the use of a former one shows', async () => {
  const former = 'a-former-token-of-16';
  const both = await startProduct({ ...world.env, ADMIN_TOKEN: `${TOKEN},${former}` });
  try {
    const status = async (token: string) =>
      (await fetch(`${both.url}/api/admin/health`, { headers: { authorization: `Bearer ${token}` } })).status;
    assert.equal([await status(TOKEN), await metric(both.url, 'admin_token_former_used_seconds')], [200, 0]);
    for (const wrong of [`${TOKEN},${former}`, `${TOKEN},`, 'x', '']) assert.is(await status(wrong), 401, wrong);
    assert.is(await status(former), 200);
    assert.ok(Math.abs((await metric(both.url, 'admin_token_former_used_seconds')) - Date.now() / 1_000) < 60);
  } finally {
    await both.stop();
  }
  const short = await startProduct({ ...world.env, ADMIN_TOKEN: `${TOKEN},short` });
  assert.is(await short.exited, 2);
  assert.match(short.said(), 'ADMIN_TOKEN must be one or more texts of 16 characters or more');
});

test('a missing variable, a malformed one and a taken port are one sentence each, without the value', async () => {
  const { ADMIN_TOKEN: _, ...without } = world.env;
  const bad = await startProduct({ ...without, ESCROW_ADMIN_KEY: '0xsecret' });
  assert.is(await bad.exited, 2);
  assert.match(bad.said(), 'ADMIN_TOKEN is not set');
  assert.match(bad.said(), 'ESCROW_ADMIN_KEY must be 0x and 64 hexadecimal digits');
  assert.not.match(bad.said(), '0xsecret');
  const { port } = new URL(product.url);
  const taken = await startProduct(world.env, Number(port));
  assert.is(await taken.exited, 2);
  assert.is(taken.said().trim(), `Port ${port} is taken by another process.`);
});

test.run();
