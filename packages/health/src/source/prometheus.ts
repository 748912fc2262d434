import { type EnvName, type LoadedConfig, OpsError, usageError } from '@drydock/kit';
import { healthSection } from '../config/health.ts';
import { type Names, selectorsOf } from '../metrics/names.ts';
import { type Scrape, type Series, toScrape } from '../metrics/scrape.ts';
import type { Matrix, PrometheusClient } from './prometheus-client.ts';
import type { Source } from './types.ts';

/** Nobody scrapes more seldom; what is older is a target that is gone. */
const STALE_MS = 150_000;

interface Options {
  names: Names;
  /** `{ job: "shop" }`: what tells this product's series from others. */
  labels: Record<string, string>;
  stepSeconds: number;
}

/**
 * Counters as Prometheus has scraped them, taken raw (query_range without a function), so that the same code handles their resets as for
 * a scrape of our own.
 */
export function prometheusSource(client: PrometheusClient, { names, labels, stepSeconds }: Options): Source {
  const query = rawQuery(names, labels);
  let last: number | undefined;
  let announced: ReadonlySet<string> | undefined;
  return {
    name: client.url,
    skewSeconds: () => client.skewSeconds(),
    async next() {
      announced ??= await client.announced();
      // By its clock: asked for a time that has not come to it yet, it would have nothing to say.
      const now = await client.now();
      if (last !== undefined && last + stepSeconds * 1_000 > now) return [];
      // From the last one again, so that a repetition of it can be told.
      const range = { from: last ?? now, to: now, stepSeconds };
      const all = toScrapes(await client.range(query, range), { names, announced, stepSeconds });
      if (last === undefined && all.length === 0) throw unknownProduct(client.url, labels);
      const scrapes = all.filter(({ at }) => last === undefined || at > last);
      if (last !== undefined && scrapes.length === 0 && now - last > STALE_MS) throw stale(client.url, last);
      last = scrapes.at(-1)?.at ?? last;
      return scrapes;
    },
  };
}

/** `{env}` in a value stands for the environment. */
export function labelsFor(config: LoadedConfig, env: EnvName): Record<string, string> {
  return Object.fromEntries(
    Object.entries(healthSection.of(config).prometheus.labels).map(([label, value]) => [
      label,
      value.replaceAll('{env}', env),
    ]),
  );
}

export function rawQuery(names: Names, labels: Record<string, string>): string {
  const metrics = [...new Set(selectorsOf(names).map(({ selector }) => selector.name))];
  return `{__name__=~"${metrics.join('|')}"${matchersOf(labels)}}`;
}

/** `,job="shop"`, to be put behind another matcher. */
export function matchersOf(labels: Record<string, string>): string {
  return Object.entries(labels)
    .map(([label, value]) => `,${label}=${JSON.stringify(value)}`)
    .join('');
}

/**
 * One scrape per step that has any series. A step without a new scrape repeats the last values (for five minutes, where the target did not
 * say that it ended): such a step is left out, or a slow scrape would look like a product that does nothing, and then everything at once.
 */
export function toScrapes(
  matrix: Matrix,
  { names, announced, stepSeconds }: { names: Names; announced: ReadonlySet<string>; stepSeconds: number },
): Scrape[] {
  const wanted = new Set(selectorsOf(names).map(({ selector }) => selector.name));
  const byTime = new Map<number, Series[]>();
  for (const { metric, values } of matrix) {
    const { __name__: name = '', ...labels } = metric;
    if (!wanted.has(name)) continue;
    for (const [seconds, value] of values) {
      const at = Math.round(seconds * 1_000);
      const all = byTime.get(at) ?? [];
      byTime.set(at, all);
      all.push({ name, labels, value: Number(value === '+Inf' ? 'Infinity' : value) });
    }
  }
  return [...byTime]
    .sort(([a], [b]) => a - b)
    .filter(([, series], step, all) => !isRepeated(series, all[step - 1]?.[1]))
    .map(([at, series]) => ({ ...toScrape(at, series, announced), blurMs: stepSeconds * 1_000 }));
}

/** The matrix has its series in one order, and each step takes them in it. */
function isRepeated(series: readonly Series[], before: readonly Series[] | undefined): boolean {
  if (before?.length !== series.length) return false;
  return series.every(({ value, labels }, at) => Object.is(value, before[at]?.value) && labels === before[at]?.labels);
}

function stale(url: string, last: number) {
  return new OpsError({
    code: 'PROMETHEUS_STALE',
    message: `Prometheus at ${url} has scraped nothing of the product since ${new Date(last).toISOString()}.`,
    hint: 'Is its target up? See its /targets.',
  });
}

function unknownProduct(url: string, labels: Record<string, string>) {
  const matchers = matchersOf(labels).slice(1);
  return usageError(
    'PROMETHEUS_EMPTY',
    `Prometheus at ${url} has none of the product's metrics${matchers ? ` with {${matchers}}` : ''}.`,
    'Does it scrape the product? See its /targets, and health.prometheus.labels and health.metrics in drydock.config.ts.',
  );
}
