import { setTimeout as sleep } from 'node:timers/promises';
import type { Environment, Finding, LoadedConfig } from '@drydock/kit';
import { checkHealth } from '../check/endpoint.ts';
import { healthSection } from '../config/health.ts';
import { namesOf } from '../metrics/names.ts';
import { SampleKeeper } from '../series/keeper.ts';
import { openSource } from '../source/open.ts';
import { type GateResult, type GateRun, runGate } from './run.ts';

export interface GateOptions {
  forSeconds: number;
  /** One instance, instead of the address that people use. */
  url?: string | undefined;
  signal: AbortSignal;
  onMeasurement?: GateRun['onMeasurement'];
}

/** A gate on a real environment; what it sees is kept as samples, like everything that looks. */
export async function gate(config: LoadedConfig, environment: Environment, options: GateOptions): Promise<GateResult> {
  const { signal, url } = options;
  const { regression, intervalSeconds } = healthSection.of(config).gate;
  const source = openSource(config, environment, { url, signal, stepSeconds: intervalSeconds });
  const findings: Finding[] = [];
  const keeper = await SampleKeeper.open(config, environment.name, (finding) => findings.push(finding));
  try {
    const result = await runGate({
      config: healthSection.of(config),
      source,
      names: namesOf(healthSection.of(config).metrics, healthSection.of(config).prometheus.instanceLabel),
      forSeconds: options.forSeconds,
      askHealth: () => checkHealth(config, environment, url),
      baselineOf: (version) => keeper.before(version, regression.minutes),
      onWindow: (window, version) => keeper.add(window, version),
      onMeasurement: options.onMeasurement ?? (() => {}),
      sleep: (ms) => sleep(ms, undefined, { signal }),
      elapsed: () => performance.now(),
    });
    return { ...result, findings: [...result.findings, ...findings] };
  } finally {
    keeper.close();
  }
}
