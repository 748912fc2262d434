// Uses no service.
import '../src/testing/alone.ts';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadConfig } from '../src/config/load.ts';
import { loadEnvironment } from '../src/env/environment.ts';
import { redact, redactData, registerSecret } from '../src/redact.ts';
import { looksLikeKey } from '../src/url-secrets.ts';
import { makeProduct } from './product.ts';

const test = suite('secrets in addresses');

const KEYS = [
  'APIKEY-0123456789',
  'k3y9Zq81LmPxW2',
  '9aa3d95b3bc440fa88ea12eaa4456161',
  'Ab3dE_fGh1J2k3Lm-No4PqRs5TuV6wXy',
  '6f1c2d3e-4b5a-4c6d-8e7f-9a0b1c2d3e4f',
  '0123456789abcdef0123456789abcdef01234567',
  'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJvcHMifQ.c2lnbmF0dXJlMTIz',
  'glpat-Xy7Zq81LmPxW2aB9cDeF',
  'qwmzxlkvbnrtpysdfghjklzxcvbn',
  'aBcDeFgHiJkLmNoPqRsTuV',
];
const WORDS = [
  ...['api', 'v2', 'metrics', 'staging', 'production', 'health', 'rpc', 'eth-mainnet', 'prometheus', 'index.html'],
  ...[
    'marketplace-staging-2',
    'my-internal-dashboard',
    'internationalization',
    'release-2024-01',
    'shop_production_db',
  ],
  ...[
    'kubernetes-pods-service-endpoints',
    'api.admin.health',
    'getBlockByNumber',
    '0x7099797051812dc3a010c7d01b50e0d17dc79c8b',
  ],
];

test('what looks like a key is told from words', () => {
  assert.equal(
    KEYS.filter((one) => !looksLikeKey(one)),
    [],
  );
  assert.equal(
    WORDS.filter((one) => looksLikeKey(one)),
    [],
  );
});

test('of an address without its user information none of its secrets is seen', async () => {
  const all = KEYS.map((key, at) => ({
    name: `RPC_${at}`,
    url: `https://oper${at}:pr0m-Pa55word-${at}@node${at}.example/v2/${key}?chain=1&apikey=short-${at}x#${at}`,
    key,
  }));
  const root = makeProduct(Object.fromEntries(all.map(({ name, url }) => [name, url])));
  loadEnvironment(await loadConfig(undefined, root), 'staging', {});
  for (const [at, { url, key }] of all.entries()) {
    const bare = url.replace(/\/\/.*@/, '//');
    assert.is(redact(`tried ${bare}`), `tried https://node${at}.example/v2/***?chain=1&apikey=***#${at}`);
    assert.not.match(redact(`request for ${url} failed`), key);
    assert.not.match(redact(`request for ${url} failed`), `oper${at}`);
    assert.match(redact(`request for ${url} failed`), `node${at}.example/v2/***`);
  }
  assert.is(redact('GET /v2/api?chain=1'), 'GET /v2/api?chain=1', 'words stay');
});

test('a password is masked as it is written, as a parser writes it, and decoded; so is the header made of it', async () => {
  const root = makeProduct({
    A_URL: 'http://op%40er:p^w%40 d|9@host.example/x',
    B_URLS: 'http://a.example/, http://u2:second-pw@b.example/',
  });
  loadEnvironment(await loadConfig(undefined, root), 'staging', {});
  for (const shape of ['p^w%40 d|9', 'p^w@ d|9', new URL('http://op%40er:p^w%40 d|9@host.example/x').password])
    assert.is(redact(`got ${shape} there`), 'got *** there', shape);
  assert.is(redact('http://op%40er:p^w%40 d|9@host.example/x'), 'http://***@host.example/x');
  assert.is(redact(`Basic ${Buffer.from('op@er:p^w@ d|9').toString('base64')}`), 'Basic ***');
  assert.is(redact('http://u2:second-pw@b.example/'), 'http://***@b.example/');
});

test('a percent sign that encodes nothing is no error', () => {
  registerSecret('http://u:100%sure@host.example/');
  assert.is(redact('100%sure'), '***');
});

test("a database's name is no key, its password is a secret", () => {
  registerSecret(
    'postgresql://app:dbpa55word@db.example/shop_01J8ZQ6K3F9M2X7N4B5V?password=other-pa55&sslmode=require',
  );
  assert.is(redact('restored into shop_01J8ZQ6K3F9M2X7N4B5V'), 'restored into shop_01J8ZQ6K3F9M2X7N4B5V');
  assert.is(redact('dbpa55word, other-pa55, require'), '***, ***, require');
});

test("a shell's own addresses lose their passwords alone: a commit in one is a version elsewhere", async () => {
  const sha = '89abcdef0123456789abcdef0123456789abcd99';
  const shell = { CI_COMMIT_URL: `https://ci:t0ken-of-ci@git.example/shop/commit/${sha}` };
  loadEnvironment(await loadConfig(undefined, makeProduct()), 'staging', shell);
  assert.is(redact(`version ${sha} by t0ken-of-ci`), `version ${sha} by ***`);
});

test('an address that the config names by its variable is masked from the shell as well', async () => {
  const shell = { PROMETHEUS_URL: 'http://prom.example/tenant/Zx81LmPxW2aB9cDe/' };
  loadEnvironment(await loadConfig(undefined, makeProduct()), 'staging', shell);
  assert.is(redact('at http://prom.example/tenant/Zx81LmPxW2aB9cDe/'), 'at http://prom.example/tenant/***/');
});

test('data is masked in its texts; keys, numbers and what is nested stay', () => {
  registerSecret('123456-secret');
  const data = { '123456-secret': ['123456-secret', { n: 123456, none: null, text: 'a 123456-secret b' }] };
  assert.equal(redactData(data), { '123456-secret': ['***', { n: 123456, none: null, text: 'a *** b' }] });
});

test.run();
