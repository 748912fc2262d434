// Uses SQLite, the file that tasks write.
import { readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig, type OpsError } from '@drydock/kit';
import { hintOf, makeStrangeProduct } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { countOf } from '../../src/metrics/histogram.ts';
import { namesOf } from '../../src/metrics/names.ts';
import { observe } from '../../src/metrics/observe.ts';
import type { Window } from '../../src/metrics/window.ts';
import { decode, encode, MOST_ROW_BYTES } from '../../src/series/encode.ts';
import { SampleKeeper } from '../../src/series/keeper.ts';
import { Recorder } from '../../src/series/recorder.ts';
import { MINUTE_MS, type Minute, SeriesStore } from '../../src/series/store.ts';
import { healthSettings } from '../settings.ts';
import { FakeProduct, STEADY } from '../traffic.ts';

const test = suite('samples on disk');
const product = new FakeProduct(4);
product.run(60, STEADY);
const before = await product.scrape();
product.run(60, STEADY);
const window = observe(before, await product.scrape(), namesOf(healthSettings().metrics));

const configFor = (days = 1) => loadConfig(undefined, makeStrangeProduct({ health: { series: { days } } }));
const minute = (n: number, more: Partial<Window> = {}): Minute => ({
  at: n * MINUTE_MS,
  version: 'v1',
  window: { ...window, from: n * MINUTE_MS, to: (n + 1) * MINUTE_MS, ...more },
});

test('a minute comes back as it went in', async () => {
  const store = await SeriesStore.open(await configFor(), 'staging');
  store.put(minute(5));
  const [back] = store.read(0);
  assert.is(back?.version, 'v1');
  for (const [route, histogram] of minute(5).window.routes)
    assert.equal(back?.window.routes.get(route)?.counts, histogram.counts);
  assert.equal([back?.window.errors, back?.window.cacheHits], [window.errors, window.cacheHits]);
  store.close();
});

test('the file does not grow once its days are full, and the oldest make room', async () => {
  const config = await configFor(1);
  const store = await SeriesStore.open(config, 'staging');
  const file = join(config.path('.drydock/health'), 'staging.sqlite');
  const sizes: number[] = [];
  for (let day = 0; day < 4; day++) {
    for (let n = 0; n < 1_440; n++) store.put(minute(day * 1_440 + n));
    sizes.push(statSync(file).size);
  }
  assert.is(store.read(0).length, 1_440);
  assert.is(store.read(0)[0]?.at, 3 * 1_440 * MINUTE_MS);
  assert.is(sizes.at(-1), sizes[1]);
  assert.ok((sizes.at(-1) ?? 0) < 1_440 * (MOST_ROW_BYTES + 200));
  store.close();
});

test('however many routes a product has, a row keeps its size and its requests', () => {
  const [histogram] = [...window.routes.values()];
  const many = new Map(Array.from({ length: 300 }, (_, at) => [`GET /api/things/${at}`, histogram ?? never()]));
  const text = encode({ ...window, routes: many });
  assert.ok(text.length <= MOST_ROW_BYTES, `${text.length} bytes`);
  const requests = [...decode(text).routes.values()].reduce((sum, one) => sum + countOf(one), 0);
  assert.is(requests, 300 * countOf(histogram ?? never()));
});

test('another number of days keeps what fits', async () => {
  const config = await configFor(2);
  const store = await SeriesStore.open(config, 'staging');
  for (let n = 0; n < 2_880; n += 10) store.put(minute(n));
  store.close();
  const written = { ...config.written, health: { series: { days: 1 } } };
  const smaller = await SeriesStore.open({ ...config, written }, 'staging');
  assert.equal(
    smaller.read(0).map(({ at }) => at / MINUTE_MS),
    Array.from({ length: 144 }, (_, at) => 1_440 + at * 10),
  );
  smaller.close();
});

test('of two tasks in the same minute the one that saw more of it is kept', async () => {
  const store = await SeriesStore.open(await configFor(), 'staging');
  store.put(minute(7, { instanceSeconds: 60 }));
  store.put(minute(7, { instanceSeconds: 10 }));
  assert.is(store.read(0)[0]?.window.instanceSeconds, 60);
  store.close();
});

test('a window with a hole in it is no sample', () => {
  const kept: Minute[] = [];
  const recorder = new Recorder((one) => kept.push(one));
  recorder.add({ ...window, from: 0, to: 20 * MINUTE_MS }, 'v1');
  recorder.add({ ...window, from: 20 * MINUTE_MS, to: 20.5 * MINUTE_MS }, 'v1');
  assert.equal(
    kept.map(({ at }) => at),
    [20 * MINUTE_MS],
  );
});

test('minutes that a clock dated ahead are not believed, hold no place of now, and are taken out with a word', async () => {
  const config = await configFor(1);
  const now = 50_000 * MINUTE_MS;
  const clock = { at: now + 3_653 * 1_440 * MINUTE_MS };
  const store = await SeriesStore.open(config, 'staging', () => clock.at);
  for (let n = 0; n < 14; n++) store.put({ ...minute(clock.at / MINUTE_MS + n), version: 'v2036' });
  assert.is(store.read(0).length, 5, 'its own few minutes of slack');
  clock.at = now;
  assert.equal(store.read(0), []);
  assert.is(store.before('v9', 60), undefined);
  assert.is(store.ahead()?.minutes, 14);
  store.dropAhead();
  assert.is(store.ahead()?.minutes, 14, 'where they are most of all, the clock of now may be the wrong one');
  for (let n = 0; n < 30; n++) store.put(minute(50_000 - 30 + n));
  store.put(minute(50_000));
  assert.is(store.read(0).length, 31, 'the same places of the ring');
  store.dropAhead();
  assert.equal([store.ahead(), store.read(0).length], [undefined, 31]);
  assert.is(store.before('v9', 60)?.version, 'v1');
  store.close();
});

test('a file that is no database is told, and costs a watch nothing but its samples', async () => {
  const config = await configFor();
  const store = await SeriesStore.open(config, 'staging');
  store.close();
  writeFileSync(join(config.path('.drydock/health'), 'staging.sqlite'), 'not a database, but long enough to be read');
  const error = await SeriesStore.open(config, 'staging').catch((thrown: OpsError) => thrown as OpsError);
  assert.is((error as OpsError).code, 'SERIES_UNREADABLE');
  assert.match(hintOf(error as OpsError), 'Move the file away');
  const told: string[] = [];
  const keeper = await SampleKeeper.open(config, 'staging', ({ code }) => told.push(code));
  keeper.add(window, 'v1');
  assert.is(keeper.before('v2', 60), undefined);
  keeper.close();
  assert.equal(told, ['SAMPLES_NOT_KEPT']);
});

function never(): never {
  throw new Error('STEADY has routes');
}

test('the file is for its owner alone whatever the umask, and a link in its place is not followed', async () => {
  const config = await configFor();
  const umask = process.umask(0);
  try {
    const store = await SeriesStore.open(config, 'staging');
    store.put(minute(1));
    for (const name of readdirSync(config.path('.drydock/health')))
      assert.is(statSync(config.path(`.drydock/health/${name}`)).mode & 0o777, 0o600, name);
    store.close();
  } finally {
    process.umask(umask);
  }
  assert.is(statSync(config.path('.drydock/health')).mode & 0o777, 0o700);
  const target = join(config.root, 'target');
  writeFileSync(target, '');
  symlinkSync(target, config.path('.drydock/health/production.sqlite'));
  const error = await SeriesStore.open(config, 'production').then(
    () => undefined,
    (thrown) => thrown as OpsError,
  );
  assert.is(error?.code, 'SERIES_UNREADABLE');
  assert.is(statSync(target).size, 0);
});

test.run();
