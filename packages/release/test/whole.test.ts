// Uses PostgreSQL and HAProxy: whole releases of a small product, with every step that a release has, under load.
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { readRuns } from '@drydock/kit';
import { sampleRounds, taskProcesses } from '@drydock/kit/testing';
import { startTestProxy } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Slot } from '../src/driver/types.ts';
import { type Load, underLoad } from './load.ts';
import { type Checkout, makeWorld, type World } from './world.ts';

const test = suite('a whole release');
let world: World;
/** Those of a release that ends well, in order, and those that can be undone: what the rounds below go by. */
let names: string[];
const undoable = new Set<string>();
test.before(async () => {
  world = await makeWorld();
  const { error } = await world.release((name, step) => {
    if (step.undo) undoable.add(name);
  });
  assert.is(error, undefined);
  world.commit();
  // The first one has migrations to apply; the rounds have none.
  assert.is((await world.release()).error, undefined);
  names =
    readRuns(world.root)
      .at(-1)
      ?.start.steps?.map(({ name }) => name) ?? [];
});
test.after(() => world.stop());

const answer = async () => (await fetch(world.url)).text();
type InSlot = { version: string; slot: Slot };
const statusOf = async (checkout: Checkout) =>
  (await checkout.status()).outcome?.data as unknown as { live: InSlot; idle: InSlot };

function assertServed({ requests, failed, versions }: Load): void {
  assert.equal(failed, [], `of ${requests} requests`);
  assert.ok(requests > 25, 'the load was there');
  assert.ok(versions.size > 0);
}

/** Each step in turn fails, and with it the undo of each step before that has one; null: every undo does what it should. */
function positions(): { failing: string; stuck: string | null }[] {
  return names.flatMap((failing, at) => {
    const before = names.slice(0, at).filter((name) => undoable.has(name));
    return [...before.toReversed(), null].map((stuck) => ({ failing, stuck }));
  });
}

test('has the steps that its rounds are made of', () => {
  for (const name of [
    'build artifact',
    'staging › db:deploy › verify',
    'staging › full flow',
    'keep the last artefacts',
  ])
    assert.ok(names.includes(name), name);
  assert.equal(
    names.filter((name) => undoable.has(name)),
    ['staging › stage', 'staging › switch traffic'],
  );
  assert.is(positions().filter(({ stuck }) => stuck).length, 15);
});

test('--plan prints the very steps, by the names that the journal has', async () => {
  const { outcome, said } = await world.release(undefined, ['--env', 'staging', '--plan']);
  const steps = (outcome?.data as unknown as { steps: { name: string }[] } | undefined)?.steps ?? [];
  const ran = readRuns(world.root).at(-1)?.steps.keys() ?? [];
  assert.equal(
    steps.map(({ name }) => name),
    // Groups are told by what is in them.
    [...ran].filter((name) => !['staging', 'staging › db:deploy'].includes(name)),
  );
  for (const { name } of steps) assert.match(said.join('\n'), `  ${name}`);
});

test('a failing undo at each position: the version that served, or the one that took over, goes on serving', async () => {
  for (const { failing, stuck } of sampleRounds(positions(), 4)) {
    const where = `${failing}, stuck: ${stuck}`;
    const before = await answer();
    world.commit();
    let error: Error | undefined;
    const load = await underLoad(world.url, async () => {
      ({ error } = await world.release((name, step) => {
        if (name === failing) step.run = () => Promise.reject(new Error('it broke'));
        if (name === stuck) step.undo = () => Promise.reject(new Error('its undo is stuck'));
      }));
    });
    assertServed(load);
    const said = error?.message ?? '';
    assert.match(said, `Step "${failing}" failed: it broke`, where);
    if (stuck && said.includes('Undoing'))
      assert.match(said, `Undoing stopped at "${stuck}" (its undo is stuck)`, where);
    // Read from the proxy, and what users get.
    const now = await answer();
    assert.is((await statusOf(world)).live.version, now, where);
    assert.match(said, `staging is on version ${now}`, where);
    const takenOver = said.includes('Undoing') ? stuck !== 'staging › stage' : !said.includes('Undone');
    const switched = names.indexOf(failing) > names.indexOf('staging › switch traffic');
    assert.is(now !== before, switched && takenOver, where);
  }
});

/** What becomes of the version before while the last check of the new one is about to fail; and does it come back? */
const CAUSES: Record<string, { comesBack: boolean; does(before: InSlot): Promise<unknown> }> = {
  'stays warm': { comesBack: true, does: async () => {} },
  'stays warm, its artefact gone': {
    comesBack: true,
    does: async ({ slot }) =>
      rmSync(join(world.proxy.supervisor.folder, '../strange-staging', slot), { recursive: true }),
  },
  'was ended by hand': {
    comesBack: false,
    does: ({ slot }) => world.proxy.supervisor.down(`strange-staging-${slot}-1`, 2_000),
  },
};

for (const [cause, { comesBack, does }] of Object.entries(CAUSES))
  test(`the last check fails while the version before ${cause}: somebody always serves`, async () => {
    const before = await answer();
    world.commit();
    let error: Error | undefined;
    const load = await underLoad(world.url, async () => {
      ({ error } = await world.release((name, step) => {
        if (name !== 'staging › post-deploy check') return;
        step.run = async () => {
          await does((await statusOf(world)).idle);
          throw new Error('it is not well');
        };
      }));
    });
    assertServed(load);
    const [now, said] = [await answer(), error?.message ?? ''];
    assert.is(now === before, comesBack, said);
    assert.match(said, `staging is on version ${now}`);
    if (!comesBack)
      assert.match(said, `Undoing stopped at "staging › switch traffic" (version ${before} does not run any more)`);
    const { supervisor } = world.proxy;
    const running = supervisor.names().filter((name) => supervisor.state(name).running);
    assert.is(running.length, 1, 'nothing half started lies in wait');
  });

test('a second checkout sees what is live, takes over, and back, whatever fails', async () => {
  const clone = world.clone();
  const first = await answer();
  const seen = await clone.status();
  assert.match(seen.outcome?.verdict ?? '', `staging is on version ${first} (`);
  assert.equal((await statusOf(clone)).live, (await statusOf(world)).live);
  const load = await underLoad(world.url, async () => {
    clone.commit((source) => source.replace('BROKEN = false', 'BROKEN = true'));
    const bad = await clone.release();
    assert.match(bad.error?.message ?? '', `this version is broken. staging is on version ${first}`);
    clone.commit((source) => source.replace('BROKEN = true', 'BROKEN = false'));
    assert.is((await clone.release()).error, undefined);
    const second = await answer();
    assert.is.not(second, first);
    assert.match((await world.status()).outcome?.verdict ?? '', `version ${second} (`);
    world.commit((source) => source.replace('BROKEN = false', 'BROKEN = true'));
    const worse = await world.release();
    assert.match(worse.error?.message ?? '', `this version is broken. staging is on version ${second}`);
    assert.is(await answer(), second);
    // A check that fails at the end sends the traffic back to the other checkout's version.
    world.commit((source) => source.replace('BROKEN = true', 'BROKEN = false'));
    await world.release((name, step) => {
      if (name === 'staging › post-deploy check') step.run = () => Promise.reject(new Error('it is not well'));
    });
    assert.is(await answer(), second);
    assert.is((await world.release()).error, undefined);
    assert.is.not(await answer(), second);
  });
  assertServed(load);
});

test('Ctrl-C in the middle: what serves is told, and the command to go on with names the environment', async () => {
  const before = await answer();
  world.commit();
  const runs = readRuns(world.root).length;
  const child = taskProcesses(world.root).start('release');
  let said = '';
  child.stdout?.on('data', (chunk) => (said += chunk));
  const ended = once(child, 'close');
  while (child.exitCode === null && !readRuns(world.root)[runs]?.steps.has('staging › stage'))
    await new Promise((done) => setTimeout(done, 20));
  child.kill('SIGINT');
  assert.equal(await ended, [130, null], said);
  assert.match(said, `staging is on version ${before}`);
  assert.match(said, /Go on: .*release -- --env staging --resume \w{26}/);
  assert.is((await world.release(undefined, ['--env', 'staging', '--resume'])).error, undefined);
  assert.is.not(await answer(), before);
});

test('production fails: staging stays, and the last words name what is live on both', async () => {
  const second = await startTestProxy();
  try {
    await world.alsoProduction({
      PROXY_SOCKET: second.socket,
      PROXY_STATE_FILE: second.stateFile,
      PUBLIC_URL: second.url,
    });
    world.commit();
    const { error } = await world.release(
      (name, step) => {
        if (name === 'production › candidate health') step.run = () => Promise.reject(new Error('it is not well'));
      },
      ['--env', 'production'],
    );
    const said = error?.message ?? '';
    assert.match(said, 'Step "production › candidate health" failed: it is not well. Undone: "production › stage".');
    assert.match(said, `staging is on version ${await answer()} (`);
    assert.match(said, 'Nothing is live on production.');
    assert.match(String(error?.hint), 'release -- --env production');
  } finally {
    await second.stop();
  }
});

test("production's proxy is away: that is told before anything is done to staging", async () => {
  await world.alsoProduction({ PROXY_SOCKET: '/nowhere/admin.sock' });
  world.commit();
  const runs = readRuns(world.root).length;
  const { error } = await world.release(undefined, ['--env', 'production']);
  assert.is(error?.code, 'PROXY_UNREACHABLE');
  assert.match(error?.message ?? '', /^Nothing was begun: production: HAProxy does not answer at/);
  assert.is(readRuns(world.root).length, runs);
});

test.run();
