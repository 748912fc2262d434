import { hintOf } from '@drydock/kit/testing';
import * as assert from 'uvu/assert';
import type { HealthConfig } from '../../src/config/health.ts';
import type { GateResult } from '../../src/gate/run.ts';
import type { Recorded } from '../recorded/recordings.ts';
import { REPLAYED, replay, said } from '../recorded/replay.ts';

export const BEGAN = 1_800_000_000_000;
const HEALTHY = { status: 200, body: '{"ok":true,"version":"v1"}' };
export const HOUR_AGO = BEGAN / 1_000 - 3_600;

type Settings = Partial<HealthConfig['metrics']>;
const NONE: Settings = { cacheHits: null, cacheMisses: null, blocks: null };

/** A look every two seconds; `page` gets the number of the look. */
export function run(
  page: (look: number) => string,
  metrics: Settings = {},
  looks = 12,
  own: Partial<HealthConfig['objectives']> = {},
): Promise<GateResult> {
  const all = Array.from(
    { length: looks },
    (_, at): Recorded => ({
      at: BEGAN + at * 2_000,
      metrics: { status: 200, body: page(at) },
      health: HEALTHY,
    }),
  );
  const objectives = { ...REPLAYED.objectives, cacheHits: null, blocks: null, gc: null, memory: null, ...own };
  return replay(all, { ...REPLAYED, objectives, metrics: { ...REPLAYED.metrics, ...NONE, ...metrics } });
}

export interface Made {
  /** Of so many requests, all with a status of their own. */
  ok: number;
  failed?: number;
  /** Of all, so many took longer than any finite bucket. */
  slow?: number;
  start?: number | null;
  instance?: string;
  bounds?: (string | number)[];
  cpu?: number;
  errors?: number | null;
}

/** A page of prom-client's shape; requests take 90 ms. */
export function page({
  ok,
  failed = 0,
  slow = 0,
  start = HOUR_AGO,
  instance,
  bounds,
  cpu = 1,
  errors = failed,
}: Made): string {
  const own = instance ? `,instance="${instance}"` : '';
  const alone = instance ? `{instance="${instance}"}` : '';
  const histogram = (status: string, count: number, beyond: number) => [
    ...(bounds ?? ['0.1', '0.4', '1', '+Inf']).map(
      (le) =>
        `http_request_duration_seconds_bucket{le="${le}",method="GET",route="/api/jobs",status_code="${status}"${own}} ${le === '+Inf' ? count : count - beyond}`,
    ),
    `http_request_duration_seconds_count{method="GET",route="/api/jobs",status_code="${status}"${own}} ${count}`,
    `http_request_duration_seconds_sum{method="GET",route="/api/jobs",status_code="${status}"${own}} ${count * 0.09}`,
  ];
  return [
    '# TYPE http_request_duration_seconds histogram',
    ...histogram('200', ok, slow),
    ...(failed > 0 ? histogram('503', failed, 0) : []),
    '# TYPE http_errors_total counter',
    ...(errors === null ? [] : [`http_errors_total${alone} ${errors}`]),
    '# TYPE process_cpu_seconds_total counter',
    `process_cpu_seconds_total${alone} ${cpu}`,
    ...(start === null ? [] : [`process_start_time_seconds${alone} ${start}`]),
    '',
  ].join('\n');
}

export const TYPES =
  '# TYPE http_request_duration_seconds histogram\n# TYPE http_errors_total counter\n# TYPE process_cpu_seconds_total counter\n';

export const judgedOf = ({ judged }: GateResult, wanted: string) => judged.find(({ id }) => id === wanted);
export function inconclusive(result: GateResult, code: string, says: RegExp, hint: RegExp): void {
  assert.is(result.verdict, 'inconclusive', said(result));
  const found = result.findings.find((one) => one.code === code);
  assert.ok(found, said(result));
  assert.match(found.message, says);
  assert.match(hintOf(found), hint);
}
