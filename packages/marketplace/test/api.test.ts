// Uses PostgreSQL, Redis and anvil; the product runs as processes of its own.
import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createRemoteJWKSet, jwtVerify, SignJWT } from 'jose';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { acceptedJob, person, post, wallet } from './people.ts';
import { keyOf, metric, startProduct, startWorld } from './world.ts';

const test = suite('marketplace API');
const FLOW = join(import.meta.dirname, '../../../e2e/flow.ts');
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

test('the full flow runs through the API, with money and certificate on the chain', async () => {
  const env = { ...process.env, ...world.env, BASE_URL: product.url };
  const { stdout } = await promisify(execFile)(process.execPath, [FLOW], { env });
  assert.match(stdout, 'mint the certificate');
});

test('bad input is a sentence that names the field', async () => {
  const answer = await post(product.url, '/api/register', {
    email: 'no',
    password: 'short',
    wallet: '0x52908400098527886E0F7030069857D2E4169ee7',
  });
  assert.is(answer.status, 400);
  const { error } = (await answer.json()) as { error: { message: string } };
  for (const part of [
    'email must be an e-mail address',
    'password must have at least 10',
    'displayName is missing',
    'wallet must be a wallet address with a right checksum',
  ])
    assert.match(error.message, part);
});

test('of two that register the same address at once one gets in', async () => {
  const one = { email: 'twin@example.test', password: 'a good password', displayName: 'Twin' };
  const answers = await Promise.all(
    Array.from({ length: 4 }, () => post(product.url, '/api/register', { ...one, wallet: wallet() })),
  );
  assert.equal(answers.map(({ status }) => status).sort(), [201, 409, 409, 409]);
});

test('tokens of two keys are accepted while keys rotate, and one of an unknown key is not', async () => {
  const { accessToken } = await person(product.url);
  const me = (url: string, token: string) =>
    fetch(`${url}/api/me`, { headers: { authorization: `Bearer ${token}` } }).then(({ status }) => status);
  const [rotating, rotated] = await Promise.all([
    startProduct({ ...world.env, JWT_ACCESS_KEYS: `k2:${keyOf('c')},k1:${keyOf('a')}` }),
    startProduct({ ...world.env, JWT_ACCESS_KEYS: `k2:${keyOf('c')}` }),
  ]);
  try {
    assert.is(await me(rotating.url, accessToken), 200, 'the old key still verifies');
    const { accessToken: newer } = await person(rotating.url);
    assert.is(await me(rotated.url, newer), 200, 'the first key signs');
    assert.is(await me(rotated.url, accessToken), 401, 'the old key is gone');
    assert.is(await me(rotating.url, `${newer.slice(0, -4)}AAAA`), 401, 'a forged signature');
    const signed = (header: { alg: string; kid?: string }) =>
      new SignJWT({ kind: 'access' })
        .setProtectedHeader(header)
        .setSubject('anybody')
        .setExpirationTime('1m')
        .sign(Buffer.from(keyOf('c'), 'base64url'));
    assert.is(await me(rotating.url, await signed({ alg: 'HS256', kid: 'k9' })), 401, 'the right key, an unknown kid');
    assert.is(await me(rotating.url, await signed({ alg: 'HS256' })), 401, 'the right key, no kid');
  } finally {
    await Promise.all([rotating.stop(), rotated.stop()]);
  }
});

test('a refresh token gives new tokens, and is no access token', async () => {
  const { refreshToken } = await person(product.url);
  const answer = await post(product.url, '/api/refresh', { refreshToken });
  assert.is(answer.status, 200);
  assert.is((await post(product.url, '/api/jobs', {}, refreshToken)).status, 401);
});

test('public keys are published for a while, also in maintenance, and their tokens counted by each instance', async () => {
  const { privateKey } = generateKeyPairSync('ed25519');
  const key = privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64url');
  const ring = `k2:private.${key},${world.env.JWT_ACCESS_KEYS}`;
  const [one, two] = await Promise.all(
    ['300', '60'].map((age) => startProduct({ ...world.env, JWT_ACCESS_KEYS: ring, JWKS_MAX_AGE: age })),
  );
  const count = async (url: string, kid: string) => metric(url, `tokens_verified_total{kind="access",kid="${kid}"}`);
  try {
    const { accessToken } = await person(one?.url ?? '');
    const { payload } = await jwtVerify(accessToken, createRemoteJWKSet(new URL('/.well-known/jwks.json', two?.url)));
    assert.is(payload.kind, 'access');
    const published = await fetch(`${one?.url}/.well-known/jwks.json`);
    assert.is(published.headers.get('cache-control'), 'public, max-age=300');
    assert.match(published.headers.get('content-type') ?? '', 'application/json');
    const { keys } = (await published.json()) as { keys: { kid: string }[] };
    assert.equal(
      keys.map(({ kid }) => kid),
      ['k2'],
    );
    assert.equal(await (await fetch(`${product.url}/.well-known/jwks.json`)).json(), { keys: [] });
    assert.is((await post(two?.url ?? '', '/api/jobs', {}, accessToken)).status, 400, 'taken, and the job is none');
    assert.equal([await count(two?.url ?? '', 'k2'), await count(two?.url ?? '', 'k1')], [1, 0]);
    assert.is(await count(one?.url ?? '', 'k2'), 0);
  } finally {
    await Promise.all([one?.stop(), two?.stop()]);
  }
});

test('a token of nobody tells that its signature was right, and gives no tokens', async () => {
  const of = (kind: string, letter: string) =>
    new SignJWT({ kind })
      .setProtectedHeader({ alg: 'HS256', kid: kind === 'access' ? 'k1' : 'r1' })
      .setSubject('nobody')
      .setExpirationTime('1m')
      .sign(Buffer.from(keyOf(letter), 'base64url'));
  const codes = async (access: string, refresh: string) => {
    const headers = { authorization: `Bearer ${await of('access', access)}` };
    const answers = await Promise.all([
      fetch(`${product.url}/api/me`, { headers }),
      post(product.url, '/api/refresh', { refreshToken: await of('refresh', refresh) }),
    ]);
    for (const { status } of answers) assert.is(status, 401);
    const bodies = await Promise.all(answers.map((answer) => answer.json() as Promise<{ error: { code: string } }>));
    return bodies.map(({ error }) => error.code);
  };
  assert.equal(await codes('a', 'b'), ['ACCOUNT_GONE', 'ACCOUNT_GONE']);
  assert.equal(await codes('x', 'x'), ['UNAUTHENTICATED', 'UNAUTHENTICATED']);
});

test('the jobs list is cached for all instances until a job changes', async () => {
  const second = await startProduct(world.env);
  try {
    const list = async (url: string) => ((await (await fetch(`${url}/api/jobs`)).json()) as { total: number }).total;
    const before = await list(product.url);
    const misses = await metric(product.url, 'cache_misses_total');
    const hits = await metric(product.url, 'cache_hits_total');
    await list(product.url);
    await list(second.url);
    assert.is(await metric(product.url, 'cache_hits_total'), hits + 1);
    assert.is(await metric(product.url, 'cache_misses_total'), misses);
    assert.is(await metric(second.url, 'cache_hits_total'), 1);
    await acceptedJob(second.url);
    assert.is(await list(product.url), before + 1);
    assert.is(await metric(product.url, 'cache_misses_total'), misses + 1);
  } finally {
    await second.stop();
  }
});

test('strangers and late comers are turned away', async () => {
  const { id, client, freelancer } = await acceptedJob(product.url);
  const stranger = (await person(product.url)).accessToken;
  const ask = async (path: string, token: string, body: object = {}) =>
    (await post(product.url, `/api/jobs/${id}/${path}`, body, token)).status;
  assert.is(await ask('applications', stranger, { coverLetter: 'Me, too.' }), 409, 'the job is taken');
  assert.is(await ask('escrow', freelancer), 403);
  assert.is(await ask('milestones/0/release', client), 409, 'nothing is funded');
  assert.is(await ask('reviews', stranger, { rating: 5, comment: 'Fine.' }), 403);
  assert.is(await ask('reviews', client, { rating: 5, comment: 'Fine.' }), 409, 'nothing is finished');
});

test('a feature that is switched off is not there', async () => {
  const { id, client } = await acceptedJob(product.url);
  const plain = await startProduct({ ...world.env, FEATURE_FLAGS: '' });
  try {
    for (const path of ['reviews', 'certificate']) {
      const input = { rating: 5, comment: 'Fine.' };
      assert.is((await post(plain.url, `/api/jobs/${id}/${path}`, input, client)).status, 404, path);
      assert.is((await post(product.url, `/api/jobs/${id}/${path}`, input, client)).status, 409, path);
    }
  } finally {
    await plain.stop();
  }
});

test('too many requests are answered 429 and counted', async () => {
  const strict = await startProduct({ ...world.env, RATE_LIMIT_PER_MINUTE: '5' });
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

test.run();
