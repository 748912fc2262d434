// Uses HAProxy, and a very small product as processes of its own.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  defineStep,
  listDaemons,
  loadConfig,
  loadEnvironment,
  type OpsError,
  type Step,
  stopDaemon,
  type TaskContext,
} from '@drydock/kit';
import { makeStrangeProduct, runStepsForTest } from '@drydock/kit/testing';
import { startTestProxy } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ArtifactStore } from '../src/artifact/store.ts';
import { releaseConfig } from '../src/config.ts';
import { LocalDriver } from '../src/driver/local.ts';
import { retireStep, shiftStep, stageStep } from '../src/pipeline/environment.ts';

const test = suite('local driver');
let proxy: Awaited<ReturnType<typeof startTestProxy>>;
let root: string;
let driver: LocalDriver;
const signal = new AbortController().signal;

test.before.each(async () => {
  proxy = await startTestProxy();
  const release = { artifact: { include: ['.'] }, app: { command: ['node', 'app.mjs'], readyTimeoutMs: 3_000 } };
  root = makeStrangeProduct(
    { release },
    { PROXY_SOCKET: proxy.socket, PROXY_STATE_FILE: proxy.stateFile, BROKEN: 'bad' },
  );
  const loaded = await loadConfig(undefined, root);
  driver = new LocalDriver(loaded, releaseConfig(loaded), loadEnvironment(loaded, 'staging', process.env));
});
test.after.each(async () => {
  for (const { name } of await listDaemons(root)) await stopDaemon(root, name, { graceMs: 2_000 });
  await proxy.stop();
});

function artifact(version: string) {
  const folder = join(root, 'artifacts', version);
  mkdirSync(folder, { recursive: true });
  cpSync(join(import.meta.dirname, 'fixtures/app.mjs'), join(folder, 'app.mjs'));
  return { version, commit: version, folder };
}

async function stage(version: string) {
  const instance = await driver.stage(artifact(version));
  await driver.waitReady(instance, signal);
  return instance;
}
async function release(version: string) {
  const { live } = await driver.inspect();
  const instance = await stage(version);
  await driver.shift(instance);
  if (live) await driver.retire(live.slot);
  return instance;
}
const answer = async () => (await fetch(proxy.url)).text();

/** Asks as fast as eight clients can until `done`; every answer that is not 200 with a version counts as failed. */
async function underLoad(
  work: () => Promise<void>,
): Promise<{ requests: number; failed: number; versions: Set<string> }> {
  let [requests, failed, running] = [0, 0, true];
  const versions = new Set<string>();
  const clients = Array.from({ length: 8 }, async () => {
    while (running) {
      requests += 1;
      try {
        const response = await fetch(proxy.url);
        if (response.ok) versions.add(await response.text());
        else failed += 1;
      } catch {
        failed += 1;
      }
    }
  });
  await work();
  running = false;
  await Promise.all(clients);
  return { requests, failed, versions };
}

test('before the first release the proxy says 503 with Retry-After', async () => {
  const response = await fetch(proxy.url);
  assert.is(response.status, 503);
  assert.is(response.headers.get('retry-after'), '5');
  assert.equal(await driver.inspect(), { live: undefined, idle: undefined });
});

test('a staged version gets no traffic until the switch', async () => {
  await release('v1');
  await stage('v2');
  assert.is(await answer(), 'v1');
  assert.is((await driver.inspect()).live?.version, 'v1');
});

test('ten switches under constant load fail no request', async () => {
  await release('v0');
  const { requests, failed, versions } = await underLoad(async () => {
    for (let n = 1; n <= 10; n++) await release(`v${n}`);
  });
  console.log(`    ${requests} requests, ${failed} failed`);
  assert.is(failed, 0);
  assert.ok(requests > 200, 'the load was there');
  assert.is(versions.size, 11);
  assert.is(await answer(), 'v10');
});

test('a version that does not start is told with its last words, and the live one stays', async () => {
  await release('v1');
  const instance = await driver.stage(artifact('bad'));
  const error = await driver.waitReady(instance, signal).then(
    () => undefined,
    (thrown) => thrown as OpsError,
  );
  assert.is(error?.code, 'VERSION_NOT_READY');
  assert.match(error?.message ?? '', 'this version is broken');
  assert.is(await answer(), 'v1');
});

test('switching back needs no restart while the version before still runs', async () => {
  const first = await release('v1');
  const second = await stage('v2');
  await driver.shift(second);
  assert.is(await answer(), 'v2');
  await driver.shift(first);
  assert.is(await answer(), 'v1');
});

test('a restarted proxy knows which version is live', async () => {
  await release('v1');
  await proxy.restart();
  assert.is((await driver.inspect()).live?.version, 'v1');
  assert.is(await answer(), 'v1');
});

test("a version that runs has none of the operator's secrets in its environment", async () => {
  writeFileSync(
    join(root, '.env.staging.local'),
    `OPS_DATABASE_URL='postgresql://owner:canary-of-owner@h/d'\nBACKUP_IDENTITY='canary-of-backups'\nDATABASE_URL='postgresql://app:its-own@h/d'\n`,
  );
  const loaded = await loadConfig(undefined, root);
  driver = new LocalDriver(loaded, releaseConfig(loaded), loadEnvironment(loaded, 'staging', process.env));
  await release('v1');
  const running = (await listDaemons(root)).find(({ alive }) => alive);
  const environ = readFileSync(`/proc/${running?.pid}/environ`, 'utf8');
  assert.match(environ, 'its-own');
  assert.not.match(environ, 'canary-of');
});

/** Another clone, with the same proxy and the same env files. */
async function secondCheckout(): Promise<{ root: string; driver: LocalDriver }> {
  const release = { artifact: { include: ['.'] }, app: { command: ['node', 'app.mjs'], readyTimeoutMs: 3_000 } };
  const clone = makeStrangeProduct(
    { release },
    { PROXY_SOCKET: proxy.socket, PROXY_STATE_FILE: proxy.stateFile, BROKEN: 'bad' },
  );
  const loaded = await loadConfig(undefined, clone);
  return {
    root: clone,
    driver: new LocalDriver(loaded, releaseConfig(loaded), loadEnvironment(loaded, 'staging', process.env)),
  };
}

test('a release from a second checkout takes over from the live version, and back, and fails no request', async () => {
  const first = await release('v1');
  const clone = await secondCheckout();
  const before = (await clone.driver.inspect()).live;
  assert.equal([before?.slot, before?.port, before?.elsewhere], [first.slot, first.port, true]);
  try {
    const { failed, requests } = await underLoad(async () => {
      // One that never gets ready leaves the live one alone.
      const bad = await clone.driver.stage(artifact('bad'));
      assert.is.not(bad.slot, first.slot);
      await clone.driver.waitReady(bad, signal).then(
        () => assert.unreachable(),
        () => {},
      );
      const second = await clone.driver.stage(artifact('v2'));
      await clone.driver.waitReady(second, signal);
      await clone.driver.shift(second);
      await clone.driver.retire(first.slot);
      assert.is(await answer(), 'v2');
      assert.ok((await driver.inspect()).live?.elsewhere, 'the first checkout sees that it is not its own');
      await release('v3');
    });
    console.log(`    ${requests} requests, ${failed} failed`);
    assert.is(failed, 0);
    assert.is(await answer(), 'v3');
  } finally {
    for (const { name } of await listDaemons(clone.root)) await stopDaemon(clone.root, name, { graceMs: 2_000 });
  }
});

const POSITIONS = ['stage', 'switch traffic', 'retire the version before'];
for (const stuck of POSITIONS)
  test(`a release that fails and whose undo of "${stuck}" fails too keeps the version that serves`, async () => {
    await release('v1');
    const store = new ArtifactStore(root);
    const workspace = await store.workspace();
    cpSync(join(import.meta.dirname, 'fixtures/app.mjs'), join(workspace, 'app.mjs'));
    const candidate = await store.keep(workspace, 'v2');
    // Where the old version is to come back, its artefact is at hand; where not, that is what is stuck.
    if (stuck !== 'retire the version before') cpSync(artifact('v1').folder, store.pathOf('v1'), { recursive: true });
    const ctx = { config: await loadConfig(undefined, root) } as TaskContext;
    const built = defineStep({ name: 'build artifact', run: async () => candidate });
    const staged = stageStep(ctx, driver, built);
    const steps: Step[] = [
      built,
      staged,
      shiftStep(driver, staged),
      retireStep(ctx, driver, staged),
      defineStep({ name: 'post-deploy check', run: () => Promise.reject(new Error('it is not well')) }),
    ];
    for (const step of steps)
      if (step.name === stuck && step.name !== 'retire the version before')
        step.undo = () => Promise.reject(new Error('its undo is stuck'));
    let message = '';
    const { failed } = await underLoad(async () => {
      await runStepsForTest(steps, 'undo').catch((error) => {
        message = error.message;
      });
      await new Promise((done) => setTimeout(done, 300));
    });
    assert.match(message, `Undoing stopped at "${stuck}" (`);
    assert.is(failed, 0);
    assert.is(await answer(), stuck === 'stage' ? 'v1' : candidate.version);
  });

test.run();
