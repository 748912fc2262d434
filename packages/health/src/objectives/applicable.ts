import { type Finding, usageError } from '@drydock/kit';
import type { HealthConfig } from '../config/health.ts';
import { findMissing, type Missing, type Names } from '../metrics/names.ts';
import type { Scrape } from '../metrics/scrape.ts';
import { listObjectives } from './list.ts';
import type { Objective } from './types.ts';

type Key = Missing['key'];

/** Keys of health.metrics that an objective rests on. */
export function keysOf(objective: Objective): Key[] {
  if (objective.kind === 'usage') return [objective.id];
  if (objective.kind === 'growth') return ['majorGc', 'oldSpace'];
  const { of } = objective.source;
  if (of === 'cache') return ['cacheHits', 'cacheMisses'];
  return of === 'latency' ? ['requests'] : ['requests', of];
}

/** Objectives of the config less those on a metric that the product, by its config, does not have. */
export function applicableObjectives(
  { objectives, metrics }: HealthConfig,
  routes: Iterable<string> = [],
): Objective[] {
  return listObjectives(objectives, routes).filter((objective) =>
    keysOf(objective).every((key) => metrics[key] !== null),
  );
}

/**
 * An objective on a metric that does not exist is a mistake in the config (exit 2). What rests on metrics that Node's client brings along
 * (CPU, collections) is left out with a word: not every product is a Node process.
 */
export function checkMetrics(scrape: Scrape, names: Names, objectives: readonly Objective[]): Finding[] {
  const missing = new Map(findMissing(scrape, names).map((one) => [one.key, one]));
  return objectives.flatMap((objective): Finding[] => {
    const [gone] = keysOf(objective).flatMap((key) => missing.get(key) ?? []);
    if (!gone) return [];
    const message = `${objective.title} (${objective.wanted}) rests on the metric ${gone.name}, which is not there.`;
    const hint = hintFor(gone);
    if (objective.kind === 'share') throw usageError('METRIC_MISSING', message, hint);
    return [{ level: 'warn', code: 'METRIC_MISSING', message, hint }];
  });
}

function hintFor({ key, similar }: Missing): string {
  const like = similar.length > 0 ? `Did you mean ${similar.join(' or ')}? ` : '';
  const none = key === 'requests' ? '' : ', or null if the product has none';
  return `${like}Set health.metrics.${key} in drydock.config.ts${none}.`;
}
