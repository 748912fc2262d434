// Uses PostgreSQL, HAProxy and runit: release:logs --follow beside a version that writes, is released over, and whose log is turned over.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { taskProcesses } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeWorld, type World } from './world.ts';

const test = suite('release:logs --follow');
let world: World;
test.before(async () => {
  world = await makeWorld();
  assert.is((await world.release()).error, undefined);
});
test.after(() => world.stop());

const SLOTS = ['blue', 'green'] as const;

/** The slot of the version that runs. */
function running(): string {
  const { supervisor } = world.proxy;
  return SLOTS.find((slot) => supervisor.state(`strange-staging-${slot}-1`).running) ?? '';
}
function killInstance(slot: string): void {
  process.kill(world.proxy.supervisor.state(`strange-staging-${slot}-1`).pid ?? 0, 'SIGKILL');
}
/** svlogd(8): on SIGALRM it begins another file. */
function turnOver(slot: string): void {
  const file = join(world.proxy.supervisor.folder, `strange-staging-${slot}-1/log/supervise/pid`);
  process.kill(Number(readFileSync(file, 'utf8')), 'SIGALRM');
}

test('lines come as they are written, also after the log was turned over and another version is live; Ctrl-C ends it with 0', async () => {
  const slot = running();
  const child = taskProcesses(world.root).start('release:logs', '--env', 'staging', '--follow');
  let said = '';
  child.stdout?.on('data', (chunk) => (said += chunk));
  child.stderr?.on('data', (chunk) => (said += chunk));
  const ended = once(child, 'close');
  const count = (pattern: RegExp) => said.match(pattern)?.length ?? 0;
  const until = async (what: string, reached: () => boolean) => {
    for (let tries = 0; !reached() && tries < 600; tries++) {
      assert.is(child.exitCode, null, said);
      await sleep(50);
    }
    assert.ok(reached(), `${what}: ${said}`);
  };
  const listens = new RegExp(`^ *${slot}-1 \\S+ \\w{12} listens`, 'gm');
  await until('what was written before', () => count(listens) === 1);
  killInstance(slot);
  await until('what is written now', () => count(/drydock: ended by signal 9/g) === 1 && count(listens) === 2);

  turnOver(slot);
  killInstance(slot);
  await until('after the log was turned over', () => count(listens) === 3);

  world.commit();
  assert.is((await world.release()).error, undefined);
  assert.is.not(running(), slot);
  world.commit();
  assert.is((await world.release()).error, undefined);
  await until('the next version in its slot', () => count(listens) === 4);

  child.kill('SIGINT');
  assert.equal(await ended, [0, null], said);
  assert.match(said, 'release:logs is stopped', said);
});

test.run();
