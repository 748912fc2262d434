// Uses PostgreSQL, Redis and anvil; the product runs as processes of its own.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startTestRedis } from '@drydock/sandbox/testing';
import pg from 'pg';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createTestClient, http, publicActions } from 'viem';
import { generatePrivateKey, privateKeyToAddress } from 'viem/accounts';
import { health, keyOf, metric, startProduct, startWorld, TOKEN, until } from './world.ts';

const test = suite('marketplace');
const FLOW = join(import.meta.dirname, '../../../e2e/flow.ts');
let world: Awaited<ReturnType<typeof startWorld>>;
let product: Awaited<ReturnType<typeof startProduct>>;
test.before(async () => {
  world = await startWorld();
  product = await startProduct(world.env);
});
test.after(async () => {
  await product.stop();
  await world.stop();
});

const post = (path: string, body: object, token?: string, url = product.url) =>
  fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
    body: JSON.stringify(body),
  });

async function person(url = product.url) {
  const email = `${crypto.randomUUID()}@example.test`;
  const password = 'a good password';
  await post(
    '/api/register',
    { email, password, displayName: 'Somebody', wallet: privateKeyToAddress(generatePrivateKey()) },
    undefined,
    url,
  );
  const answer = await post('/api/login', { email, password }, undefined, url);
  return (await answer.json()) as { accessToken: string; refreshToken: string };
}

/** A job up to the point where its escrow is asked for. */
async function acceptedJob(): Promise<{ id: string; client: string }> {
  const [client, freelancer] = [await person(), await person()];
  const { job } = (await (
    await post(
      '/api/jobs',
      { title: 'Scrape', description: 'The keel.', milestones: [{ title: 'All', amount: '1000' }] },
      client.accessToken,
    )
  ).json()) as { job: { id: string } };
  const { application } = (await (
    await post(`/api/jobs/${job.id}/applications`, { coverLetter: 'Me.' }, freelancer.accessToken)
  ).json()) as { application: { id: string } };
  assert.is((await post(`/api/applications/${application.id}/accept`, {}, client.accessToken)).status, 200);
  return { id: job.id, client: client.accessToken };
}

test('the full flow runs through the API, with money and certificate on the chain', async () => {
  const env = { ...process.env, ...world.env, BASE_URL: product.url };
  const { stdout } = await promisify(execFile)(process.execPath, [FLOW], { env });
  assert.match(stdout, 'mint the certificate');
});

test('bad input is a sentence that names the field', async () => {
  const answer = await post('/api/register', {
    email: 'no',
    password: 'short',
    displayName: '',
    wallet: '0x52908400098527886E0F7030069857D2E4169ee7',
  });
  assert.is(answer.status, 400);
  const { error } = (await answer.json()) as { error: { message: string } };
  for (const part of [
    'email must be an e-mail address',
    'password must have at least 10',
    'wallet must be a wallet address with a right checksum',
  ])
    assert.match(error.message, part);
});

test('tokens of two keys are accepted while keys rotate, and one of an unknown key is not', async () => {
  const { accessToken } = await person();
  const me = (url: string, token: string) =>
    fetch(`${url}/api/me`, { headers: { authorization: `Bearer ${token}` } }).then(({ status }) => status);
  const rotating = await startProduct({ ...world.env, JWT_ACCESS_KEYS: `k2:${keyOf('c')},k1:${keyOf('a')}` });
  const rotated = await startProduct({ ...world.env, JWT_ACCESS_KEYS: `k2:${keyOf('c')}` });
  try {
    assert.is(await me(rotating.url, accessToken), 200, 'the old key still verifies');
    const { accessToken: newer } = await person(rotating.url);
    assert.is(await me(rotated.url, newer), 200, 'the first key signs');
    assert.is(await me(rotated.url, accessToken), 401);
    assert.is(await me(rotating.url, `${newer.slice(0, -4)}AAAA`), 401, 'a forged signature');
  } finally {
    await Promise.all([rotating.stop(), rotated.stop()]);
  }
});

test('a refresh token gives new tokens, and is no access token', async () => {
  const { refreshToken } = await person();
  const answer = await post('/api/refresh', { refreshToken });
  assert.is(answer.status, 200);
  assert.is((await post('/api/jobs', {}, refreshToken)).status, 401);
});

test('the jobs list is cached until a job changes', async () => {
  const list = async () => ((await (await fetch(`${product.url}/api/jobs`)).json()) as { total: number }).total;
  const before = await list();
  const hits = await metric(product.url, 'cache_hits_total');
  await list();
  assert.is(await metric(product.url, 'cache_hits_total'), hits + 1);
  await acceptedJob();
  assert.is(await list(), before + 1);
});

test('a worker killed after sending adopts the escrow instead of making a second one', async () => {
  const chain = createTestClient({ mode: 'anvil', transport: http(world.chain.rpcUrl) }).extend(publicActions);
  const { id, client } = await acceptedJob();
  // Transactions stay in the mempool: the worker sends and waits.
  await chain.setAutomine(false);
  await post(`/api/jobs/${id}/escrow`, {}, client);
  assert.ok(await until(async () => (await chain.getTxpoolStatus()).pending === 1));
  product.child.kill('SIGKILL');
  await product.exited;
  await chain.setAutomine(true);
  await chain.mine({ blocks: 1 });
  const sent = await chain.getTransactionCount({ address: '0x70997970C51812dc3A010C7d01b50e0d17dc79C8' });
  const database = new pg.Client({ connectionString: world.databaseUrl });
  await database.connect();
  // The lease of the dead worker has run out.
  await database.query(`UPDATE "ChainTask" SET "runAfter" = now() AT TIME ZONE 'utc' WHERE "jobId" = $1`, [id]);
  product = await startProduct(world.env);
  const job = async () =>
    (
      (await (await fetch(`${product.url}/api/jobs/${id}`)).json()) as {
        job: { escrowDeployed: boolean; escrowPending: boolean };
      }
    ).job;
  assert.ok(await until(async () => (await job()).escrowDeployed));
  assert.is((await job()).escrowPending, false);
  assert.is(
    await chain.getTransactionCount({ address: '0x70997970C51812dc3A010C7d01b50e0d17dc79C8' }),
    sent,
    'nothing more was sent',
  );
  await database.end();
});

test('too many requests are answered 429 and counted', async () => {
  const strict = await startProduct({ ...world.env, RATE_LIMIT_PER_MINUTE: '5', REDIS_URL: world.redis.url });
  try {
    const answers = await Promise.all(
      Array.from({ length: 30 }, () => fetch(`${strict.url}/api/jobs`).then(({ status }) => status)),
    );
    const blocked = answers.filter((status) => status === 429).length;
    assert.ok(blocked > 0);
    assert.is(await metric(strict.url, 'rate_limit_blocks_total'), blocked);
  } finally {
    await strict.stop();
  }
});

test('health wants the token, and says 503 while Redis is down and 200 when it is back', async () => {
  assert.is((await fetch(`${product.url}/api/admin/health`)).status, 401);
  const redis = await startTestRedis();
  const fragile = await startProduct({ ...world.env, REDIS_URL: redis.url });
  try {
    assert.is((await health(fragile.url)).status, 200);
    await redis.stop();
    const down = await health(fragile.url);
    assert.is(down.status, 503);
    assert.is(down.body.parts.redis?.ok, false);
    assert.is(down.body.parts.database?.ok, true);
    assert.is((await fetch(`${fragile.url}/api/jobs`)).status, 200, 'the list does not fall with its cache');
  } finally {
    await fragile.stop();
  }
});

test('health says 503 while the chain is down', async () => {
  const cut = await startProduct({ ...world.env, CHAIN_RPC_URL: 'http://127.0.0.1:9' });
  const { status, body } = await health(cut.url);
  await cut.stop();
  assert.is(status, 503);
  assert.is(body.parts.chain?.ok, false);
});

test('maintenance answers 503 with Retry-After on every instance, and health still answers', async () => {
  const second = await startProduct(world.env);
  const both = [product.url, second.url];
  const set = (on: boolean) => post('/api/admin/maintenance', { on, retryAfterSeconds: 120 }, TOKEN);
  try {
    assert.is((await set(true)).status, 200);
    for (const url of both) {
      assert.ok(await until(async () => (await fetch(url)).status === 503, 8_000));
      assert.is((await fetch(url)).headers.get('retry-after'), '120');
      assert.is((await health(url)).status, 200);
    }
    await set(false);
    for (const url of both) assert.ok(await until(async () => (await fetch(url)).status === 200, 8_000));
  } finally {
    await second.stop();
  }
});

test('a stop finishes requests in flight and then ends with 0', async () => {
  // Long enough for what was sent before the stop to have arrived, however busy the machine is: that is what it is for.
  const leaving = await startProduct({ ...world.env, DRAIN_DELAY_MS: '1500' });
  // Password hashing keeps these in flight for a while.
  const logins = Array.from({ length: 12 }, () =>
    post('/api/login', { email: 'nobody@example.test', password: 'x' }, undefined, leaving.url).then(
      ({ status }) => status,
    ),
  );
  await new Promise((done) => setTimeout(done, 20));
  const code = leaving.stop();
  assert.equal(new Set(await Promise.all(logins)), new Set([401]));
  assert.is(await code, 0);
});

test('staging refuses to start without Redis, development does not', async () => {
  const { REDIS_URL: _, ...without } = world.env;
  const refused = await startProduct(without);
  assert.is(await refused.exited, 2);
  assert.match(refused.said(), 'REDIS_URL is required in staging and production');
  const local = await startProduct({ ...without, DRYDOCK_ENV: 'development', NODE_ENV: 'development' });
  assert.is((await fetch(`${local.url}/api/jobs`)).status, 200);
  assert.is(await local.stop(), 0);
});

test('staging refuses to start while Redis is down', async () => {
  const refused = await startProduct({ ...world.env, REDIS_URL: 'redis://app:pw@127.0.0.1:9' });
  assert.is(await refused.exited, 2);
});

test('a missing variable and a taken port are one sentence each', async () => {
  const { ADMIN_TOKEN: _, ...without } = world.env;
  const missing = await startProduct(without);
  assert.is(await missing.exited, 2);
  assert.match(missing.said(), 'ADMIN_TOKEN is not set');
  const port = new URL(product.url).port;
  await expectTaken(port);
});

async function expectTaken(port: string): Promise<void> {
  const { stderr, code } = await promisify(execFile)(
    process.execPath,
    [join(import.meta.dirname, '../src/server.ts')],
    { env: { PATH: process.env.PATH, ...world.env, PORT: port } },
  ).then(
    () => ({ stderr: '', code: 0 }),
    (error: { stderr: string; code: number }) => error,
  );
  assert.is(code, 2);
  assert.match(stderr, `Port ${port} is taken`);
}

test('pages refuse a form that another site sent', async () => {
  const form = (origin: string) =>
    fetch(`${product.url}/login`, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin },
      body: 'email=a&password=b',
    });
  assert.is((await form('https://evil.example')).status, 403);
  assert.is((await form(product.url)).status, 422);
});

test.run();
