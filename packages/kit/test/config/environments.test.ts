// Uses no service: config files in temporary folders.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { environmentNamed, promotionTo } from '../../src/config/environments.ts';
import { loadConfig } from '../../src/config/load.ts';
import { loadEnvironment } from '../../src/env/environment.ts';
import { checkParity } from '../../src/env/parity.ts';
import type { OpsError } from '../../src/errors.ts';
import { refuseUnconfirmed } from '../../src/task/guard.ts';
import { hintOf } from '../../src/testing/index.ts';
import { writeEnv } from '../product.ts';

const test = suite('environments');

/** A config of nothing but these. */
function product(environments?: object, rest: object = {}): string {
  const root = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-product-'));
  const config = { product: 'shop', ...(environments ? { environments } : {}), ...rest };
  writeFileSync(join(root, 'drydock.config.ts'), `export default ${JSON.stringify(config)};\n`);
  return root;
}
const load = (environments?: object, rest?: object) => loadConfig(undefined, product(environments, rest));
const refusal = (work: () => unknown): OpsError => {
  try {
    work();
  } catch (error) {
    return error as OpsError;
  }
  throw new Error('was accepted');
};
const invalid = (environments: object, rest?: object): Promise<string> =>
  load(environments, rest).then(
    () => 'was accepted',
    (error) => (error as OpsError).message,
  );

test("a config that names none has the runbook's three, as its table has them", async () => {
  const config = await load();
  assert.equal(Object.keys(config.environments), ['development', 'staging', 'production']);
  const { development, staging, production } = config.environments;
  assert.equal([development?.guard, staging?.guard, production?.guard], ['none', 'none', 'confirm']);
  assert.equal([development?.after, staging?.after, production?.after], [null, null, 'staging']);
  assert.equal(staging?.parity, {
    ...{ nodeEnv: 'production', schema: 'deploy', features: 'subset', redis: 'required' },
    ...{ sentry: 'required', sentrySampleRateMax: 0.1 },
  });
});

test('a config from before loads as before, in whatever order it names the three', async () => {
  const parity = { nodeEnv: 'production', schema: 'deploy', features: 'all', sentry: 'optional', redis: 'optional' };
  const plain = { guard: 'none', parity };
  const config = await load({ production: plain, development: plain, staging: plain });
  assert.equal(Object.keys(config.environments), ['development', 'staging', 'production']);
  assert.equal(config.environments.staging?.parity, parity, 'no rate where it had none');
  assert.is(config.environments.production?.guard, 'none');
  assert.equal(promotionTo(config, 'production'), ['staging', 'production']);
  assert.equal(promotionTo(config, 'staging'), ['staging']);
});

test('a team has the environments that it names: order, guard, parity and what goes before what come with each', async () => {
  const config = await load({
    development: {},
    qa: { serves: 'validation' },
    staging: { guard: 'confirm' },
    'production-eu': {},
    'production-us': { after: 'staging', parity: { redis: 'optional' } },
  });
  assert.is(environmentNamed(config, undefined), 'development');
  assert.equal(promotionTo(config, 'qa'), ['qa']);
  assert.equal(promotionTo(config, 'production-eu'), ['qa', 'staging', 'production-eu']);
  assert.equal(promotionTo(config, 'production-us'), ['qa', 'staging', 'production-us']);
  assert.is(config.environments['production-eu']?.serves, 'customers', 'the careful one, until it says otherwise');
  const guard = refusal(() =>
    refuseUnconfirmed({
      ...{ task: 'release', config, environments: promotionTo(config, 'production-eu'), destructive: false },
      ...{ common: { yes: true, confirm: ['production-eu'], reason: 'r' }, interactive: false },
    }),
  );
  assert.match(hintOf(guard), '--confirm staging --confirm production-eu');
  assert.equal(config.environments['production-us']?.parity.redis, 'optional');
  assert.equal(config.environments['production-us']?.parity.features, 'minimal');
});

test('its dotenv-flow files and its row of the parity table go by its name', async () => {
  const root = product({ dev: { serves: 'developers' }, qa: { serves: 'validation' } });
  writeEnv(root, '.env.qa', { NODE_ENV: 'development', WHERE: 'qa' });
  writeEnv(root, '.env.dev', { WHERE: 'dev' });
  const config = await loadConfig(undefined, root);
  const qa = loadEnvironment(config, 'qa', {});
  assert.is(qa.get('WHERE'), 'qa');
  assert.is(qa.forChild('product').DRYDOCK_ENV, 'qa');
  assert.is(loadEnvironment(config, environmentNamed(config, undefined), {}).get('WHERE'), 'dev');
  const row = checkParity(config, qa).find(({ concern }) => concern === 'NODE_ENV');
  assert.equal([row?.expected, row?.actual, row?.ok], ['production', 'development', false]);
  assert.is(refusal(() => loadEnvironment(config, 'staging', {})).code, 'ENVIRONMENT_UNKNOWN');
});

test('what people write for an environment is understood where only one can be meant', async () => {
  const three = await load();
  for (const [typed, meant] of [
    ['prod', 'production'],
    ['dev', 'development'],
    ['stage', 'staging'],
    ['stag', 'staging'],
    ['production', 'production'],
  ] as const)
    assert.is(environmentNamed(three, typed), meant);
  const two = await load({ qa: { serves: 'validation' }, production: {}, 'production-eu': {} });
  assert.is(environmentNamed(two, 'production'), 'production');
  assert.match(refusal(() => environmentNamed(two, 'prod')).message, 'Which do you mean: production or production-eu?');
  const moon = refusal(() => environmentNamed(three, 'moon'));
  assert.is(moon.exit, 2);
  assert.is(moon.message, '--env must be one of development, staging, production, not "moon".');
  assert.match(refusal(() => environmentNamed(three, 'stagging')).message, 'Did you mean staging?');
  assert.is(refusal(() => environmentNamed(two, 'staging')).code, 'USAGE');
});

test('what names an environment that is none is refused by its path', async () => {
  const variables = { A_KEY: { example: 'x', about: 'y', required: ['prod'] } };
  const rest = { variables, database: { backupBeforeDeploy: ['moon'] }, escrow: { key: { moon: { kind: 'env' } } } };
  const message = await invalid(
    { qa: {}, production: {} },
    { ...rest, health: { gate: { release: { forSeconds: 1, environments: ['x'] } } } },
  );
  for (const path of [
    'variables.A_KEY.required.0: "prod" is no environment of this config (qa, production)',
    'database.backupBeforeDeploy.0: "moon" is no environment',
    'escrow.key.moon: "moon" is no environment',
    'health.gate.release.environments.0: "x" is no environment',
  ])
    assert.ok(message.includes(path), `${path} is in ${message}`);
});

test('names that cannot be, an order that goes in circles and a config without any are refused', async () => {
  assert.match(await invalid({ Production: {} }), 'environments.Production: must be lower-case letters');
  assert.match(await invalid({ local: {} }), 'not "local"');
  assert.match(await invalid({}), 'environments: must name one environment at least');
  assert.match(
    await invalid({ qa: { after: 'live' }, live: {} }),
    'environments.qa.after: "live" is no environment before it',
  );
  assert.match(
    await invalid({ qa: { gaurd: 'none' } }),
    'environments.qa.gaurd is not a known key (did you mean guard?)',
  );
});

test.run();
