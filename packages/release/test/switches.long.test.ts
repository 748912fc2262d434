// Uses HAProxy, runit and PostgreSQL: what people notice of many switches, ways back, and of maintenance. 300 requests a second on kept
// connections, one that idles, uploads of ten seconds, and a stream of events.
import { setTimeout as sleep } from 'node:timers/promises';
import { taskFile } from '@drydock/kit/cli';
import { runTaskForTest, THOROUGH } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { progress, released } from './driver-contract.ts';
import { makeLocalBed } from './local-bed.ts';
import { p99, type Seen, startPeople, type Window, windowOf } from './people.ts';
import { makeWorld } from './world.ts';

const test = suite('under load');
const [SWITCHES, WARM, COLD, MAINTENANCE] = THOROUGH ? [50, 20, 10, 5] : [2, 2, 1, 1];
/** People's slowest request lasts ten seconds, and the stream never ends by itself. */
const DRAIN_MS = 11_000;
const COMING = { perSecond: 300, slow: true };
const QUIET_MS = 5_000;
/** A machine that does something else besides. */
const SLOW = 3;

function shown(what: string, { asked, uploads, streams, idle, slowFailed }: Seen, before: Window, during: Window[]) {
  const failed = [...asked.filter(({ status }) => status !== 200).map(({ status }) => `${status}`), ...slowFailed];
  const [quiet, then] = [p99(asked, [before]), p99(asked, during)];
  console.log(
    `    ${what}: ${asked.length} requests, ${uploads} uploads, ${streams} streams, ${idle} after a pause, ${failed.length} failed; p99 ${quiet.toFixed(0)} ms before, ${then.toFixed(0)} ms in it`,
  );
  return { failed, ratio: then / quiet };
}

function shownMs(took: readonly number[]): string {
  const sorted = took.toSorted((a, b) => a - b);
  return `${sorted[sorted.length >> 1]?.toFixed(0)} ms (at most ${sorted.at(-1)?.toFixed(0)})`;
}

test(`${SWITCHES} switches fail no request`, async () => {
  const bed = await makeLocalBed({ local: { instances: 2 }, app: { drainTimeoutMs: DRAIN_MS } });
  try {
    await released(bed.driver, await bed.artifact('v0'));
    const people = startPeople(bed.url, COMING);
    const before = await windowOf(() => sleep(QUIET_MS));
    const during: Window[] = [];
    for (let n = 1; n <= SWITCHES; n++) {
      const { live } = await bed.driver.inspect();
      const next = await bed.driver.stage(await bed.artifact(`v${n}`), progress);
      await bed.driver.waitReady(next, progress);
      during.push(
        await windowOf(async () => {
          await bed.driver.shift(next);
          await sleep(500);
        }),
      );
      if (live) await bed.driver.retire(live);
    }
    const { failed, ratio } = shown(`${SWITCHES} switches`, await people.stop(), before, during);
    assert.equal(failed, []);
    assert.ok(ratio <= 2, `p99 in a switch is ${ratio.toFixed(2)} times that before`);
  } finally {
    await bed.stop();
  }
});

test(`${WARM} rollbacks to a warm version and ${COLD} to a cold one fail no request; maintenance answers 503 and nothing else`, async () => {
  const app = {
    command: ['node', 'shop.mjs'],
    node: process.execPath,
    readyTimeoutMs: 20_000,
    drainTimeoutMs: DRAIN_MS,
  };
  const world = await makeWorld({ environments: { staging: { serves: 'customers', guard: 'none' } } }, { app });
  const task = async (name: string, ...args: string[]) => {
    const { default: definition } = await import(taskFile(name));
    const { error } = await runTaskForTest(definition, world.root, ['--env', 'staging', '--yes', ...args]);
    assert.is(error, undefined, error?.message);
  };
  const release = async () => {
    world.commit();
    const { error } = await world.release();
    assert.is(error, undefined, error?.message);
  };
  try {
    await release();
    await release();
    const people = startPeople(world.url, COMING);
    const before = await windowOf(() => sleep(QUIET_MS));
    const [warm, cold, shut]: [Window[], Window[], Window[]] = [[], [], []];
    const [warmMs, coldMs]: [number[], number[]] = [[], []];
    const answer = async () => (await fetch(world.url)).text();
    /** Until people are answered by another version; the one that is left still finishes what it was asked, inside the task. */
    const back = async (took: number[]): Promise<Window> => {
      const before = await answer();
      const from = Date.now();
      const ended = task('release:rollback');
      while ((await answer()) === before) await sleep(20);
      took.push(Date.now() - from);
      await ended;
      return { from, to: from + (took.at(-1) ?? 0) + 500 };
    };
    for (let n = 0; n < WARM; n++) {
      await release();
      warm.push(await back(warmMs));
    }
    for (let n = 0; n < COLD; n++) {
      await release();
      await task('release:settle', '--now');
      cold.push(await back(coldMs));
    }
    for (let n = 0; n < MAINTENANCE; n++)
      shut.push(
        await windowOf(async () => {
          await task('maintenance:on', '--reason', 'a look');
          await sleep(1_000);
          await task('maintenance:off');
        }),
      );
    await sleep(1_000);
    const seen = await people.stop();
    const closed = (at: number, ms: number) => shut.some(({ from, to }) => at + ms >= from && at <= to);
    const meant = seen.asked.filter(({ at, ms, status }) => status === 503 && closed(at, ms));
    assert.ok(meant.length > MAINTENANCE * 100, 'maintenance was seen');
    const others = { ...seen, asked: seen.asked.filter((one) => !meant.includes(one)) };
    // One that is slow may meet maintenance, at most once each time, with that answer alone.
    const met = seen.slowFailed.filter((why) => why.endsWith(': 503')).length;
    const slowFailed = seen.slowFailed.filter((why) => !why.endsWith(': 503'));
    const { failed, ratio } = shown(`${WARM} warm and ${COLD} cold`, { ...others, slowFailed }, before, [
      ...warm,
      ...cold,
    ]);
    console.log(
      `    until another version answers: warm ${shownMs(warmMs)}, cold ${shownMs(coldMs)}; ${meant.length} + ${met} times 503 in ${MAINTENANCE} maintenances`,
    );
    assert.equal(failed, []);
    assert.ok(Math.max(...warmMs) <= 1_000 * SLOW && Math.max(...coldMs) <= 10_000 * SLOW, 'the ways back are fast');
    assert.ok(ratio <= 2, `p99 on a way back is ${ratio.toFixed(2)} times that before`);
  } finally {
    await world.stop();
  }
});

test.run();
