// Uses HAProxy, and a very small product as processes of its own.
import { hash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { listDaemons, loadConfig, loadEnvironment, type OpsError, stopDaemon } from '@drydock/kit';
import { makeStrangeProduct } from '@drydock/kit/testing';
import { startTestProxy } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { artifactStore } from '../src/artifact/store.ts';
import type { Artifact } from '../src/artifact/types.ts';
import { releaseConfig } from '../src/config.ts';
import { LocalDriver } from '../src/driver/local.ts';
import { UNKNOWN_VERSION } from '../src/driver/types.ts';

const test = suite('local driver');
let proxy: Awaited<ReturnType<typeof startTestProxy>>;
let root: string;
let driver: LocalDriver;
const progress = { signal: new AbortController().signal, onLine() {} };

test.before.each(async () => {
  proxy = await startTestProxy();
  const release = { artifact: { include: ['.'] }, app: { command: ['node', 'shop.mjs'], readyTimeoutMs: 3_000 } };
  root = makeStrangeProduct({ release }, { PROXY_SOCKET: proxy.socket, PROXY_STATE_FILE: proxy.stateFile });
  const loaded = await loadConfig(undefined, root);
  driver = new LocalDriver(loaded, releaseConfig(loaded), loadEnvironment(loaded, 'staging', process.env));
});
test.after.each(async () => {
  for (const { name } of await listDaemons(root)) await stopDaemon(root, name, { graceMs: 2_000 });
  await proxy.stop();
});

/** Versions are named by their content; here each has a name of its own as well. */
const names = new Map<string, string>();
async function artifact(name: string, checkout = root): Promise<Artifact> {
  const config = await loadConfig(undefined, checkout);
  const store = artifactStore(config, loadEnvironment(config, 'staging', process.env));
  const folder = mkdtempSync(join(checkout, 'built-'));
  const shop = readFileSync(join(import.meta.dirname, 'fixtures/shop.mjs'), 'utf8');
  const broken = name === 'bad' ? 'BROKEN = true' : 'BROKEN = false';
  writeFileSync(join(folder, 'shop.mjs'), `${shop.replace('BROKEN = false', broken)}// ${name}`);
  const none = '0'.repeat(64);
  const options = { signal: progress.signal, time: 0, bom: '{}', inputs: none };
  const kept = await store.keep(folder, hash('sha1', name), options);
  names.set(kept.version, name);
  return kept;
}

async function stage(name: string) {
  const instance = await driver.stage(await artifact(name), progress);
  await driver.waitReady(instance, progress);
  return instance;
}
async function release(version: string) {
  const { live } = await driver.inspect();
  const instance = await stage(version);
  await driver.shift(instance);
  if (live) await driver.retire(live);
  return instance;
}
const answer = async () => names.get(await (await fetch(proxy.url)).text());
const liveName = async () => names.get((await driver.inspect()).live?.version ?? '');

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
  assert.equal(await driver.inspect(), { live: undefined, up: false, idle: undefined });
});

test('a staged version gets no traffic until the switch', async () => {
  await release('v1');
  await stage('v2');
  assert.is(await answer(), 'v1');
  assert.is(await liveName(), 'v1');
});

test('ten switches under constant load fail no request', async () => {
  await release('v0');
  const { requests, failed, versions } = await underLoad(async () => {
    for (let n = 1; n <= 10; n++) await release(`v${n}`);
  });
  console.log(`    ${requests} requests, ${failed} failed`);
  assert.is(failed, 0);
  assert.ok(requests > 200, 'the load was there');
  assert.is(versions.size, 11, 'each of them answered');
  assert.is(await answer(), 'v10');
});

test('a version that does not start is told with its last words, and the live one stays', async () => {
  await release('v1');
  const instance = await driver.stage(await artifact('bad'), progress);
  const error = await driver.waitReady(instance, progress).then(
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
  assert.is(await liveName(), 'v1');
  assert.is(await answer(), 'v1');
});

test('a command runs in the files of a version, with its variables, and the last lines of its log can be read', async () => {
  const built = await artifact('v1');
  const lines: string[] = [];
  const script = 'console.log(process.env.DRYDOCK_ENV, process.env.STEP, require("fs").existsSync("shop.mjs"))';
  await driver.runOnce(built, ['node', '-e', script], {
    ...progress,
    env: { STEP: 'one' },
    onLine: (line) => lines.push(line),
  });
  assert.equal(lines, ['staging one true']);
  const bad = await driver.stage(await artifact('bad'), progress);
  await driver.waitReady(bad, progress).catch(() => {});
  const log: string[] = [];
  for await (const line of driver.logs(bad, { lines: 5, follow: false, signal: progress.signal })) log.push(line);
  assert.equal(log, ['this version is broken']);
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
  const release = { artifact: { include: ['.'] }, app: { command: ['node', 'shop.mjs'], readyTimeoutMs: 3_000 } };
  const clone = makeStrangeProduct({ release }, { PROXY_SOCKET: proxy.socket, PROXY_STATE_FILE: proxy.stateFile });
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
  assert.equal([before?.slot, before?.version], [first.slot, UNKNOWN_VERSION]);
  try {
    const { failed, requests } = await underLoad(async () => {
      // One that never gets ready leaves the live one alone.
      const bad = await clone.driver.stage(await artifact('bad', clone.root), progress);
      assert.is.not(bad.slot, first.slot);
      await clone.driver.waitReady(bad, progress).then(
        () => assert.unreachable(),
        () => {},
      );
      const second = await clone.driver.stage(await artifact('v2', clone.root), progress);
      await clone.driver.waitReady(second, progress);
      await clone.driver.shift(second);
      await clone.driver.retire(first);
      assert.is(await answer(), 'v2');
      assert.is(
        (await driver.inspect()).live?.version,
        UNKNOWN_VERSION,
        'the first checkout sees that it is not its own',
      );
      await release('v3');
    });
    console.log(`    ${requests} requests, ${failed} failed`);
    assert.is(failed, 0);
    assert.is(await answer(), 'v3');
  } finally {
    for (const { name } of await listDaemons(clone.root)) await stopDaemon(clone.root, name, { graceMs: 2_000 });
  }
});

test("another checkout's version that fails its check for a moment keeps its slot", async () => {
  const first = await release('v1');
  const clone = await secondCheckout();
  const { pid } = (await listDaemons(root)).find(({ alive }) => alive) ?? { pid: 0 };
  process.kill(pid, 'SIGSTOP');
  try {
    while ((await clone.driver.inspect()).up) await new Promise((done) => setTimeout(done, 50));
    const { live } = await clone.driver.inspect();
    assert.equal([live?.slot, live?.version], [first.slot, UNKNOWN_VERSION]);
    const second = await clone.driver.stage(await artifact('v2', clone.root), progress);
    assert.is.not(second.slot, first.slot);
  } finally {
    process.kill(pid, 'SIGCONT');
    for (const { name } of await listDaemons(clone.root)) await stopDaemon(clone.root, name, { graceMs: 2_000 });
  }
});

test('what takes the traffic alone is not ended, whoever asks', async () => {
  const first = await release('v1');
  await driver.retire(first).then(
    () => assert.unreachable(),
    (error) => assert.is(error.code, 'STILL_SERVING'),
  );
  assert.is(await answer(), 'v1');
});

test('a switch that cannot be kept for the next start of the proxy is none: traffic stays where it was', async () => {
  const first = await release('v1');
  const second = await stage('v2');
  const file = proxy.stateFile;
  const kept = readFileSync(file);
  rmSync(file);
  mkdirSync(file);
  await driver.shift(second).then(
    () => assert.unreachable(),
    (error) => assert.is(error.code, 'PROXY_STATE_NOT_WRITABLE'),
  );
  rmSync(file, { recursive: true });
  writeFileSync(file, kept);
  assert.ok(await driver.isLive(first));
  assert.is(await answer(), 'v1');
});

test('a proxy without the two servers is told before anything needs them', async () => {
  const ask = async (asked: LocalDriver) =>
    Promise.all(asked.questions().map((question) => question.ask(progress.signal)));
  assert.match((await ask(driver)).join(), 'backend app');
  const loaded = await loadConfig(undefined, root);
  const release = { ...releaseConfig(loaded), proxy: { ...releaseConfig(loaded).proxy, backend: 'web' } };
  await ask(new LocalDriver(loaded, release, loadEnvironment(loaded, 'staging', process.env))).then(
    () => assert.unreachable(),
    (error) => {
      assert.is(error.code, 'PROXY_NOT_SET_UP');
      assert.match(error.message, 'has no server blue and green in its backend web');
    },
  );
});

test.run();
