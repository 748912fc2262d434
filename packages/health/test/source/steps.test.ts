// Uses no service: a Prometheus whose answers are written out, for what a real one does only in minutes.
import type { OpsError } from '@drydock/kit';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { namesOf } from '../../src/metrics/names.ts';
import { prometheusSource } from '../../src/source/prometheus.ts';
import type { PrometheusClient } from '../../src/source/prometheus-client.ts';
import { healthSettings } from '../settings.ts';

const test = suite('the steps of a query_range');
const names = namesOf(healthSettings().metrics);

/** Scrapes a counter every `every` seconds until `end`, and repeats the last value for five minutes, as Prometheus does. */
function prometheusOf({ every, end = Number.POSITIVE_INFINITY }: { every: number; end?: number }) {
  const clock = { seconds: 600 };
  const client: PrometheusClient = {
    url: 'http://prometheus.test',
    skewSeconds: () => 0,
    announced: async () => new Set(['process_cpu_seconds']),
    now: async () => clock.seconds * 1_000,
    async range(_, { from, to, stepSeconds }) {
      const values: [number, string][] = [];
      for (let at = from / 1_000; at <= to / 1_000; at += stepSeconds) {
        const scraped = Math.min(Math.floor(at / every) * every, end);
        if (at - scraped < 300) values.push([at, String(scraped)]);
      }
      return values.length > 0 ? [{ metric: { __name__: 'process_cpu_seconds_total' }, values }] : [];
    },
  };
  return { clock, source: prometheusSource(client, { names, labels: {}, stepSeconds: 10 }) };
}

test('a step without a new scrape is none: no product does nothing, and then everything at once', async () => {
  const { clock, source } = prometheusOf({ every: 30 });
  const seen: number[] = [];
  for (let look = 0; look < 13; look++) {
    for (const scrape of await source.next())
      seen.push(scrape.series.get('process_cpu_seconds_total')?.[0]?.value ?? Number.NaN);
    clock.seconds += 10;
  }
  assert.equal(seen, [600, 630, 660, 690, 720]);
});

test('a target that is gone is told, once its last value is too old to be a slow scrape', async () => {
  const { clock, source } = prometheusOf({ every: 10, end: 620 });
  const errors: string[] = [];
  for (let look = 0; look < 40; look++) {
    await source.next().catch(({ code }: OpsError) => errors.push(code));
    clock.seconds += 10;
  }
  assert.ok(errors.length > 0);
  assert.ok(errors.every((code) => code === 'PROMETHEUS_STALE'));
});

test.run();
