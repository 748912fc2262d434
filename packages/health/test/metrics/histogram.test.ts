// Uses no service: durations are drawn from distributions whose quantiles are known.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { addHistograms, countAbove, type Histogram, quantileOf } from '../../src/metrics/histogram.ts';
import { mulberry, normal } from '../traffic.ts';

const test = suite('quantiles of histograms');
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 1, 2.5, 5, 10, Number.POSITIVE_INFINITY];

const toHistogram = (values: number[]): Histogram => ({
  bounds: BOUNDS,
  counts: BOUNDS.map((bound) => values.filter((value) => value <= bound).length),
  sum: values.reduce((sum, value) => sum + value, 0),
});
/** The value that a share of all lies at or below (nearest rank). */
const trueQuantile = (values: number[], quantile: number) =>
  [...values].sort((a, b) => a - b)[Math.ceil(quantile * values.length) - 1] ?? Number.NaN;

const DISTRIBUTIONS: Record<string, (random: () => number) => number> = {
  uniform: (random) => random() * 0.5,
  exponential: (random) => -Math.log(1 - random()) * 0.12,
  'log-normal': (random) => 0.08 * Math.exp(0.7 * normal(random)),
  'two humps': (random) => (random() < 0.9 ? 0.02 + random() * 0.02 : 0.5 + random()),
  'all the same': () => 0.15,
  'a long tail': (random) => 0.02 / (1 - random()) ** 0.8,
};

for (const [name, draw] of Object.entries(DISTRIBUTIONS))
  test(`p50, p95 and p99 of ${name} lie in the bucket that is named, and within its width of the true ones`, () => {
    const random = mulberry(7);
    for (const size of [20, 300, 5_000]) {
      const values = Array.from({ length: size }, () => draw(random));
      for (const quantile of [0.5, 0.95, 0.99]) {
        const found = quantileOf(toHistogram(values), quantile);
        const truth = trueQuantile(values, quantile);
        assert.ok(found && found.lower < truth && truth <= found.upper, `${name} ${size} ${quantile}: ${truth}`);
        if (found && Number.isFinite(found.upper))
          assert.ok(Math.abs(found.value - truth) <= found.upper - found.lower);
      }
    }
  });

test('the share above a bucket’s end is exact, and inside a bucket it is told how little is known', () => {
  const histogram = toHistogram([0.05, 0.15, 0.35, 0.45, 0.55]);
  assert.equal(countAbove(histogram, 0.4), { likely: 2, least: 2, most: 2 });
  const { likely, least, most } = countAbove(histogram, 0.5);
  assert.equal([least, most], [0, 2]);
  assert.ok(likely > 0.9 && likely < 1.1);
  assert.equal(countAbove(histogram, 20), { likely: 0, least: 0, most: 0 });
});

test('histograms add up; what only one of them can tell apart is lost, not guessed', () => {
  const a = toHistogram([0.05, 0.15]);
  assert.equal(addHistograms(a, toHistogram([0.45])).counts.at(-1), 3);
  const coarse: Histogram = { bounds: [0.1, 1, Number.POSITIVE_INFINITY], counts: [1, 1, 1], sum: 0.05 };
  assert.equal(addHistograms(a, coarse), {
    bounds: [0.1, 1, Number.POSITIVE_INFINITY],
    counts: [2, 3, 3],
    sum: a.sum + coarse.sum,
  });
});

test('without a request there is no quantile', () => {
  assert.is(quantileOf(toHistogram([]), 0.95), undefined);
  assert.is(quantileOf({ bounds: [], counts: [], sum: 0 }, 0.95), undefined);
});

test.run();
