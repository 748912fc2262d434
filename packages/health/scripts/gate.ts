#!/usr/bin/env node
import { defineReadTask, flag, type Json, main } from '@drydock/kit';
import { healthSection } from '../src/config/health.ts';
import type { GateResult } from '../src/gate/run.ts';
import type { Judged } from '../src/gate/types.ts';
import type { RouteReading } from '../src/metrics/routes.ts';

const task = defineReadTask({
  name: 'health:gate',
  summary: 'Watches the metrics for a while and says whether a version is good enough: pass, fail or inconclusive.',
  description:
    'p95 by route, error rate, cache hits, rate-limit blocks, CPU, collections and memory against the objectives of the config and the\n' +
    'version before; the health endpoint beside them. Ends at once when it has failed. Too little traffic is inconclusive, never a pass;\n' +
    'so are several instances behind one address, counters that are lost, selectors that nothing can match, and histograms without an end.\n' +
    'Asks /metrics itself, or Prometheus where PROMETHEUS_URL is set. Exit 3 for fail and inconclusive.',
  examples: [
    'npm run health:gate -- --env production --for 5m',
    'npm run health:gate -- --env staging --for 2m --url http://127.0.0.1:4001',
  ],
  flags: {
    for: flag.duration({ about: 'how long to look (default health.gate.forSeconds, 5 minutes)' }),
    url: flag.text({ value: 'URL', about: 'one instance, instead of the address that people use' }),
  },
  async run({ config, environment, env, flags, out, signal }) {
    const { gate } = await import('../src/gate/open.ts');
    const forSeconds =
      flags.for === undefined ? healthSection.of(config).gate.forSeconds : Math.ceil(flags.for / 1_000);
    const progress = out.progress(`gate of ${env}`);
    const result = await gate(config, environment, {
      forSeconds,
      url: flags.url,
      signal,
      onMeasurement: ({ verdict, offending }, seconds) =>
        progress.update(
          `${Math.round(seconds)} of ${forSeconds} s, so far ${verdict}${offending.length > 0 ? `: ${offending.join(', ')}` : ''}`,
        ),
    }).catch((error) => {
      progress.fail();
      throw error;
    });
    progress.done(`gate of ${env}, ${Math.round(result.seconds)} s`);
    out.table(
      ['', 'objective', 'wanted', 'seen', 'of', 'breaches'],
      result.judged.map((one) => [
        MARKS[one.verdict],
        one.title,
        one.wanted,
        one.shown,
        String(one.count),
        one.verdict === 'unjudged' ? '–' : `${one.breaches} of ${one.measured}`,
      ]),
    );
    const routes = await routesIn(result);
    if (routes.length > 1)
      out.table(
        ['', 'route', 'requests', 'p95'],
        routes
          .slice(0, MOST_ROUTES)
          .map(({ route, requests, p95 }) => ['', route, String(requests), inMilliseconds(p95)]),
      );
    return {
      verdict: describe(env, result),
      ok: result.verdict === 'pass',
      data: { ...toData(result), routes: routes as unknown as Json },
      findings: result.findings,
    };
  },
});

/** For a person; --json has them all. */
const MOST_ROUTES = 10;
const MARKS: Record<Judged['verdict'], string> = { pass: '✔', fail: '✖', inconclusive: '?', unjudged: '–' };

function describe(env: string, { verdict, version, baseline, judged, findings }: GateResult): string {
  const what = `${env}${version ? ` on version ${version}` : ''}`;
  const compared = baseline ? `, compared with ${baseline}` : '';
  if (verdict === 'pass') return `pass: ${what} holds its objectives${compared}.`;
  if (verdict === 'fail') return `fail: ${what} does not hold its objectives${compared}.`;
  const doubt =
    judged.find((one) => one.verdict === 'inconclusive' && one.doubt)?.doubt ??
    findings.find(({ code }) => code === 'NOT_JUDGED');
  if (doubt) return `inconclusive: ${what} cannot be judged. ${doubt.message}`;
  return `inconclusive: there is too little to judge ${what} by.`;
}

function toData({ verdict, offending, version, baseline, seconds, judged, windows }: GateResult) {
  return {
    verdict,
    offending,
    version: version ?? null,
    comparedWith: baseline ?? null,
    seconds: Math.round(seconds),
    measurements: windows.length,
    objectives: judged as unknown as Json,
  };
}

/** Every route over the whole run, those without an objective as well: busiest first. */
async function routesIn({ windows }: GateResult): Promise<RouteReading[]> {
  const { routesOf } = await import('../src/metrics/routes.ts');
  const { sumWindows } = await import('../src/metrics/window.ts');
  const whole = sumWindows(windows);
  return whole ? routesOf(whole) : [];
}

function inMilliseconds(seconds: number | null): string {
  return seconds === null ? '–' : `${Math.round(seconds * 1_000)} ms`;
}

export default task;
await main(task, import.meta);
