// Uses no service: dotenv files in temporary folders.

import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../src/config/load.ts';
import { loadEnvironment } from '../../src/env/environment.ts';
import { checkParity } from '../../src/env/parity.ts';
import type { OpsError } from '../../src/errors.ts';
import { redact } from '../../src/redact.ts';
import { hintOf } from '../../src/testing/index.ts';
import { makeProduct, writeEnv } from '../product.ts';

const test = suite('environment');

function refusal(work: () => unknown): OpsError {
  try {
    work();
  } catch (error) {
    return error as OpsError;
  }
  throw new Error('was accepted');
}

test('files are picked by the deployment environment, local ones win, the shell wins over all', async () => {
  const root = makeProduct({ API_KEY: 'from-staging', OTHER: 'x' });
  writeEnv(root, '.env', { API_KEY: 'from-base', BASE: 'y' });
  writeEnv(root, '.env.staging.local', { API_KEY: 'from-local' });
  const config = await loadConfig(undefined, root);
  const environment = loadEnvironment(config, 'staging', { NODE_ENV: 'production' });
  assert.is(environment.get('API_KEY'), 'from-local');
  assert.is(environment.get('OTHER'), 'x');
  assert.is(environment.get('BASE'), 'y');
  assert.equal(environment.sourceOf('API_KEY'), { kind: 'file', file: join(root, '.env.staging.local'), line: 1 });
  const shelled = loadEnvironment(config, 'staging', { API_KEY: 'from-shell' });
  assert.is(shelled.get('API_KEY'), 'from-shell');
  assert.equal(shelled.sourceOf('API_KEY'), { kind: 'shell' });
  assert.is(shelled.forChild('product').DRYDOCK_ENV, 'staging');
  assert.is(loadEnvironment(config, 'staging', { UNDECLARED: 'z' }).get('UNDECLARED'), 'z');
});

test('a missing variable names itself, the files looked in, and an example', async () => {
  const environment = loadEnvironment(await loadConfig(undefined, makeProduct()), 'staging', {});
  const error = refusal(() => environment.require('API_KEY'));
  assert.is(error.exit, 2);
  assert.is(
    error.message,
    'API_KEY is not set for staging (a key); looked in the shell and in .env, .env.local, .env.staging, .env.staging.local.',
  );
  assert.match(hintOf(error), "API_KEY='k_…' in .env.staging.local");
});

test('one that is empty in the shell, as a secret that nobody set is for a runner, says what it hides', async () => {
  const config = await loadConfig(undefined, makeProduct({ API_KEY: 'of-the-file' }));
  const error = refusal(() => loadEnvironment(config, 'staging', { API_KEY: '' }).require('API_KEY'));
  assert.match(
    error.message,
    /API_KEY is not set .*; in the shell it is empty, which hides the value of \.env\.staging:\d+\.$/,
  );
  const nowhere = refusal(() => loadEnvironment(config, 'staging', { OTHER: '' }).require('OTHER'));
  assert.match(nowhere.message, 'in the shell it is empty, and it is not in .env, ');
});

test('a malformed variable names the file it comes from, and is not shown', async () => {
  const config = await loadConfig(undefined, makeProduct({ OPS_DATABASE_URL: 'root:hunter22@host/db' }));
  const error = refusal(() => loadEnvironment(config, 'staging', {}).require('OPS_DATABASE_URL'));
  assert.is(error.exit, 2);
  assert.match(
    error.message,
    /OPS_DATABASE_URL of staging must be a postgresql:\/\/ URL; the value comes from .*\.env\.staging/,
  );
  assert.not.match(error.message, 'hunter22');
});

test('secrets and passwords in URLs are masked from the moment they are loaded', async () => {
  const root = makeProduct({
    API_KEY: 'very-secret-key',
    OPS_DATABASE_URL: 'postgresql://owner:url%2Fpassword@host/db',
  });
  loadEnvironment(await loadConfig(undefined, root), 'staging', {});
  assert.is(redact('key very-secret-key, password url/password'), 'key ***, password ***');
});

test('of a secret that is a list, each is masked by itself', async () => {
  const root = makeProduct(
    { GATE_TOKEN: 'the-new-gate, the-old-gate' },
    { variables: { GATE_TOKEN: { kind: 'list', secret: true, example: 't', about: 'opens the gate' } } },
  );
  loadEnvironment(await loadConfig(undefined, root), 'staging', {});
  assert.is(redact('the-old-gate and the-new-gate'), '*** and ***');
});

test("a value of the shell that is another environment's is refused (exit 4), however it is written", async () => {
  const live = 'postgresql://owner:pw-of-live@db.live:5432/shop';
  const root = makeProduct({ OPS_DATABASE_URL: 'postgresql://owner:pw@db.staging/shop', API_KEY: 'staging-key' });
  writeEnv(root, '.env.production.local', { OPS_DATABASE_URL: live, API_KEY: 'live-key', CACHE: 'redis://c.live/0' });
  const config = await loadConfig(undefined, root);
  for (const [name, value] of [
    ['OPS_DATABASE_URL', live],
    ['OPS_DATABASE_URL', 'postgres://postgres:other@db.live/shop?sslmode=require'],
    ['API_KEY', 'live-key'],
    ['CACHE', 'redis://app:pw@c.live:6379/0'],
  ] as const) {
    const error = refusal(() => loadEnvironment(config, 'staging', { [name]: value }));
    assert.is(error.code, 'VARIABLE_OF_ANOTHER_ENVIRONMENT');
    assert.is(error.exit, 4);
    assert.match(error.message, `${name} in the shell is production's value`);
    assert.not.match(`${error.message} ${hintOf(error)}`, /live-key|pw-of-live/);
    assert.is(loadEnvironment(config, 'production', { [name]: value }).name, 'production');
  }
});

test('a value of the shell that no other environment has, or that is one and the same, is taken', async () => {
  const root = makeProduct({ OPS_DATABASE_URL: 'postgresql://owner:pw@db.staging/shop' });
  writeEnv(root, '.env', { API_KEY: 'shared-key' });
  writeEnv(root, '.env.production', { OPS_DATABASE_URL: 'postgresql://owner:pw@db.live/shop', NODE_ENV: 'production' });
  const config = await loadConfig(undefined, root);
  for (const shell of [
    { OPS_DATABASE_URL: 'postgresql://owner:pw@localhost/tunnel' },
    { API_KEY: 'shared-key' },
    { NODE_ENV: 'production' },
  ])
    loadEnvironment(config, 'staging', shell);
});

test("a process of the product gets no value that is the operator's; an operator's gets all", async () => {
  const operators = {
    OPS_DATABASE_URL: 'postgresql://owner:pw@db.staging/shop',
    READ_DATABASE_URL: 'postgresql://reader:pw@db.staging/shop',
    BACKUP_IDENTITY: 'AGE-SECRET-KEY-1',
    BACKUP_SIGNING_KEY: 'sign',
    ESCROW_KEYSTORE_PASSWORD: 'opens',
    DEPLOY_TOKEN: 'declared',
  };
  const root = makeProduct(
    { ...operators, DATABASE_URL: 'postgresql://app:pw@db.staging/shop', UNDECLARED: 'x' },
    { variables: { DEPLOY_TOKEN: { for: 'operator', example: 't', about: 'a token' } } },
  );
  const environment = loadEnvironment(await loadConfig(undefined, root), 'staging', { FROM_SHELL: 'y' });
  const [product, operator] = [environment.forChild('product'), environment.forChild('operator')];
  for (const name of Object.keys(operators)) {
    assert.is(product[name], undefined, name);
    assert.is(operator[name], operators[name as keyof typeof operators]);
  }
  assert.equal([product.UNDECLARED, product.FROM_SHELL, product.DRYDOCK_ENV], ['x', 'y', 'staging']);
  assert.match(product.DATABASE_URL ?? '', 'app');
});

test("what opens something and is only in the operator's shell does not reach the product, until it is declared", async () => {
  const shell = {
    GITHUB_TOKEN: 't',
    AWS_SECRET_ACCESS_KEY: 'a',
    PGPASSWORD: 'p',
    STRIPE_KEY: 's',
    MONKEY: 'm',
    API_KEY: 'k',
  };
  const root = makeProduct({ SESSION_SECRET: 'of a file' });
  const environment = loadEnvironment(await loadConfig(undefined, root), 'staging', shell);
  assert.equal(environment.undeclared, ['GITHUB_TOKEN', 'AWS_SECRET_ACCESS_KEY', 'PGPASSWORD', 'STRIPE_KEY']);
  const product = environment.forChild('product');
  for (const name of environment.undeclared) assert.is(product[name], undefined, name);
  assert.equal([product.MONKEY, product.API_KEY, product.SESSION_SECRET], ['m', 'k', 'of a file']);
  const declared = makeProduct({}, { variables: { STRIPE_KEY: { secret: true, example: 's', about: 'a key' } } });
  const again = loadEnvironment(await loadConfig(undefined, declared), 'staging', shell);
  assert.is(again.forChild('product').STRIPE_KEY, 's');
});

test('a build gets what says that it is for one, and what it needs of the machine', async () => {
  const root = makeProduct(
    {
      OPS_DATABASE_URL: 'postgresql://owner:pw@h/d',
      DATABASE_URL: 'postgresql://app:pw@h/d',
      SITE: 'https://s',
      HOME: '/x',
    },
    {
      variables: {
        SITE: { for: 'build', example: 'u', about: 'an address' },
        NPM_TOKEN: { for: 'build', secret: true, example: 't', about: 'reads packages' },
      },
    },
  );
  const shell = {
    ...{ PATH: '/bin', HTTPS_PROXY: 'http://proxy', npm_config_registry: 'http://r', LC_ALL: 'C' },
    ...{ NPM_TOKEN: 't', npm_config__authToken: 'x', GITHUB_TOKEN: 't', WHATEVER: 'y' },
    npm_config_local_prefix: '/checkout',
  };
  const build = loadEnvironment(await loadConfig(undefined, root), 'staging', shell).forChild('build');
  const names = ['HOME', 'HTTPS_PROXY', 'LC_ALL', 'NPM_TOKEN', 'PATH', 'SITE', 'npm_config_registry'];
  assert.equal(Object.keys(build).sort(), names);
});

test('where the product and the operator share one database URL, the product gets it', async () => {
  const root = makeProduct({ DATABASE_URL: 'postgresql://app:pw@h/d' }, { database: { url: 'DATABASE_URL' } });
  const environment = loadEnvironment(await loadConfig(undefined, root), 'staging', {});
  assert.match(environment.forChild('product').DATABASE_URL ?? '', 'app');
});

const rowsOf = async (env: Record<string, string>, name: 'staging' | 'production' = 'staging') => {
  const root = makeProduct(env);
  writeEnv(root, '.env.production', env);
  const config = await loadConfig(undefined, root);
  return Object.fromEntries(checkParity(config, loadEnvironment(config, name, {})).map((row) => [row.concern, row]));
};

test('the parity table passes on what the runbook wants', async () => {
  const rows = await rowsOf({ NODE_ENV: 'production', FEATURE_FLAGS: 'a' });
  assert.equal(
    Object.values(rows).map(({ ok }) => ok),
    [true, true, true, true, true],
  );
});

test('each concern of the parity table is found when it does not match', async () => {
  const rows = await rowsOf({ NODE_ENV: 'development', FEATURE_FLAGS: 'a,b', SENTRY_DSN: 'nonsense' });
  assert.equal(Object.fromEntries(Object.entries(rows).map(([concern, { ok }]) => [concern, ok])), {
    NODE_ENV: false,
    'DB schema': false,
    'Feature flags': false,
    'Sentry DSN': false,
    Redis: true,
  });
  assert.is(
    (await rowsOf({ NODE_ENV: 'production', FEATURE_FLAGS: 'b' }, 'production'))['Feature flags']?.ok,
    false,
    'b is not minimal',
  );
  assert.is((await rowsOf({ NODE_ENV: 'production' }, 'production')).Redis?.ok, false, 'production needs Redis');
});

test.run();
