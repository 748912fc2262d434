import { command, type Environment, type Finding, hint, type LoadedConfig, OpsError } from '@drydock/kit';
import { healthSection } from '../config/health.ts';
import { Follower } from '../metrics/follow.ts';
import { namesOf } from '../metrics/names.ts';
import type { Window } from '../metrics/window.ts';
import { aheadFinding } from '../series/ahead.ts';
import { MINUTE_MS, SeriesStore } from '../series/store.ts';
import { labelsFor, rawQuery, toScrapes } from '../source/prometheus.ts';
import { type PrometheusClient, prometheusClient } from '../source/prometheus-client.ts';

/** As much as one answer of Prometheus should hold: hundreds of series, a minute each. */
const CHUNK_MS = 6 * 3_600_000;

export interface History {
  /** A minute each, in order. */
  windows: Window[];
  /** For a person: where they come from. */
  source: string;
  /** By the clock that made them. */
  now: number;
  findings: Finding[];
}

/** What is known of the time until now: of Prometheus where one is configured, of the samples kept on this machine otherwise. */
export async function readHistory(
  config: LoadedConfig,
  environment: Environment,
  { sinceMs, signal }: { sinceMs: number; signal: AbortSignal },
): Promise<History> {
  const client = prometheusClient(config, environment, signal);
  const history = client
    ? await fromPrometheus(config, environment, client, sinceMs)
    : await fromSamples(config, environment, sinceMs);
  if (history.windows.length === 0) throw noSamples(environment.name, history, client !== undefined);
  return history;
}

async function fromSamples(config: LoadedConfig, { name }: Environment, sinceMs: number): Promise<History> {
  const now = Date.now();
  const store = await SeriesStore.open(config, name);
  try {
    const ahead = store.ahead();
    return {
      windows: store.read(now - sinceMs).map(({ window }) => window),
      source: `samples in ${healthSection.of(config).series.folder}`,
      now,
      findings: ahead ? [aheadFinding(ahead)] : [],
    };
  } finally {
    store.close();
  }
}

async function fromPrometheus(
  config: LoadedConfig,
  environment: Environment,
  client: PrometheusClient,
  sinceMs: number,
): Promise<History> {
  const names = namesOf(healthSection.of(config).metrics, healthSection.of(config).prometheus.instanceLabel);
  const query = rawQuery(names, labelsFor(config, environment.name));
  const announced = await client.announced();
  const now = await client.now();
  const follower = new Follower(names);
  const windows: Window[] = [];
  for (let from = now - sinceMs; from <= now; from += CHUNK_MS) {
    // Steps of neighbouring chunks must not meet: the same moment twice is no window.
    const to = Math.min(now, from + CHUNK_MS - MINUTE_MS);
    const stepSeconds = MINUTE_MS / 1_000;
    const matrix = await client.range(query, { from, to, stepSeconds });
    for (const scrape of toScrapes(matrix, { names, announced, stepSeconds })) {
      const window = follower.take(scrape);
      if (window) windows.push(window);
    }
  }
  return { windows, source: `Prometheus at ${client.url}`, now, findings: [] };
}

function noSamples(env: string, { source, findings }: History, prometheus: boolean) {
  const also = findings.map(({ message }) => ` ${message}`).join('');
  return new OpsError({
    code: 'NO_SAMPLES',
    message: `Nothing is known of ${env} in that time: ${source} ${prometheus ? 'has none of its metrics' : 'hold none'}.${also}`,
    hint: prometheus
      ? 'Does it scrape the product? See its /targets, and health.prometheus.labels and health.metrics in drydock.config.ts.'
      : hint`Let ${command('health:watch', { env })} run, or set PROMETHEUS_URL to a server that scrapes the product.`,
  });
}
