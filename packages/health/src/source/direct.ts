import {
  type Environment,
  environmentSettings,
  type LoadedConfig,
  registerAddress,
  shownAddress,
  usageError,
} from '@drydock/kit';
import { publicUrl } from '../check/endpoint.ts';
import { healthSection } from '../config/health.ts';
import { parseMetrics } from '../metrics/parse.ts';
import { type Scrape, type Series, toScrape } from '../metrics/scrape.ts';
import { request } from './request.ts';
import type { Source } from './types.ts';

/** The product's own /metrics: of each instance, or of what answers at its address. */
export function directSource(
  config: LoadedConfig,
  environment: Environment,
  { url, signal }: { url?: string | undefined; signal?: AbortSignal } = {},
): Source {
  const { metrics, timeoutMs } = healthSection.of(config);
  const token = metrics.token === null ? undefined : environment.secret(metrics.token);
  const urls = addressesOf(config, environment, url);
  let skew: number | undefined;
  const scrapeOne = async (address: URL): Promise<Scrape> => {
    const { text, skewSeconds } = await request(address, {
      ...{ code: 'METRICS', what: "The product's metrics", timeoutMs, token, tokenKey: 'health.metrics.token' },
      alone: true,
      ...(signal ? { signal } : {}),
    });
    skew = skewSeconds;
    const scrape = parseMetrics(text, Date.now());
    return skewSeconds === undefined ? scrape : { ...scrape, aheadMs: new Map([['', skewSeconds * 1_000]]) };
  };
  return {
    name: urls.map(shownAddress).join(', '),
    skewSeconds: () => skew,
    async next() {
      const [only] = urls;
      if (urls.length === 1 && only) return [await scrapeOne(only)];
      return [await scrapeAll(urls, scrapeOne, healthSection.of(config).prometheus.instanceLabel)];
    },
  };
}

function addressesOf(config: LoadedConfig, environment: Environment, url: string | undefined): URL[] {
  const { path, urls } = healthSection.of(config).metrics;
  if (url !== undefined) registerAddress(url);
  const name =
    url !== undefined ? '--url' : environment.has(urls) ? urls : environmentSettings(config, environment.name).url;
  const bases = (url ?? environment.get(urls) ?? publicUrl(config, environment)).split(',').map((one) => one.trim());
  return bases.filter(Boolean).map((base) => {
    const parsed = URL.parse(base);
    if (!parsed || !/^https?:$/.test(parsed.protocol))
      throw usageError(
        'ADDRESS_WRONG',
        `${name} has what is no address of metrics.`,
        'It looks like this: http://10.0.0.5:3000',
      );
    // An address that has a path of its own means that one.
    return parsed.pathname === '/' ? new URL(path, parsed) : parsed;
  });
}

/** Instances as Prometheus would tell them apart. One that is away leaves the others; all away is an error. */
async function scrapeAll(urls: URL[], scrapeOne: (url: URL) => Promise<Scrape>, label: string): Promise<Scrape> {
  const answers = await Promise.allSettled(urls.map(scrapeOne));
  const failure = answers.find((answer) => answer.status === 'rejected');
  if (failure && answers.every(({ status }) => status === 'rejected')) throw failure.reason;
  const announced = new Set<string>();
  const aheadMs = new Map<string, number>();
  const all: Series[] = [];
  for (const [at, answer] of answers.entries()) {
    if (answer.status === 'rejected') continue;
    for (const name of answer.value.announced) announced.add(name);
    const instance = nameOf(urls[at], urls);
    aheadMs.set(instance, answer.value.aheadMs?.get('') ?? 0);
    for (const series of answer.value.series.values())
      for (const one of series) all.push({ ...one, labels: { ...one.labels, [label]: instance } });
  }
  return { ...toScrape(Date.now(), all, announced), aheadMs };
}

/** Instances behind one host are told apart by their place in the list: a path may be a key. */
function nameOf(url: URL | undefined, all: readonly URL[]): string {
  if (!url) return '';
  const alike = all.filter(({ host }) => host === url.host);
  return alike.length > 1 ? `${url.host}#${alike.indexOf(url) + 1}` : url.host;
}
