import { setTimeout as sleep } from 'node:timers/promises';
import type { Environment, Finding, LoadedConfig } from '@drydock/kit';
import { checkHealth } from '../check/endpoint.ts';
import { healthSection } from '../config/health.ts';
import { doubtFinding } from '../metrics/doubt.ts';
import { namesOf } from '../metrics/names.ts';
import { applicableObjectives, checkMetrics } from '../objectives/applicable.ts';
import { SampleKeeper } from '../series/keeper.ts';
import { openSource } from '../source/open.ts';
import { skewFinding } from '../source/skew.ts';
import { costMeter } from './cost.ts';
import type { Look } from './draw.ts';
import { type WatchState, watch } from './run.ts';

export interface WatchOptions {
  intervalSeconds: number;
  /** Infinity: until somebody has seen enough. */
  forSeconds: number;
  url: string | undefined;
  signal: AbortSignal;
  /** `cost` is the share of a core that looking takes. */
  onLook(look: Look, state: WatchState & { cost: number }): void;
  onFinding(finding: Finding): void;
}

/** Watches a real environment, and keeps what it sees as samples. */
export async function watchEnvironment(
  config: LoadedConfig,
  environment: Environment,
  { intervalSeconds, forSeconds, url, signal, onLook, onFinding }: WatchOptions,
): Promise<WatchState> {
  const health = healthSection.of(config);
  const names = namesOf(health.metrics, health.prometheus.instanceLabel);
  const source = openSource(config, environment, { url, signal, stepSeconds: intervalSeconds });
  const keeper = await SampleKeeper.open(config, environment.name, onFinding);
  const cost = costMeter();
  try {
    return await watch({
      source,
      names,
      intervalSeconds,
      windowSeconds: Math.max(health.gate.windowSeconds, intervalSeconds),
      forSeconds,
      cores: health.capacity.cores,
      objectivesFor: (routes) => applicableObjectives(health, routes),
      onFirst: (scrape) => checkMetrics(scrape, names, applicableObjectives(health)).forEach(onFinding),
      askHealth: () => checkHealth(config, environment, url),
      onWindow: (window, version) => keeper.add(window, version),
      onDoubt: (doubt) => onFinding(doubtFinding(doubt)),
      onLook: (look, state) => {
        if (state.looks.length === 1) skewFinding(source, health.gate.clockSkewSeconds).forEach(onFinding);
        onLook(look, { ...state, cost: cost() });
      },
      sleep: (ms) => sleep(ms, undefined, { signal }),
      elapsed: () => performance.now(),
    });
  } finally {
    keeper.close();
  }
}
