// Uses Docker Engine, a registry and HAProxy: a swarm of one machine.
import { once } from 'node:events';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer } from 'node:tls';
import type { OpsError } from '@drydock/kit';
import { makeAuthority, swarmIsMissing, testRoot } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Deployment } from '../../src/driver/types.ts';
import { underLoad } from '../load.ts';
import { makeSwarmWorld, progress, type SwarmWorld } from './world.ts';

const missing = swarmIsMissing();
if (missing) console.log(`a swarm of one machine: SKIPPED, ${missing}`);
const test = suite('swarm driver');
const when = missing ? test.skip : test;
let world: SwarmWorld;
if (!missing) {
  test.before(async () => {
    world = await makeSwarmWorld(1);
  });
  test.after(() => world?.stop());
}

const answer = async () => (await fetch(world.proxy.url)).text();
async function failure(work: Promise<unknown>): Promise<OpsError> {
  const error = await work.then(
    () => undefined,
    (thrown) => thrown as OpsError,
  );
  return error ?? (assert.unreachable('it was to fail') as never);
}

when(
  'a version replaces another and goes back under load, one that breaks is told by its error, and none of it fails a request',
  async () => {
    const { driver, proxy, artifact, stage, release } = world;
    const first = await release('first');
    assert.is(await answer(), 'first');
    await Promise.all(['second', 'bad'].map((name) => world.makeImage(name)));
    const load = await underLoad(proxy.url, async () => {
      const second = await stage('second');
      assert.ok(await driver.isLive(first), 'it gets no traffic yet');
      await driver.shift(second);
      assert.ok(await driver.isLive(second));
      await driver.retire(first);
      assert.not.ok(await driver.isRunning(first));

      const bad = await driver.stage(artifact('bad'), progress);
      const error = await failure(driver.waitReady(bad, progress));
      assert.is(error.code, 'VERSION_NOT_READY');
      assert.match(error.message, 'this version is broken');
      await driver.retire(bad);

      // Warm, and cold.
      const third = await stage('first');
      await driver.shift(third);
      await driver.shift(second);
      await driver.retire(third);
      await driver.revive(third, progress);
      await driver.waitReady(third, progress);
      await driver.shift(third);
      assert.is((await failure(driver.retire(third))).code, 'STILL_SERVING');
    });
    console.log(`    ${load.requests} requests, ${load.failed.length} failed`);
    assert.equal(load.failed, []);
    assert.equal([...load.versions].sort(), ['first', 'second']);
    const { live } = await (await world.another()).inspect();
    assert.is(live?.version, 'first', 'any checkout sees the same');
  },
);

when('an instance that is killed is started again, and its words are there to read', async () => {
  const { driver, docker } = world;
  const { live } = await driver.inspect();
  if (!live) return assert.unreachable();
  const [container = ''] = docker('ps', '--quiet', '--filter', `label=drydock.version=${live.version}`).split('\n');
  docker('kill', '--signal', 'KILL', container);
  const deadline = Date.now() + 30_000;
  for (;;) {
    const [instance] = await driver.instances(live);
    if (instance?.ready && instance.restarts === 1) break;
    if (Date.now() > deadline) assert.unreachable('it was not started again');
    await sleep(200);
  }
  const lines: string[] = [];
  for await (const line of driver.logs(live, { lines: 10, follow: false, signal: progress.signal })) lines.push(line);
  assert.match(lines.join('\n'), `${live.version} listens`);
});

when('a version comes back with the variables that it went with, or with those of now', async () => {
  const { artifact } = world;
  const later = await world.another({ SHOP_COLOUR: 'green' });
  const colour = async (asReleased: boolean) => {
    const { slot } = await later.stage(artifact('first'), { ...progress, asReleased });
    const spec = world.docker(
      'service',
      'inspect',
      `strange-staging-${slot}`,
      '--format',
      '{{json .Spec.TaskTemplate.ContainerSpec.Env}}',
    );
    return /SHOP_COLOUR=(\w+)/.exec(spec)?.[1];
  };
  assert.is(await colour(true), 'red');
  assert.is(await colour(false), 'green');
  assert.is(await colour(true), 'green', 'with which it went last');
});

when('a command runs once with the environment of the product, and says how it ended', async () => {
  const { driver, artifact, docker } = world;
  const lines: string[] = [];
  const run = (code: string) =>
    driver.runOnce(artifact('first'), ['node', '-e', code], {
      ...progress,
      env: { ONE_MORE: 'thing' },
      onLine: (line) => lines.push(line),
    });
  await run(
    'console.log(process.env.DRYDOCK_ENV, process.env.ONE_MORE, process.env.SHOP_COLOUR, process.env.PROXY_SOCKET)',
  );
  assert.equal(lines, ['staging thing red undefined']);
  const error = await failure(run('console.error("no such table"); process.exit(3)'));
  assert.is(error.code, 'COMMAND_FAILED');
  assert.match(error.message, /ended with exit code 3/);
  assert.is(lines.at(-1), 'no such table');
  assert.is(docker('service', 'ls', '--quiet', '--filter', 'label=drydock.job').trim(), '', 'nothing is left');
});

when("what another process answers at a version's port is not taken for it: nothing is started beside it", async () => {
  const { driver, artifact } = world;
  const { live, idle } = await driver.inspect();
  if (idle) await driver.retire(idle);
  await world.beside('HTTP', async () => {
    const error = await failure(driver.stage(artifact('second'), progress));
    assert.is(error.code, 'PORT_TAKEN');
    assert.match(error.message, /^Another process answers on \S+ \(http:\S+:808\d\), where strange-staging-\w+ is to/);
    assert.is((await failure(driver.revive(idle as Deployment, progress))).code, 'PORT_TAKEN');
    assert.ok(live && (await driver.isLive(live)));
  });
});

when(
  'a version whose port something holds that does not answer is told by its error, and gets no traffic',
  async () => {
    const { driver, artifact } = world;
    const { live } = await driver.inspect();
    await world.beside('nothing', async () => {
      const staged = await driver.stage(artifact('second'), progress);
      const error = await failure(driver.waitReady(staged, progress));
      assert.is(error.code, 'VERSION_NOT_READY');
      assert.match(error.message, 'EADDRINUSE');
      assert.is((await failure(driver.shift(staged))).code, 'VERSION_NOT_UP');
      assert.ok(live && (await driver.isLive(live)));
      await driver.retire(staged);
    });
  },
);

when('what a release will need of the swarm is asked before', async () => {
  const { driver } = world;
  const asked = async (of: typeof driver) =>
    of
      .questions()
      .find(({ about }) => about === 'swarm')
      ?.ask(progress.signal) as Promise<string>;
  assert.match(await asked(driver), /engine\.sock, 1 machine$/);
  const nobody = await world.another({ DOCKER_HOST: 'unix:///nobody/listens/here' });
  const error = await failure(asked(nobody));
  assert.is(error.code, 'SWARM_UNREACHABLE');
  assert.match(error.message, 'ENOENT');
  assert.is((await failure(asked(await world.another({}, { instances: 2 })))).code, 'SWARM_TOO_FEW_NODES');
  assert.is((await failure(asked(await world.another({ DOCKER_HOST: 'manager-1' })))).code, 'SWARM_ADDRESS');
});

when('a manager elsewhere is spoken with through TLS by certificate, and through ssh', async () => {
  const folder = testRoot('manager');
  const asked = async (env: Record<string, string>) => {
    const question = (await world.another(env)).questions().find(({ about }) => about === 'swarm');
    return question?.ask(progress.signal) as Promise<string>;
  };
  const authority = makeAuthority(folder);
  const { cert, key } = authority.sign('server', ['IP:127.0.0.1']);
  const client = authority.sign('client');
  for (const [from, to] of [
    [authority.file, 'ca.pem'],
    [client.certFile, 'cert.pem'],
    [client.keyFile, 'key.pem'],
  ] as const)
    copyFileSync(from, join(folder, to));
  const socket = world.swarm.machines[0]?.engine.slice('unix://'.length) ?? '';
  const settings = { cert, key, ca: readFileSync(authority.file), requestCert: true, rejectUnauthorized: true };
  const manager = createServer(settings, (from) => void from.pipe(connect(socket)).pipe(from));
  manager.on('tlsClientError', () => {}).listen(0, '127.0.0.1');
  await once(manager, 'listening');
  const address = `tcp://127.0.0.1:${(manager.address() as AddressInfo).port}`;
  try {
    assert.match(await asked({ DOCKER_HOST: address, DOCKER_CERT_PATH: folder }), `${address}, 1 machine`);
    assert.is((await failure(asked({ DOCKER_HOST: address }))).code, 'SWARM_UNREACHABLE');
    assert.is(
      (await failure(asked({ DOCKER_HOST: address, DOCKER_CERT_PATH: '/nowhere' }))).code,
      'SWARM_CERTIFICATES',
    );
  } finally {
    manager.close();
  }
  // There is no sshd here: what it would run there is run, and what it would refuse is refused.
  const ssh = `#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\n[ "$2" = deploy@manager-1 ] || { echo "Permission denied (publickey)." >&2; exit 255; }\nshift 2\nDOCKER_HOST=unix://${socket} exec "$@"\n`;
  writeFileSync(join(folder, 'ssh'), ssh, { mode: 0o755 });
  const path = process.env.PATH;
  process.env.PATH = `${folder}:${path}`;
  try {
    assert.is(await asked({ DOCKER_HOST: 'ssh://deploy@manager-1' }), 'ssh://manager-1, 1 machine');
    assert.match((await failure(asked({ DOCKER_HOST: 'ssh://manager-1' }))).message, 'Permission denied (publickey).');
  } finally {
    process.env.PATH = path;
  }
});

test.run();
