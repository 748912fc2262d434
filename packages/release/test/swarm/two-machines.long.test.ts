// Uses Docker Engine, a registry and HAProxy: a swarm of two machines, of which one is cut off.
import { setTimeout as sleep } from 'node:timers/promises';
import type { OpsError } from '@drydock/kit';
import { sampleRounds } from '@drydock/kit/testing';
import { swarmIsMissing, type TestMachine } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { underLoad } from '../load.ts';
import { makeSwarmWorld, progress, type SwarmWorld } from './world.ts';

const missing = swarmIsMissing();
if (missing) console.log(`a swarm of two machines: SKIPPED, ${missing}`);
const test = suite('swarm driver on two machines');
const when = missing ? test.skip : test;
let world: SwarmWorld;
let second: TestMachine;
if (!missing) {
  test.before(async () => {
    world = await makeSwarmWorld(2);
    second = world.swarm.machines[1] as TestMachine;
    await world.release('first');
  });
  test.after(() => world?.stop());
}

const answer = async () => (await fetch(world.proxy.url)).text();
/** Of each instance: their names are none that a release would count as its own. */
const answersOf = async (deployed: Parameters<SwarmWorld['driver']['addressesOf']>[0]) =>
  Promise.all((await world.driver.addressesOf(deployed)).map(async (url) => (await fetch(url)).text()));
async function failure(work: Promise<unknown>): Promise<OpsError> {
  const error = await work.then(
    () => undefined,
    (thrown) => thrown as OpsError,
  );
  return error ?? (assert.unreachable('it was to fail') as never);
}
/** What a condition comes to is waited for, not a time. */
async function until(what: string, isSo: () => boolean | Promise<boolean>, seconds = 90): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!(await isSo())) {
    if (Date.now() > deadline) assert.unreachable(`it did not come to this: ${what}`);
    await sleep(200);
  }
}
const statusOf = (machine: TestMachine) =>
  world.docker('node', 'inspect', machine.name, '--format', '{{.Status.State}}').trim();

when('each machine has an instance, and twenty updates at a hundred requests a second fail none', async () => {
  const { driver, proxy, release } = world;
  const all = Array.from({ length: 20 }, (_, n) => `update-${n + 1}`);
  const names = sampleRounds(all, 3);
  // Made before: the load is about switches.
  for (const name of names) await world.makeImage(name);
  const load = await underLoad(
    proxy.url,
    async () => {
      for (const name of names) {
        const deployed = await release(name);
        assert.ok(await driver.isLive(deployed));
      }
    },
    { everyMs: 10 },
  );
  console.log(`    ${load.requests} requests, ${load.failed.length} failed, ${load.versions.size} versions`);
  assert.equal(load.failed, []);
  assert.is(load.versions.size, names.length + 1);
  const { live } = await driver.inspect();
  const instances = await driver.instances(live as never);
  assert.equal(
    instances.map(({ running, ready }) => [running, ready]),
    [
      [true, true],
      [true, true],
    ],
  );
  assert.equal(await answersOf(live as never), [names.at(-1), names.at(-1)]);
  assert.is(new Set(await driver.addressesOf(live as never)).size, 2);
});

when('a machine that is cut off while a version is staged: it is not released, and both go on serving', async () => {
  const { driver, proxy, artifact } = world;
  const { live } = await driver.inspect();
  await world.makeImage('cut');
  const load = await underLoad(proxy.url, async () => {
    second.cutOff();
    const staged = await driver.stage(artifact('cut'), progress);
    const error = await failure(driver.waitReady(staged, progress));
    assert.is(error.code, 'VERSION_NOT_READY');
    assert.match(error.message, 'do not hear from machine-2');
    console.log(`    ${error.message}`);
    // It would be half a version.
    assert.is((await failure(driver.shift(staged))).code, 'VERSION_NOT_UP');
    assert.ok(await driver.isLive(live as never));
    assert.ok(await driver.isRunning(live as never), 'what a machine that is cut off does is not held against it');
    await driver.retire(staged);
  });
  console.log(`    ${load.requests} requests, ${load.failed.length} failed`);
  assert.equal(load.failed, []);
  assert.equal([...load.versions], [live?.version]);
  const asked = driver.questions().find(({ about }) => about === 'swarm');
  assert.is((await failure(asked?.ask(progress.signal) as Promise<string>)).code, 'SWARM_NODE_DOWN');
  second.heal();
  await until('machine-2 is heard from again', () => statusOf(second) === 'ready');
});
when(
  'a machine without current: the other serves alone, going back is a switch, and a person may take it out',
  async () => {
    const { driver, proxy, release, stage } = world;
    const before = await release('before');
    const after = await stage('after');
    await driver.shift(after);
    second.unplug();
    await until('the proxy has noticed', async () => (await world.serversUp()) === 1);
    await until('Swarm has noticed', () => statusOf(second) === 'down');
    assert.is(await answer(), 'after');
    assert.ok(await driver.isRunning(before), 'it is warm');
    await driver.shift(before);
    assert.is(await answer(), 'before');
    assert.ok(await driver.isLive(before));
    await driver.retire(after);
    assert.not.ok(await driver.isRunning(after));

    world.docker('node', 'update', '--availability', 'drain', second.name);
    const load = await underLoad(proxy.url, async () => {
      const alone = await stage('alone');
      await driver.shift(alone);
      await driver.retire(before);
      assert.is((await driver.instances(alone)).filter(({ ready }) => ready).length, 1);
    });
    console.log(`    ${load.requests} requests, ${load.failed.length} failed`);
    assert.equal(load.failed, []);

    // What it was told while it was away, it does when it is back: no old version is left on it.
    second.heal();
    await until('machine-2 is heard from again', () => statusOf(second) === 'ready');
    world.docker('node', 'update', '--availability', 'active', second.name);
    const { live } = await driver.inspect();
    await until('both run', async () => {
      const instances = await driver.instances(live as never);
      const all = instances.length === 2 && instances.every(({ ready }) => ready);
      return all && (await answersOf(live as never)).every((one) => one === 'alone');
    });
    assert.is((await driver.addressesOf(before)).length, 0, 'nothing of the version before is left');
    const both = await release('both');
    assert.is((await driver.instances(both)).length, 2);
    assert.is(await world.serversUp(), 2);
  },
);

when('an old version that a machine goes on with while it is cut off never gets traffic', async () => {
  const { driver, proxy, stage, release } = world;
  // In both slots something that is not what comes next.
  const old = await release('old');
  const now = await stage('now');
  await driver.shift(now);
  second.cutOff();
  await until('Swarm has noticed', () => statusOf(second) === 'down');
  // machine-2 is not told: its instance of the old version stays where the next one's would be.
  await driver.retire(old);
  world.docker('node', 'update', '--availability', 'drain', second.name);
  const load = await underLoad(proxy.url, async () => {
    const next = await stage('next');
    await driver.shift(next);
    await sleep(1_000);
  });
  console.log(`    ${load.requests} requests, ${load.failed.length} failed, of ${[...load.versions].join(', ')}`);
  assert.equal(load.failed, []);
  assert.not.ok(load.versions.has('old'));
  assert.is(await (await fetch(`${world.addressOn(second, old)}/`)).text(), 'old', 'it was there all the time');
  second.heal();
});

test.run();
