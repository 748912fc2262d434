// Uses SQLite; the task runs as a process on the samples of a stranger's product.
import { loadConfig } from '@drydock/kit';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Follower } from '../../src/metrics/follow.ts';
import { namesOf } from '../../src/metrics/names.ts';
import { Recorder } from '../../src/series/recorder.ts';
import { SeriesStore } from '../../src/series/store.ts';
import { strangeTasks } from '../product.ts';
import { healthSettings } from '../settings.ts';
import { FakeProduct, STEADY } from '../traffic.ts';

const test = suite('health:capacity as a process');
const MINUTE_MS = 60_000;

/** A product whose last hour is on disk: busy for its last twenty minutes, looked at every twenty seconds, until so many minutes ago. */
async function withSamples(minutesAgo: number, busy = 0.85) {
  const tasks = strangeTasks('http://127.0.0.1:9');
  const store = await SeriesStore.open(await loadConfig(undefined, tasks.root), 'staging');
  const recorder = new Recorder((minute) => store.put(minute));
  const product = new FakeProduct(5, Date.now() - (60 + minutesAgo) * MINUTE_MS);
  const follower = new Follower(namesOf(healthSettings().metrics));
  for (let look = 0; look < 180; look++) {
    product.run(20, { ...STEADY, requestsPerSecond: 2, cpu: look < 120 ? 0.3 : busy });
    const window = follower.take(await product.scrape());
    if (window) recorder.add(window, 'v1');
  }
  store.close();
  return tasks;
}

test('a trigger that fires is a no: exit 3, since when, and what to do', async () => {
  const tasks = await withSamples(0);
  const { code, data, findings, stderr } = await tasks.ask('health:capacity');
  assert.equal([code, data.firing], [3, ['cpu']]);
  const minutes = (Date.now() - Date.parse(data.triggers[0].since)) / MINUTE_MS;
  assert.ok(minutes > 18 && minutes < 22, `since ${minutes} minutes`);
  assert.match(
    findings[0].message,
    /^CPU > 70 % for 10 min: since 20\d\d-\d\d-\d\d \d\d:\d\d UTC, 8\d % on average\.$/,
  );
  assert.match(findings[0].hint, '1 → 2 instances');
  assert.match(stderr, /✖ {2}CPU +> 70 % for 10 min/);
  assert.match(stderr, '✖ staging has to scale: CPU, by ');
});

test('samples that end some time ago say nothing of now: told, and no alarm', async () => {
  const { code, data, findings } = await (await withSamples(45)).ask('health:capacity');
  assert.equal([code, data.firing, data.triggers[0].state], [0, [], 'fired']);
  assert.equal(
    findings.map((one: { code: string }) => one.code),
    ['SCALE_WAS', 'SAMPLES_OLD'],
  );
});

test('a quarter of an hour that a clock dated ten years ahead sets off nothing, and the minutes of now are kept', async () => {
  const tasks = await withSamples(0, 0.3);
  const config = await loadConfig(undefined, tasks.root);
  const then = Date.now() + 3_653 * 1_440 * MINUTE_MS;
  const store = await SeriesStore.open(config, 'staging', () => then);
  const [some] = store.read(0);
  if (!some) throw new Error('there are samples');
  for (let n = 0; n < 14; n++) {
    const at = Math.floor(then / MINUTE_MS - 14 + n) * MINUTE_MS;
    store.put({ at, version: 'v1', window: { ...some.window, from: at, to: at + MINUTE_MS, cpuSeconds: 57 } });
  }
  store.close();
  const { code, data, findings } = await tasks.ask('health:capacity');
  assert.equal([code, data.firing], [0, []], JSON.stringify(findings));
  const told = findings.find((one: { code: string }) => one.code === 'SAMPLES_AHEAD');
  assert.match(told?.message ?? '', /^14 minutes of samples are dated later than now, until 20\d\d-/);
});

test('an empty history, and one that does not go so far, are told with what to do', async () => {
  const empty = await strangeTasks('http://127.0.0.1:9').ask('health:capacity');
  assert.equal([empty.code, empty.error.code], [1, 'NO_SAMPLES']);
  assert.match(empty.error.message, 'Nothing is known of staging in that time');
  assert.match(empty.error.hint, 'npm run health:watch -- --env staging');
  const short = await (await withSamples(45)).ask('health:capacity', '--since', '5m');
  assert.is(short.error.code, 'NO_SAMPLES');
});

test.run();
