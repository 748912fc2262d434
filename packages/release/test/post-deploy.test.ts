// Uses no service but an HTTP server of its own on loopback.
import { loadConfig, loadEnvironment, type Step, type TaskContext } from '@drydock/kit';
import { hintOf, makeStrangeProduct, runStepsForTest } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { QUICK_GATE, type StrangeServer, startStrangeServer } from '../../health/test/product.ts';
import { STEADY } from '../../health/test/traffic.ts';
import { postDeploySteps } from '../src/pipeline/post-deploy.ts';

const test = suite('after a release');
let server: StrangeServer;
test.before(async () => {
  server = await startStrangeServer();
});
test.after(() => server.close());

async function stepsOf(release: object | undefined) {
  const root = makeStrangeProduct(
    {
      health: { gate: { ...QUICK_GATE, ...(release ? { release } : {}) } },
      release: { artifact: { include: ['x'] }, app: { command: ['node'] } },
    },
    { PUBLIC_URL: server.url, ADMIN_TOKEN: 'the-token-of-health' },
  );
  const config = await loadConfig(undefined, root);
  const ctx = { config, environmentOf: (env: 'staging') => loadEnvironment(config, env, {}) };
  return postDeploySteps(ctx as unknown as TaskContext, ['staging']);
}
const GATED = { forSeconds: 1, environments: ['staging'] };

test('without a word in the config a release waits for no gate', async () => {
  assert.equal(
    (await stepsOf(undefined)).map(({ name }) => name),
    ['post-deploy check', 'keep the last artefacts'],
  );
});

test('a gate that passes lets the release end, one that fails stops it', async () => {
  server.behaviour = { ...STEADY, requestsPerSecond: 200 };
  const [, gate] = (await stepsOf(GATED)) as [Step, Step<{ verdict: string }>];
  assert.is(gate.name, 'gate of staging');
  const { results } = await runStepsForTest([gate]);
  assert.is(results.of(gate).verdict, 'pass');
  server.behaviour = { ...server.behaviour, errorShare: 0.2 };
  const [, failing] = await stepsOf(GATED);
  await runStepsForTest([failing as never]).then(
    () => assert.unreachable(),
    (error) => {
      assert.match(error.message, 'The gate of staging says fail: error rate');
      assert.is(hintOf(error), 'npm run health:gate -- --env staging');
    },
  );
});

test('a gate that cannot tell stops it as well, unless the config says otherwise', async () => {
  server.behaviour = { ...STEADY, requestsPerSecond: 1 };
  const [, strict] = await stepsOf(GATED);
  await runStepsForTest([strict as never]).then(
    () => assert.unreachable(),
    (error) => assert.is(error.code, 'GATE_INCONCLUSIVE'),
  );
  const [, lenient] = (await stepsOf({ ...GATED, inconclusive: 'pass' })) as [Step, Step<{ verdict: string }>];
  const { results } = await runStepsForTest([lenient]);
  assert.is(results.of(lenient).verdict, 'inconclusive');
});

test.run();
