// Uses no service: hours of made-up traffic whose truth is known, a scrape a minute, through the code that real samples go through.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { judgeCapacity } from '../../src/capacity/judge.ts';
import type { Trigger } from '../../src/capacity/types.ts';
import { Follower } from '../../src/metrics/follow.ts';
import { namesOf } from '../../src/metrics/names.ts';
import type { Window } from '../../src/metrics/window.ts';
import { listObjectives } from '../../src/objectives/list.ts';
import { decode, encode } from '../../src/series/encode.ts';
import { healthSettings } from '../settings.ts';
import { type Behaviour, FakeProduct, STEADY } from '../traffic.ts';

const test = suite('the situations of capacity');
const SEEDS = 20;
const settings = healthSettings();
const names = namesOf(settings.metrics);
const objectives = listObjectives(settings.objectives);
const MINUTE_MS = 60_000;
const MIB = 1_048_576;
/** Full five minutes begin here. */
const BEGIN = 1_800_000_000_000;
/** Little enough that hours are quick; what a trigger goes by needs no more. */
const CALM: Behaviour = { ...STEADY, requestsPerSecond: 2 };
const SLOW: Behaviour = {
  ...CALM,
  routes: { ...STEADY.routes, '/api/jobs': { share: 0.6, median: 0.25, sigma: 0.5 } },
};
const HOT: Behaviour = { ...CALM, cpu: 0.9 };
const CHURN: Behaviour = { ...CALM, garbage: 1_500_000, gcSecondsPerMajor: 0.9, heapLimit: 46 * MIB };

type Course = (minute: number) => Behaviour | undefined;

/** Minutes as the store keeps them; `undefined` is a minute of which nothing is known. */
async function minutesOf(seed: number, minutes: number, course: Course): Promise<Window[]> {
  const product = new FakeProduct(seed, BEGIN);
  const follower = new Follower(names);
  follower.take(await product.scrape());
  const windows: Window[] = [];
  for (let minute = 0; minute < minutes; minute++) {
    const behaviour = course(minute);
    product.run(60, behaviour ?? CALM);
    const window = follower.take(await product.scrape());
    if (window && behaviour) windows.push(decode(encode(window)));
  }
  return windows;
}

const judge = (windows: Window[], now = windows.at(-1)?.to ?? 0) =>
  judgeCapacity({ windows, objectives, settings: settings.capacity, now });
const tell = (triggers: Trigger[]) => triggers.map(({ id, state }) => `${id} ${state}`);
const QUIET = ['cpu quiet', 'latency:GET /api/jobs quiet', 'memory quiet'];
const find = (triggers: Trigger[], id: string) => triggers.find((one) => one.id === id) as Trigger;

async function judgedRight(minutes: number, course: Course, right: (triggers: Trigger[]) => boolean): Promise<void> {
  const wrong: string[] = [];
  for (let seed = 1; seed <= SEEDS; seed++) {
    const triggers = judge(await minutesOf(seed, minutes, course));
    if (!right(triggers)) wrong.push(`seed ${seed}: ${JSON.stringify(triggers)}`);
  }
  assert.equal(wrong, []);
}

/** Within a minute of when it truly began. */
const began = ({ since }: Trigger, minute: number) =>
  Math.abs((since ?? 0) - (BEGIN + minute * MINUTE_MS)) <= MINUTE_MS;

test('an hour of steady load fires nothing, 20 of 20', () =>
  judgedRight(
    60,
    () => CALM,
    (triggers) => tell(triggers).join() === QUIET.join(),
  ));

test('CPU over 70 % fires after ten minutes, with the minute it began; 20 of 20', () =>
  judgedRight(
    32,
    (minute) => (minute < 20 ? CALM : HOT),
    (triggers) => find(triggers, 'cpu').state === 'firing' && began(find(triggers, 'cpu'), 20),
  ));

test('nine minutes of it do not fire, and neither do two times nine', async () => {
  assert.equal(tell(judge(await minutesOf(1, 29, (minute) => (minute < 20 ? CALM : HOT)))), QUIET);
  assert.equal(tell(judge(await minutesOf(2, 40, (minute) => (minute % 10 === 0 ? CALM : HOT)))), QUIET);
});

test('a slow list fires after four windows of five minutes, not after three; 20 of 20', async () => {
  await judgedRight(
    41,
    (minute) => (minute < 20 ? CALM : SLOW),
    (triggers) => {
      const jobs = find(triggers, 'latency:GET /api/jobs');
      return jobs.state === 'firing' && began(jobs, 20) && jobs.advice[0]?.action === 'index';
    },
  );
  assert.equal(tell(judge(await minutesOf(3, 36, (minute) => (minute < 20 ? CALM : SLOW)))), QUIET);
});

test('a list that is slow for a handful of people fires nothing: too few to have a p95', async () => {
  const windows = await minutesOf(4, 60, () => ({ ...SLOW, requestsPerSecond: 0.05 }));
  const jobs = find(judge(windows), 'latency:GET /api/jobs');
  assert.equal([jobs.state, jobs.seen.endsWith('0 of 12 windows beyond')], ['quiet', true]);
});

test('collections that take time and free little fire; 20 of 20', () =>
  judgedRight(
    36,
    (minute) => (minute < 20 ? CALM : CHURN),
    (triggers) => find(triggers, 'memory').state === 'firing' && began(find(triggers, 'memory'), 20),
  ));

test('much garbage that is all given back is work, and no pressure', async () => {
  const busy = { ...CALM, garbage: 6_000_000, gcSecondsPerMajor: 0.9 };
  const windows = await minutesOf(5, 36, (minute) => (minute < 20 ? CALM : busy));
  const share = windows.slice(21).map(({ gcSeconds = 0, instanceSeconds }) => gcSeconds / instanceSeconds);
  assert.ok(Math.min(...share) > 0.1, 'it does collect for more than a tenth of the time');
  assert.is(find(judge(windows), 'memory').state, 'quiet');
});

test('where the limit of old space is told, what stays is measured against it', async () => {
  const windows = await minutesOf(6, 36, (minute) => (minute < 20 ? CALM : CHURN));
  const memory = (oldSpaceLimitMiB: number) =>
    find(
      judgeCapacity({
        windows,
        objectives,
        settings: { ...settings.capacity, memory: { ...settings.capacity.memory, oldSpaceLimitMiB } },
        now: windows.at(-1)?.to ?? 0,
      }),
      'memory',
    );
  assert.is(memory(46).state, 'firing');
  assert.is(memory(512).state, 'quiet');
});

test('a restart every few minutes fires nothing: its counters begin again', async () => {
  const product = new FakeProduct(7, BEGIN);
  const follower = new Follower(names);
  const windows: Window[] = [];
  for (let minute = 0; minute < 60; minute++) {
    if (minute % 7 === 3) product.restart();
    const window = follower.take(await product.scrape());
    if (window) windows.push(window);
    product.run(60, CALM);
  }
  assert.equal(tell(judge(windows)), QUIET);
});

test('what is over has fired; what has no newer sample fires no more', async () => {
  const windows = await minutesOf(8, 45, (minute) => (minute < 10 || minute >= 25 ? CALM : HOT));
  const cpu = find(judge(windows), 'cpu');
  assert.equal([cpu.state, cpu.episodes.length], ['fired', 1]);
  const firing = await minutesOf(8, 25, (minute) => (minute < 10 ? CALM : HOT));
  assert.is(find(judge(firing), 'cpu').state, 'firing');
  assert.is(find(judge(firing, (firing.at(-1)?.to ?? 0) + 3_600_000), 'cpu').state, 'fired');
});

test('a hole in the samples is a time of which nothing is known: it joins nothing', async () => {
  const holed = await minutesOf(9, 36, (minute) =>
    minute < 10 ? CALM : minute >= 19 && minute < 23 ? undefined : HOT,
  );
  const [episode, ...rest] = find(judge(holed), 'cpu').episodes;
  assert.is(rest.length, 0);
  assert.is(episode?.from, BEGIN + 23 * MINUTE_MS);
  const one = await minutesOf(9, 30, (minute) => (minute < 10 ? CALM : minute === 15 ? undefined : HOT));
  assert.is(find(judge(one), 'cpu').since, BEGIN + 10 * MINUTE_MS, 'one lost sample is no end');
});

test('the advice goes by what else was seen: cores, cache, collections, a leak', async () => {
  const advice = async (behaviour: Behaviour, id: string) => {
    const windows = await minutesOf(10, 45, (minute) => (minute < 20 ? CALM : behaviour));
    return find(judge(windows), id).advice;
  };
  const [scale] = await advice(HOT, 'cpu');
  assert.is(scale?.action, 'scale out');
  assert.match(scale?.text ?? '', '1 → 2 instances would bring 90 % under 70 %');
  assert.is((await advice({ ...SLOW, cpu: 0.95 }, 'latency:GET /api/jobs'))[0]?.action, 'scale out');
  assert.is((await advice({ ...SLOW, hitShare: 0.1 }, 'latency:GET /api/jobs'))[0]?.action, 'cache');
  assert.is((await advice({ ...CHURN, cpu: 0.9 }, 'cpu'))[0]?.action, 'memory');
  assert.match((await advice(CHURN, 'memory'))[0]?.text ?? '', '--max-old-space-size');
});

test('metrics that are not there make a trigger unknown, not quiet', async () => {
  const bare = (await minutesOf(11, 15, () => CALM)).map((window) => ({
    ...window,
    cpuSeconds: undefined,
    gcSeconds: undefined,
    oldSpace: undefined,
  }));
  assert.equal(tell(judge(bare)), ['cpu unknown', 'latency:GET /api/jobs quiet', 'memory unknown']);
});

test.run();
