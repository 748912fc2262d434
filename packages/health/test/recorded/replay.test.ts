// Uses no service: what the real marketplace said on a real world (record.ts), through the loop that a real gate runs.
import { OpsError } from '@drydock/kit';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type HealthResult, readReport } from '../../src/check/endpoint.ts';
import { type GateResult, runGate } from '../../src/gate/run.ts';
import { namesOf } from '../../src/metrics/names.ts';
import { parseMetrics } from '../../src/metrics/parse.ts';
import { routesOf } from '../../src/metrics/routes.ts';
import { healthSettings } from '../settings.ts';
import { type Recorded, readRecording } from './recordings.ts';

const test = suite('recordings of the marketplace');
const defaults = healthSettings();
/** As by default, but for the pace of the recordings. */
const config = { ...defaults, gate: { ...defaults.gate, intervalSeconds: 2, windowSeconds: 20 } };

function replay(name: string, looks = readRecording(name)): Promise<GateResult> {
  let at = 0;
  const now = () => looks[at] as Recorded;
  const clock = () => now().at - (looks[0]?.at ?? 0);
  return runGate({
    config,
    names: namesOf(config.metrics),
    forSeconds: 60,
    source: {
      name,
      skewSeconds: () => undefined,
      async next() {
        const { metrics } = now();
        if (!metrics) throw new OpsError({ code: 'METRICS_UNREACHABLE', message: 'Nothing answered.' });
        return [parseMetrics(metrics.body, now().at)];
      },
    },
    askHealth: async () => healthOf(now()),
    baselineOf: () => undefined,
    onWindow: () => {},
    onMeasurement: () => {},
    sleep: async () => {
      at = Math.min(at + 1, looks.length - 1);
    },
    elapsed: clock,
  });
}

function healthOf({ health }: Recorded): HealthResult {
  const endpoint = {
    part: 'endpoint',
    ok: health?.status === 200,
    required: true,
    detail: `answered ${health?.status}`,
  };
  if (!health) return { healthy: false, version: undefined, parts: [endpoint] };
  return readReport(JSON.parse(health.body), health.status === 200, config.expect, endpoint);
}

const said = ({ findings }: GateResult) => findings.map(({ message }) => message).join('\n');

for (const name of ['steady', 'many-collections', 'cold-at-first', 'restart'])
  test(`${name}: passes`, async () => {
    const result = await replay(name);
    assert.is(result.verdict, 'pass', said(result));
  });

/** What fails, and what is said of it. Without its Redis the marketplace is slow as well: it waits for it. What leaks is long to collect. */
const FAILS: Record<string, [string[], RegExp]> = {
  'errors-for-30-s': [['errors'], /\{route="\/api\/jobs\/:id"\} \d+/],
  'slow-route': [['latency:GET /api/jobs'], /p95 of GET \/api\/jobs/],
  'cold-cache': [['cache-hits'], /wanted > 40 %/],
  'redis-stopped': [['health', 'latency:GET /api/jobs'], /wanted healthy\. redis: /],
  'too-many-requests': [['rate-limit-blocks'], /wanted < 5 %/],
  leak: [['gc', 'memory'], /major collections: \d+ MiB to \d+ MiB/],
};
for (const [name, [offenders, says]] of Object.entries(FAILS))
  test(`${name}: fails, by ${offenders.join(' and ')}`, async () => {
    const result = await replay(name);
    assert.is(result.verdict, 'fail', said(result));
    const failed = result.judged.filter(({ verdict }) => verdict === 'fail').map(({ id }) => id);
    assert.equal(failed, offenders, said(result));
    assert.match(said(result), says);
  });

test('a restart is counted in: no request is lost, none is counted twice', async () => {
  const { findings, windows, version } = await replay('restart');
  assert.is(version, 'v2');
  assert.ok(findings.some(({ code }) => code === 'RESTARTED'));
  const counts = windows.map((window) => routesOf(window).reduce((sum, { requests }) => sum + requests, 0));
  // 15 a second for two seconds, give or take what luck does; a counter of a whole process would be hundreds.
  assert.ok(Math.max(...counts) < 100, `${counts}`);
});

test('recordings are of a product that runs Node 24 and prom-client, with every metric that is looked at', () => {
  for (const name of ['steady', ...Object.keys(FAILS)]) {
    const looks = readRecording(name);
    const [first] = looks;
    assert.match(first?.metrics?.body ?? '', 'nodejs_version_info{version="v24');
    assert.is(looks.length, 31);
  }
});

test.run();
