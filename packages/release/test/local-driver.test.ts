// Uses HAProxy and runit: what only the local driver does, on one host.
import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MARK, runningProcesses } from '@drydock/kit';
import { sampleRounds } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Haproxy } from '../src/proxy/haproxy.ts';
import { Traffic } from '../src/proxy/traffic.ts';
import { failing, progress, released, until } from './driver-contract.ts';
import { underLoad } from './load.ts';
import { type Configured, type LocalBed, makeLocalBed } from './local-bed.ts';

const test = suite('local driver');
let bed: LocalBed;
test.before.each(async () => {
  bed = await makeLocalBed();
});
test.after.each(() => bed.stop());
const environOf = (instance: string): Record<string, string> => {
  const lines = readFileSync(`/proc/${bed.pidOf(instance)}/environ`, 'utf8').split('\0');
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
};
const stage = async (name: string, driver = bed.driver) => {
  const staged = await driver.stage(await bed.artifact(name), progress);
  await driver.waitReady(staged, progress);
  return staged;
};
const answer = async () => (await fetch(bed.url)).text();
const haproxy = () =>
  new Haproxy({ socket: bed.proxy.socket, stateFile: bed.proxy.stateFile, backend: 'app', owner: 'strange/staging' });
const withConfig = async (more: Configured) => {
  bed.driver = await bed.configured(more);
};

test('a version that calls itself by a number of its own is known by its process, and serves', async () => {
  const artifact = await bed.artifact('numbered', (source) =>
    source.replace('version: APP_VERSION', "version: '1.0.0'"),
  );
  const staged = await released(bed.driver, artifact);
  assert.is(await answer(), staged.version);
  const [state] = await bed.driver.instances(staged);
  assert.equal([state?.ready, state?.version], [true, undefined]);
});

test('one that listens elsewhere than it was told is told where, and which variable it may not know', async () => {
  await withConfig({ release: { app: { portVariable: 'LISTEN', readyTimeoutMs: 3_000 } }, env: { PORT: '0' } });
  const staged = await bed.driver.stage(await bed.artifact('deaf'), progress);
  const { message } = await failing(bed.driver.waitReady(staged, progress));
  assert.match(
    message,
    /listens at 127\.0\.0\.1:\d+, and not at port \d+, which LISTEN \(release\.app\.portVariable\) names/,
  );
});

test('what one that crashes wrote last is had, and nothing of who was in its place before', async () => {
  await stage('well');
  const bad = (source: string) =>
    source.replace('BROKEN = false', "BROKEN = true; console.log('the last thing that it did')");
  const staged = await bed.driver.stage(await bed.artifact('bad', bad), progress);
  assert.match((await failing(bed.driver.waitReady(staged, progress))).message, 'Error: this version is broken');
  const said = await bed.driver.saidLast(staged, 50);
  assert.match(said.join('\n'), 'blue-1 the last thing that it did');
  assert.not.match(said.join('\n'), 'listens');
  assert.is((await bed.driver.saidLast(staged, 1)).length, 1);
});

test("a version gets its own variables, none of the operator's secrets, and of the shell what the config lets in", async () => {
  await withConfig({
    release: { app: { inherit: ['WANTED'] } },
    shell: {
      EDITOR: 'canary',
      SSH_CONNECTION: 'canary',
      NODE_OPTIONS: '--canary',
      WANTED: 'w',
      ITS_OWN: 'shell wins',
      PATH: '/canary',
    },
    env: {
      OPS_DATABASE_URL: 'postgresql://canary@h/d',
      BACKUP_IDENTITY: 'canary',
      DATABASE_URL: 'postgresql://app@h/d',
      ITS_OWN: 'file',
    },
  });
  await stage('v1');
  const environ = environOf('blue-1');
  assert.not.match(JSON.stringify(environ), 'canary');
  const { DATABASE_URL, WANTED, ITS_OWN, DRYDOCK_ENV, HOME } = environ;
  assert.equal([DATABASE_URL, WANTED, ITS_OWN, DRYDOCK_ENV], ['postgresql://app@h/d', 'w', 'shell wins', 'staging']);
  assert.is(HOME, process.env.HOME);
  for (const file of ['services/strange-staging-blue-1/environment', 'strange-staging/environments'])
    assert.is(statSync(join(bed.proxy.supervisor.folder, '..', file)).mode & 0o077, 0, file);
});

test('a version comes back with the environment that it was released with', async () => {
  await withConfig({ env: { TOKEN: 'old' } });
  const first = await released(bed.driver, await bed.artifact('v1'));
  await withConfig({ env: { TOKEN: 'new' } });
  await released(bed.driver, await bed.artifact('v2'));
  assert.is(environOf('green-1').TOKEN, 'new');
  await bed.driver.revive(first, progress);
  await bed.driver.waitReady(first, progress);
  assert.is(environOf('blue-1').TOKEN, 'old');
  // Its slot is another version's by now: it starts from its artefact.
  await released(bed.driver, await bed.artifact('v3'));
  const again = await bed.driver.stage(await bed.artifact('v1'), { ...progress, asReleased: true });
  await bed.driver.waitReady(again, progress);
  assert.is(environOf(`${again.slot}-1`).TOKEN, 'old');
  const anew = await stage('v1');
  assert.is(environOf(`${anew.slot}-1`).TOKEN, 'new');
});

test('one that stays live while many others come and go back can be started again', async () => {
  const live = await released(bed.driver, await bed.artifact('v1'));
  for (const name of ['v2', 'v3', 'v4', 'v5', 'v6', 'v7']) await stage(name);
  const next = await stage('v8');
  await bed.driver.shift(next);
  await bed.driver.retire(live);
  await bed.driver.revive(live, progress);
  await bed.driver.waitReady(live, progress);
  assert.is(await bed.driver.isRunning(live), true);
});

test('the Node of a version is a copy that stays when the checkout goes, or the one that the config names, for its children too', async () => {
  await withConfig({ release: { app: { node: undefined } } });
  const first = await released(bed.driver, await bed.artifact('v1'));
  const kept = readlinkSync(`/proc/${bed.pidOf('blue-1')}/exe`);
  assert.ok(kept.startsWith(join(bed.proxy.supervisor.folder, '../node/')), kept);
  // A CI workspace is removed after the job; then the instance crashes.
  rmSync(bed.root, { recursive: true });
  process.kill(bed.pidOf('blue-1'), 'SIGKILL');
  await until(async () => (await bed.driver.instances(first)).every(({ ready }) => ready), 'ready again');
  await until(async () => (await answer()) === first.version, 'the proxy to see it');
});

test('a program that starts the product as npm does ends with it, and finds the same Node', async () => {
  const command = ['sh', '-c', 'node shop.mjs; echo over'];
  await withConfig({ release: { app: { command } } });
  const first = await stage('v1');
  const [address = ''] = await bed.driver.addressesOf(first);
  assert.is(await (await fetch(address)).text(), first.version);
  await bed.driver.retire(first);
  assert.is(
    await fetch(address).then(
      () => 'answers',
      () => 'nobody',
    ),
    'nobody',
  );
});

/** Of a service's, whoever their parents are. */
const processesOf = (slot: string) =>
  runningProcesses().filter(({ pid }) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(
        `${MARK}=${bed.proxy.supervisor.folder}/${bed.serviceOf(slot)}`,
      );
    } catch {
      return false;
    }
  }).length;

const FORKS = `import { spawn } from 'node:child_process';
spawn(process.execPath, ['shop.mjs'], { stdio: 'inherit', detached: true }).unref();
setInterval(() => {}, 1_000);`;
const CLUSTER = `import cluster from 'node:cluster';
if (cluster.isPrimary) for (let n = 0; n < 2; n++) cluster.fork();
else await import('./shop.mjs');`;
const LAUNCHERS: [string, string[], Record<string, string>][] = [
  ['npm start', ['npm', 'start'], { 'package.json': '{ "scripts": { "start": "node shop.mjs" } }' }],
  ['a shell', ['sh', '-c', 'node shop.mjs & wait'], {}],
  ['a cluster', ['node', 'main.mjs'], { 'main.mjs': CLUSTER }],
  ['a launcher that forks', ['node', 'main.mjs'], { 'main.mjs': FORKS }],
];
for (const [name, command, files] of sampleRounds(LAUNCHERS, 2))
  test(`started by ${name}, a version leaves nothing behind when it crashes, is replaced or brought back`, async () => {
    await withConfig({ release: { app: { command } } });
    const ready = async (deployment: Awaited<ReturnType<typeof stage>>) =>
      until(async () => (await bed.driver.instances(deployment)).every((one) => one.ready), 'ready');
    const first = await released(bed.driver, await bed.artifact('v1', undefined, files));
    assert.ok(processesOf('blue') > 1);
    const [address = ''] = await bed.driver.addressesOf(first);
    process.kill(bed.pidOf('blue-1'), 'SIGKILL');
    await until(async () => (await bed.driver.instances(first))[0]?.restarts === 1, 'a restart');
    await ready(first);
    assert.is(await (await fetch(address)).text(), first.version);
    const second = await released(bed.driver, await bed.artifact('v2', undefined, files));
    assert.is(processesOf('blue'), 0);
    const said = await fetch(address).then(
      () => 'answers',
      () => 'nobody',
    );
    assert.is(said, 'nobody');
    await bed.driver.revive(first, progress);
    await ready(first);
    await bed.driver.shift(first);
    await bed.driver.retire(second);
    assert.is(processesOf('green'), 0);
    await until(async () => (await answer()) === first.version, 'the one before');
  });

test('under another Node the product and what its program starts run under that one', async () => {
  const folder = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-node-'));
  const node = join(folder, 'node');
  writeFileSync(node, `#!/bin/sh\nUNDER=another exec '${process.execPath}' "$@"\n`, { mode: 0o755 });
  const manifest = { 'package.json': '{ "scripts": { "start": "node shop.mjs" } }' };
  for (const command of [
    ['npm', 'start'],
    ['node', 'shop.mjs'],
  ]) {
    await withConfig({ release: { app: { command, node } } });
    const said = await Promise.all(
      bed.driver.questions().map(async ({ about, ask }) => `${about}: ${await ask(progress.signal)}`),
    );
    assert.ok(said.includes(`product's Node: ${process.version}, ${node}`), said.join());
    const says = (source: string) => source.replace('listens`', 'listens under `, process.env.UNDER');
    const staged = await bed.driver.stage(await bed.artifact(command.join(' '), says, manifest), progress);
    await bed.driver.waitReady(staged, progress);
    const lines = await readFile(join(bed.logsOf(`${staged.slot}-1`), 'current'), 'utf8');
    assert.match(lines, new RegExp(`${staged.version} listens under +another`));
  }
});

test('a program that the product is started with and that is not on its PATH is told before', async () => {
  await withConfig({ release: { app: { command: ['no-such-program', 'x'] } } });
  const question = bed.driver.questions().find(({ about }) => about === "product's program");
  const error = await failing(question?.ask(progress.signal) ?? Promise.resolve());
  assert.equal([error.code, error.exit], ['TOOL_MISSING', 2]);
  assert.match(error.message, 'no-such-program, which release.app.command starts the product with');
});

test('what a version writes into its folder is in nobody’s way', async () => {
  const writes = (source: string) =>
    `${source}\nimport { writeFileSync } from 'node:fs'; writeFileSync('cache', 'x'); writeFileSync('shop.mjs', '');`;
  const first = await bed.artifact('v1', writes);
  await released(bed.driver, first);
  await released(bed.driver, await bed.artifact('v2'));
  await released(bed.driver, first);
  assert.is(await answer(), first.version);
});

test('what serves and was not released from this host is live, taken over, and not ended', async () => {
  const stranger = createServer((request, response) => response.end(request.url === '/readyz' ? '' : 'a stranger'));
  await new Promise<void>((done) => stranger.listen(0, '127.0.0.1', done));
  const { port } = stranger.address() as { port: number };
  try {
    await new Traffic(haproxy()).shift('blue', [{ host: '127.0.0.1', port }], 'theirs');
    const { live } = await bed.driver.inspect();
    assert.equal([live?.slot, live?.version], ['blue', 'unknown']);
    assert.is(await bed.driver.isRunning(live as never), true);
    const load = await underLoad(bed.url, async () => {
      const next = await released(bed.driver, await bed.artifact('v1'));
      assert.is(next.slot, 'green');
    });
    assert.equal(load.failed, []);
    assert.is(await (await fetch(`http://127.0.0.1:${port}`)).text(), 'a stranger');
  } finally {
    stranger.close();
  }
});

test('a version that fails its check for a moment keeps its slot', async () => {
  const first = await released(bed.driver, await bed.artifact('v1'));
  const pid = bed.pidOf('blue-1');
  process.kill(pid, 'SIGSTOP');
  try {
    await until(async () => !(await bed.driver.inspect()).up, 'the check to fail');
    assert.equal((await bed.driver.inspect()).live, first);
    assert.is((await stage('v2')).slot, 'green');
  } finally {
    process.kill(pid, 'SIGCONT');
  }
});

test('killed in the middle of a switch, the one that was there before is live, and either can have it all', async () => {
  const first = await released(bed.driver, await bed.artifact('v1'));
  const second = await stage('v2');
  await bed.driver.shift(second);
  await bed.driver.shift(first);
  // As between "ready" and "drain".
  await haproxy().setState(['green'], 'ready');
  await until(
    async () => (await haproxy().servers()).every(({ name, up }) => !['blue', 'green'].includes(name) || up),
    'both up',
  );
  assert.equal((await bed.driver.inspect()).live, first);
  assert.equal([await bed.driver.isLive(first), await bed.driver.isLive(second)], [false, false]);
  await bed.driver.shift(second);
  assert.ok(await bed.driver.isLive(second));
});

test('a switch that cannot be kept for the next start of the proxy is none: traffic stays where it was', async () => {
  const first = await released(bed.driver, await bed.artifact('v1'));
  const second = await stage('v2');
  const file = bed.proxy.stateFile;
  const kept = readFileSync(file);
  rmSync(file);
  mkdirSync(file);
  assert.is((await failing(bed.driver.shift(second))).code, 'PROXY_STATE_NOT_WRITABLE');
  rmSync(file, { recursive: true });
  writeFileSync(file, kept);
  assert.ok(await bed.driver.isLive(first));
  assert.is(await answer(), first.version);
});

test('a proxy that is not set up for it, or is another product’s, is told before anything needs it', async () => {
  const ask = async () => Promise.all(bed.driver.questions().map(({ ask: one }) => one(progress.signal)));
  assert.match((await ask()).join(), 'backend app');
  await withConfig({ release: { proxy: { backend: 'web' } } });
  const none = await failing(ask());
  assert.equal([none.code, none.exit], ['PROXY_NOT_SET_UP', 2]);
  assert.match(none.message, 'has no server blue in its backend web');
  await withConfig({ release: { local: { instances: 9 } } });
  assert.match((await failing(ask())).message, 'has only 4 of the 9 servers blue, blue-2');
  await withConfig({});
  const [live] = [await released(bed.driver, await bed.artifact('v1'))];
  await haproxy().setMap(join(bed.proxy.stateFile, '../app-maintenance.map'), { owner: 'another/staging' });
  const another = await failing(ask());
  assert.equal([another.code, another.exit], ['PROXY_OF_ANOTHER', 2]);
  assert.match(another.message, 'stands in front of another/staging');
  assert.is((await failing(bed.driver.shift(live))).code, 'PROXY_OF_ANOTHER');
});

test('a Node that is none is told before', async () => {
  await withConfig({ release: { app: { node: '/nowhere/node' } } });
  const asked = Promise.all(bed.driver.questions().map(({ ask }) => ask(progress.signal)));
  assert.is((await failing(asked)).code, 'NODE_MISSING');
});

test.run();
