// Uses no service but an HTTP server of its own on loopback.
import { loadConfig, loadEnvironment, type OpsError, type Step, type TaskContext } from '@drydock/kit';
import { hintOf, makeStrangeProduct, runStepsForTest } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { QUICK_GATE, type StrangeServer, startStrangeServer } from '../../health/test/product.ts';
import { STEADY } from '../../health/test/traffic.ts';
import { gateSteps } from '../src/pipeline/gate.ts';

const test = suite('the gate of a release');
let server: StrangeServer;
test.before(async () => {
  server = await startStrangeServer();
});
test.after(() => server.close());

async function gateOf(release: object | undefined): Promise<Step<{ verdict: string }> | undefined> {
  const root = makeStrangeProduct(
    {
      health: { gate: { ...QUICK_GATE, ...(release ? { release } : {}) } },
      release: { artifact: { include: ['x'] }, app: { command: ['node'] } },
    },
    { PUBLIC_URL: server.url, ADMIN_TOKEN: 'the-token-of-health' },
  );
  const config = await loadConfig(undefined, root);
  const ctx = { config, environmentOf: (env: 'staging') => loadEnvironment(config, env, {}) };
  return gateSteps(ctx as unknown as TaskContext, 'staging')[0] as Step<{ verdict: string }> | undefined;
}
const GATED = { forSeconds: 1, environments: ['staging'] };

async function refusal(release: object): Promise<OpsError> {
  const step = await gateOf(release);
  return runStepsForTest([step as Step]).then(
    () => assert.unreachable(),
    (error) => error,
  );
}

async function verdict(release: object): Promise<string> {
  const step = (await gateOf(release)) as Step<{ verdict: string }>;
  const { results } = await runStepsForTest([step]);
  return results.of(step).verdict;
}

test('without a word in the config a release waits for no gate', async () => {
  assert.is(await gateOf(undefined), undefined);
});

test('a gate that passes lets the release go on, one that fails stops it', async () => {
  server.behaviour = { ...STEADY, requestsPerSecond: 200 };
  assert.is(await verdict(GATED), 'pass');
  server.behaviour = { ...server.behaviour, errorShare: 0.2 };
  const error = await refusal(GATED);
  assert.match(error.message, 'The gate of staging says fail: error rate');
  assert.is(hintOf(error), 'npm run health:gate -- --env staging');
});

test('a gate that cannot tell makes it wait for a person, unless the config says otherwise', async () => {
  server.behaviour = { ...STEADY, requestsPerSecond: 1 };
  const waits = await refusal(GATED);
  assert.equal([waits.code, waits.exit], ['PAUSED', 3]);
  assert.match(
    hintOf(waits) ?? '',
    'npm run release:continue -- --env staging   or: npm run release:abort -- --env staging',
  );
  assert.is((await refusal({ ...GATED, inconclusive: 'fail' })).code, 'GATE_INCONCLUSIVE');
  assert.is(await verdict({ ...GATED, inconclusive: 'pass' }), 'inconclusive');
});

test.run();
