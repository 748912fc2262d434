import { OpsError } from '@drydock/kit';
import { type HealthResult, readReport } from '../../src/check/endpoint.ts';
import type { HealthConfig } from '../../src/config/health.ts';
import { type GateResult, runGate } from '../../src/gate/run.ts';
import { namesOf } from '../../src/metrics/names.ts';
import { parseMetrics } from '../../src/metrics/parse.ts';
import { healthSettings } from '../settings.ts';
import type { Recorded } from './recordings.ts';

const defaults = healthSettings();
/** As by default, but for the pace of the recordings. */
export const REPLAYED: HealthConfig = {
  ...defaults,
  gate: { ...defaults.gate, intervalSeconds: 2, windowSeconds: 20 },
};

/** What was recorded, through the loop that a real gate runs. */
export function replay(looks: readonly Recorded[], config = REPLAYED): Promise<GateResult> {
  let at = 0;
  const now = () => looks[at] as Recorded;
  const clock = () => now().at - (looks[0]?.at ?? 0);
  return runGate({
    config,
    names: namesOf(config.metrics),
    forSeconds: 60,
    source: {
      name: 'the recording',
      skewSeconds: () => undefined,
      async next() {
        const { metrics } = now();
        if (!metrics) throw new OpsError({ code: 'METRICS_UNREACHABLE', message: 'Nothing answered.' });
        return [parseMetrics(metrics.body, now().at)];
      },
    },
    askHealth: async () => healthOf(now(), config),
    baselineOf: () => undefined,
    onWindow: () => {},
    onMeasurement: () => {},
    sleep: async () => {
      at = Math.min(at + 1, looks.length - 1);
    },
    elapsed: clock,
  });
}

function healthOf({ health }: Recorded, { expect }: HealthConfig): HealthResult {
  const endpoint = {
    part: 'endpoint',
    ok: health?.status === 200,
    required: true,
    detail: `answered ${health?.status}`,
  };
  if (!health) return { healthy: false, version: undefined, parts: [endpoint] };
  return readReport(JSON.parse(health.body), health.status === 200, expect, endpoint);
}

export const said = ({ findings }: GateResult) => findings.map(({ message }) => message).join('\n');
