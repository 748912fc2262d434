import { type EnvName, type Hint, type LoadedConfig, typedAtHome } from '@drydock/kit';
import type { HealthConfig } from '../config/health.ts';
import { healthSection } from '../config/health.ts';
import { namesOf } from '../metrics/names.ts';
import { applicableObjectives } from '../objectives/applicable.ts';
import { EVERY_ROUTE } from '../objectives/list.ts';
import type { GrowthObjective, ShareObjective, UsageObjective } from '../objectives/types.ts';
import { labelsFor } from '../source/prometheus.ts';
import { type BurnWindow, burnWindows, lengthsOf } from './burn.ts';
import type { Vocabulary } from './promql.ts';

/** All that the files of an environment are made from. */
export interface RulesPlan extends Vocabulary {
  product: string;
  env: EnvName;
  health: HealthConfig;
  shares: ShareObjective[];
  usages: UsageObjective[];
  growth: GrowthObjective | undefined;
  windows: BurnWindow[];
  /** The shortest window: for what is a state and no budget. */
  base: string;
  /** What whoever reads the files types next. */
  typed(next: Hint): string;
}

export function planRules(config: LoadedConfig, env: EnvName, bounds: readonly number[] | undefined): RulesPlan {
  const { product } = config;
  const health = healthSection.of(config);
  const windows = burnWindows(health);
  // Routes of "*" are told apart by Prometheus itself, so that a new one needs no new rule.
  const objectives = applicableObjectives(health, [EVERY_ROUTE]);
  return {
    ...{ product, env, health, bounds, windows },
    names: namesOf(health.metrics, health.prometheus.instanceLabel),
    labels: labelsFor(config, env),
    shares: objectives.filter((one) => one.kind === 'share'),
    usages: objectives.filter((one) => one.kind === 'usage'),
    growth: objectives.find((one) => one.kind === 'growth'),
    base: lengthsOf(windows)[0] ?? '5m',
    typed: (next) => typedAtHome(config, next),
  };
}
