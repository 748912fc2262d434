// Uses Docker Engine, skopeo, a registry, HAProxy and PostgreSQL: whole releases onto a swarm of one machine.
import { startTestSwarm, swarmIsMissing, type TestSwarm } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { underLoad } from '../load.ts';
import { makeWorld, type World } from '../world.ts';

const missing = swarmIsMissing();
if (missing) console.log(`a release onto a swarm: SKIPPED, ${missing}`);
const test = suite('a release onto a swarm');
const when = missing ? test.skip : test;
let swarm: TestSwarm;
let world: World;
if (!missing) {
  test.before(async () => {
    swarm = await startTestSwarm({ machines: 1 });
    const release = {
      driver: 'swarm',
      swarm: { instances: 1 },
      image: { repository: `${swarm.registry}/shop`, insecure: true },
    };
    world = await makeWorld({}, release, { DOCKER_HOST: swarm.machines[0]?.engine ?? '' });
  });
  test.after(async () => {
    await world?.stop();
    await swarm?.stop();
  });
}

when(
  'from two clones, with an image made on the way: no request fails, and a version that breaks is not released',
  async () => {
    const first = await world.release();
    assert.is(first.error, undefined);
    const before = await (await fetch(world.url)).text();
    const clone = world.clone();
    clone.commit();
    const load = await underLoad(world.url, async () => {
      const second = await clone.release();
      assert.is(second.error, undefined);
      assert.ok(second.outcome?.ok !== false);
    });
    console.log(`    ${load.requests} requests, ${load.failed.length} failed`);
    assert.equal(load.failed, []);
    assert.is(load.versions.size, 2);
    const after = await (await fetch(world.url)).text();
    assert.is.not(after, before);
    assert.match((await world.status()).outcome?.verdict ?? '', `staging is on version ${after}`);

    clone.commit((source) => source.replace('BROKEN = false', 'BROKEN = true'));
    const third = await clone.release();
    assert.is(third.error?.code, 'VERSION_NOT_READY');
    assert.match(third.error?.message ?? '', 'this version is broken');
    assert.is(await (await fetch(world.url)).text(), after);
  },
);

test.run();
