import type { Environment, LoadedConfig } from '@drydock/kit';
import { healthSection } from '../config/health.ts';
import { namesOf } from '../metrics/names.ts';
import { directSource } from './direct.ts';
import { labelsFor, prometheusSource } from './prometheus.ts';
import { prometheusClient } from './prometheus-client.ts';
import type { Source } from './types.ts';

/** Prometheus where one is configured, and no single instance is asked for; the product's own page otherwise. */
export function openSource(
  config: LoadedConfig,
  environment: Environment,
  { url, signal, stepSeconds }: { url?: string | undefined; signal: AbortSignal; stepSeconds: number },
): Source {
  const client = url === undefined ? prometheusClient(config, environment, signal) : undefined;
  if (!client) return directSource(config, environment, { url, signal });
  const names = namesOf(healthSection.of(config).metrics, healthSection.of(config).prometheus.instanceLabel);
  return prometheusSource(client, { names, labels: labelsFor(config, environment.name), stepSeconds });
}
