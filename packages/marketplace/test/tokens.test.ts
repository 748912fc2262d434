// Uses no service: keys of tokens, and what is taken with them.
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify, SignJWT } from 'jose';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readRing } from '../src/auth/ring.ts';
import { createTokens } from '../src/auth/tokens.ts';
import { createMetrics } from '../src/metrics.ts';

const test = suite('tokens');

const secret = () => randomBytes(32).toString('base64url');
const pair = (type: 'ed25519' | 'ec') =>
  type === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' });
const privateOf = ({ privateKey }: { privateKey: KeyObject }) =>
  `private.${privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64url')}`;
const publicOf = ({ publicKey }: { publicKey: KeyObject }) =>
  `public.${publicKey.export({ format: 'der', type: 'spki' }).toString('base64url')}`;

function tokensOf(access: string, more: { refresh?: string; lifetime?: string } = {}) {
  const metrics = createMetrics();
  const config = {
    JWT_ACCESS_KEYS: readRing(access),
    JWT_REFRESH_KEYS: readRing(more.refresh ?? `r1:${secret()}`),
    ACCESS_TOKEN_LIFETIME: more.lifetime ?? '15m',
    REFRESH_TOKEN_LIFETIME: '14d',
  };
  return { ...createTokens(config, metrics), metrics };
}
const codeOf = (asked: Promise<unknown>) =>
  asked.then(
    () => 'taken',
    (error: { status?: number; code: string }) => `${error.status} ${error.code}`,
  );
const access = async (tokens: ReturnType<typeof tokensOf>) => (await tokens.issue('ada')).accessToken;

test('the first key signs and all verify: HS256 of before beside EdDSA and ES256', async () => {
  const [hs, ed, ec] = [`hs:${secret()}`, pair('ed25519'), pair('ec')] as const;
  const before = tokensOf(hs);
  const staged = tokensOf(`${hs},ed:${publicOf(ed)}`);
  const promoted = tokensOf(`ed:${privateOf(ed)},${hs},ec:${publicOf(ec)}`);
  const after = tokensOf(`ec:${privateOf(ec)},ed:${publicOf(ed)}`);
  const [old, standby, new1, new2] = await Promise.all([before, staged, promoted, after].map(access));
  assert.equal(
    [old, standby, new1, new2].map((token) => decodeProtectedHeader(token ?? '')),
    [
      { alg: 'HS256', kid: 'hs' },
      { alg: 'HS256', kid: 'hs' },
      { alg: 'EdDSA', kid: 'ed' },
      { alg: 'ES256', kid: 'ec' },
    ],
  );
  assert.is(await staged.verify('access', new1 ?? ''), 'ada', 'verified before it signs');
  assert.is(await promoted.verify('access', old ?? ''), 'ada');
  assert.is(await promoted.verify('access', new2 ?? ''), 'ada');
  assert.is(await after.verify('access', new1 ?? ''), 'ada');
  assert.is(await codeOf(after.verify('access', old ?? '')), '401 UNAUTHENTICATED');
  assert.is(await codeOf(before.verify('access', new1 ?? '')), '401 UNAUTHENTICATED');
});

test('no token is taken by what it says of itself', async () => {
  const [mine, other] = [pair('ed25519'), pair('ed25519')];
  const hs = secret();
  const tokens = tokensOf(`ed:${privateOf(mine)},other:${publicOf(other)},hs:${hs}`);
  const forge = (
    header: { alg: string; kid?: string },
    key: KeyObject | Uint8Array,
    claims: object = { kind: 'access' },
  ) => new SignJWT({ ...claims }).setProtectedHeader(header).setSubject('ada').setExpirationTime('1m').sign(key);
  const asked = async (token: string | Promise<string>) => codeOf(tokens.verify('access', await token));
  const spki = mine.publicKey.export({ format: 'der', type: 'spki' });
  const no = '401 UNAUTHENTICATED';
  assert.is(await asked(forge({ alg: 'EdDSA', kid: 'ed' }, mine.privateKey)), 'taken');
  assert.is(await asked(forge({ alg: 'EdDSA', kid: 'ed' }, other.privateKey)), no, 'of another key of the ring');
  assert.is(await asked(forge({ alg: 'EdDSA', kid: 'none' }, mine.privateKey)), no, 'an unknown kid');
  assert.is(await asked(forge({ alg: 'EdDSA' }, mine.privateKey)), '401 TOKEN_WITHOUT_KID');
  for (const key of [spki, spki.subarray(-32), Buffer.from(mine.publicKey.export({ format: 'pem', type: 'spki' }))])
    assert.is(await asked(forge({ alg: 'HS256', kid: 'ed' }, key)), no, 'the public key as a secret of HS256');
  assert.is(await asked(forge({ alg: 'EdDSA', kid: 'hs' }, mine.privateKey)), no, 'EdDSA by the name of a secret');
  assert.is(await asked(forge({ alg: 'HS384', kid: 'hs' }, Buffer.alloc(48, hs))), no);
  assert.is(await asked(forge({ alg: 'EdDSA', kid: 'ed' }, mine.privateKey, { kind: 'refresh' })), no, 'another kind');
  const none = [
    { alg: 'none', kid: 'ed' },
    { sub: 'ada', kind: 'access', exp: 9_999_999_999 },
  ]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  assert.is(await asked(`${none}.`), no);
  const endless = await new SignJWT({ kind: 'access' })
    .setProtectedHeader({ alg: 'EdDSA', kid: 'ed' })
    .setSubject('ada')
    .sign(mine.privateKey);
  assert.is(await asked(endless), no, 'without an end it would outlive its key');
  for (const rubbish of ['', 'x', 'a.b.c', '..']) assert.is(await asked(rubbish), no);
});

test('what is published are the public keys of access tokens, and anybody can verify with them', async () => {
  const [ed, ec, refresh] = [pair('ed25519'), pair('ec'), pair('ed25519')];
  const tokens = tokensOf(`ed:${privateOf(ed)},ec:${publicOf(ec)},hs:${secret()}`, {
    refresh: `r:${privateOf(refresh)}`,
  });
  const published = tokens.publicKeys();
  assert.equal(
    published.keys.map(({ kid, alg, use, kty }) => ({ kid, alg, use, kty })),
    [
      { kid: 'ed', alg: 'EdDSA', use: 'sig', kty: 'OKP' },
      { kid: 'ec', alg: 'ES256', use: 'sig', kty: 'EC' },
    ],
  );
  for (const key of published.keys) for (const part of ['d', 'k', 'p', 'q']) assert.not(part in key);
  const { payload } = await jwtVerify(await access(tokens), createLocalJWKSet(published as never));
  assert.is(payload.sub, 'ada');
  assert.equal(tokensOf(`hs:${secret()}`).publicKeys(), { keys: [] });
});

test('each token that is taken counts for its key, and a key of which none came stands at zero', async () => {
  const [hs, ed] = [`hs:${secret()}`, pair('ed25519')];
  const before = tokensOf(hs);
  const tokens = tokensOf(`ed:${privateOf(ed)},${hs}`);
  const began = Date.now() / 1_000;
  for (let i = 0; i < 3; i++) await tokens.verify('access', await access(tokens));
  await codeOf(tokens.verify('access', `${await access(before)}x`));
  const page = await tokens.metrics.registry.metrics();
  assert.match(page, /^tokens_verified_total\{kind="access",kid="ed"\} 3$/m);
  assert.match(page, /^tokens_verified_total\{kind="access",kid="hs"\} 0$/m, 'what was refused does not count');
  assert.match(page, /^token_last_verified_timestamp_seconds\{kind="access",kid="hs"\} 0$/m);
  const [, last] = /^token_last_verified_timestamp_seconds\{kind="access",kid="ed"\} (\S+)$/m.exec(page) ?? [];
  assert.ok(Number(last) >= began - 1 && Number(last) <= Date.now() / 1_000 + 1);
});

test('a token lives as long as it is said', async () => {
  const tokens = tokensOf(`hs:${secret()}`, { lifetime: '1s' });
  const token = await access(tokens);
  assert.is(await tokens.verify('access', token), 'ada');
  await new Promise((done) => setTimeout(done, 2_100));
  assert.is(await codeOf(tokens.verify('access', token)), '401 UNAUTHENTICATED');
});

test('a ring that is none is refused in a sentence that shows no key', () => {
  const [ed, key] = [pair('ed25519'), secret()];
  const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const garbage = Buffer.from(key).toString('base64url');
  const cases: [string, RegExp][] = [
    ['', /must be kid:/],
    [key, /must be kid:/],
    [`k1:${key},`, /must be kid:/],
    [`k1:${key.slice(0, 40)}`, /at least 32 bytes/],
    [`k1:${key},k1:${secret()}`, /two keys that are called k1/],
    [`k1:${publicOf(ed)},k2:${key}`, /the first one signs/],
    [`k1:private.${garbage}`, /no key in k1 that can be read/],
    [`k1:${privateOf(ed).replace('private', 'public')}`, /no key in k1 that can be read/],
    [`k1:${privateOf(rsa)}`, /must be Ed25519 or P-256/],
    [`k1:${privateOf(p384)}`, /must be Ed25519 or P-256/],
    [`k1:secret.${key}`, /must be kid:/],
  ];
  for (const [text, says] of cases) {
    try {
      readRing(text);
      assert.unreachable(String(says));
    } catch (error) {
      const { message } = error as Error;
      assert.match(message, says);
      for (const part of [key, garbage, privateOf(ed).slice(8)]) assert.not.match(message, part);
    }
  }
});

test('a ring is nothing that an env file, a shell or an address cuts', () => {
  const ring = `ed:${privateOf(pair('ed25519'))},ec:${publicOf(pair('ec'))},hs:${secret()}`;
  assert.match(ring, /^[\w.,:-]+$/);
  assert.is(
    createPublicKey(createPrivateKey(readRing(ring)[0].signs?.export({ format: 'pem', type: 'pkcs8' }) ?? '')).type,
    'public',
  );
});

test.run();
