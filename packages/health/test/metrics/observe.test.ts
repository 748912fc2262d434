// Uses no service.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { countOf } from '../../src/metrics/histogram.ts';
import { findMissing, namesOf } from '../../src/metrics/names.ts';
import { observe } from '../../src/metrics/observe.ts';
import { parseMetrics } from '../../src/metrics/parse.ts';
import { parseSelector } from '../../src/metrics/selector.ts';
import { addWindows, allRequests } from '../../src/metrics/window.ts';
import { healthSettings } from '../settings.ts';
import { FakeProduct, STEADY } from '../traffic.ts';

const test = suite('what happened between two scrapes');
const names = namesOf(healthSettings().metrics);
const page = (at: number, lines: string) => parseMetrics(lines, at);
const started = (seconds: number) => `process_start_time_seconds ${seconds}\n`;

test('a counter that fell in a process that goes on is not known, which is not zero, and not new', () => {
  const window = observe(
    page(0, `${started(1)}cache_hits_total 100\n`),
    page(10_000, `${started(1)}cache_hits_total 7\n`),
    names,
  );
  assert.is(window.cacheHits, undefined);
  assert.is(window.restarts, 0);
  assert.equal(
    window.doubts.map(({ code, key }) => [code, key]),
    [['COUNTER_LOST', 'cacheHits']],
  );
});

test('a counter of a new process began at zero even where it has passed its old value', () => {
  const window = observe(
    page(0, `${started(1)}cache_hits_total 100\n`),
    page(10_000, `${started(9)}cache_hits_total 130\n`),
    names,
  );
  assert.is(window.cacheHits, 130);
  assert.is(window.restarts, 1);
});

test('a series that is new on a process that was there began at zero', () => {
  const errors = '# TYPE http_errors_total counter\n';
  const window = observe(
    page(0, `${started(1)}${errors}`),
    page(10_000, `${started(1)}${errors}http_errors_total{route="/x"} 3\n`),
    names,
  );
  assert.is(window.errors, 3);
  assert.equal([...window.errorsBy], [['{route="/x"}', 3]]);
});

test('an instance that was not seen before proves nothing, unless it has just begun', () => {
  const one = (instance: string, hits: number, start: number) =>
    `cache_hits_total{instance="${instance}"} ${hits}\nprocess_start_time_seconds{instance="${instance}"} ${start}\n`;
  const before = page(20_000, one('a', 10, 1));
  assert.is(observe(before, page(30_000, one('a', 15, 1) + one('b', 500, 1)), names).cacheHits, 5);
  assert.is(observe(before, page(30_000, one('a', 15, 1) + one('b', 8, 25)), names).cacheHits, 13);
});

test('labels in another order are the same series', () => {
  const window = observe(
    page(0, 'cache_hits_total{a="1",b="2"} 5\n'),
    page(10_000, 'cache_hits_total{b="2",a="1"} 6\n'),
    names,
  );
  assert.is(window.cacheHits, 1);
});

test('what is not announced is not known, which is not zero', () => {
  const window = observe(page(0, 'x 1\n'), page(10_000, 'x 2\n'), names);
  assert.is(window.cacheHits, undefined);
  assert.is(window.cpuSeconds, undefined);
});

test('windows add up to what one long window sees, across restarts', async () => {
  const product = new FakeProduct(3);
  product.run(10, STEADY);
  product.truth = [];
  let before = await product.scrape();
  let sum: ReturnType<typeof observe> | undefined;
  for (let i = 0; i < 12; i++) {
    product.run(10, STEADY);
    const after = await product.scrape();
    const window = observe(before, after, names);
    sum = sum ? addWindows(sum, window) : window;
    before = after;
    if (i === 5) {
      // What a process counts between the last scrape and its end is lost; here that is nothing.
      product.restart();
    }
  }
  assert.is(countOf(sum?.routes.get('GET /api/jobs') ?? { bounds: [], counts: [], sum: 0 }), product.truth.length);
  assert.is(sum?.restarts, 1);
  assert.is(sum?.instanceSeconds, 120);
});

test('probes and operators are not counted', () => {
  const line = (route: string, count: number) =>
    `http_request_duration_seconds_bucket{le="+Inf",method="GET",route="${route}"} ${count}\n`;
  const lines = (n: number) =>
    line('/api/jobs', n) + line('/metrics', n) + line('/api/admin/health', n) + line('/readyz', n);
  const window = observe(page(0, lines(0)), page(10_000, lines(4)), names);
  assert.equal([...window.routes.keys()], ['GET /api/jobs']);
  const all = allRequests(window);
  assert.is(all && countOf(all), 4);
});

test('a metric that does not exist is found, with what looks like it', async () => {
  const product = new FakeProduct(1);
  product.run(2, STEADY);
  const strange = namesOf({
    ...healthSettings().metrics,
    cacheHits: 'cache_hit_total',
    requests: 'http_duration_seconds',
  });
  assert.equal(findMissing(await product.scrape(), strange), [
    {
      key: 'requests',
      name: 'http_duration_seconds',
      similar: ['http_request_duration_seconds', 'nodejs_gc_duration_seconds'],
    },
    { key: 'cacheHits', name: 'cache_hit_total', similar: ['cache_hits_total', 'cache_misses_total'] },
  ]);
  assert.equal(findMissing(await product.scrape(), names), []);
});

test('selectors are read as Prometheus reads them', () => {
  const selector = parseSelector('a{b="c", d!="e",f=~"5..",g!~"x|y",}');
  assert.equal(
    selector.matchers.map(({ label, operator, value }) => `${label}${operator}${value}`),
    ['b=c', 'd!=e', 'f=~5..', 'g!~x|y'],
  );
  assert.is(selector.matchers[2]?.matches('500'), true);
  assert.is(selector.matchers[2]?.matches('1500'), false);
  assert.throws(() => parseSelector('a{b=c}'), /cannot be read near "b=c"/);
  assert.throws(() => parseSelector('a{b=~"("}'), /a regular expression that cannot be read/);
});

test.run();
