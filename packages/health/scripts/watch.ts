#!/usr/bin/env node
import { counted, defineReadTask, flag, type Json, main, usageError } from '@drydock/kit';
import type { Look, Screen } from '../src/watch/draw.ts';
import type { WatchState } from '../src/watch/run.ts';

const task = defineReadTask({
  name: 'health:watch',
  summary: 'Shows the metrics live: value, bound, bar and course of each objective, breaches marked.',
  description:
    'Each number is of the last health.gate.windowSeconds. Away from a terminal a line a look; with --json an object a line, and nothing at\n' +
    'the end. Ctrl-C ends it. What it sees is kept as samples, which health:gate and health:capacity go by. An outage is shown, and\n' +
    'waited out. Asks /metrics itself, or Prometheus where PROMETHEUS_URL is set.',
  examples: [
    'npm run health:watch -- --env production',
    'npm run health:watch -- --env production --for 1h --json | jq -c "{at, readings: [.readings[] | {id, value, state}]}"',
  ],
  streams: true,
  untilStopped: true,
  flags: {
    interval: flag.duration({ about: 'time between looks (default 5s)' }),
    for: flag.duration({ about: 'ends after this long (default: never)' }),
    url: flag.text({ value: 'URL', about: 'one instance, instead of the address that people use' }),
  },
  async run({ config, environment, env, flags, out, emit, signal }) {
    const intervalSeconds = (flags.interval ?? 5_000) / 1_000;
    if (intervalSeconds < 0.1)
      throw usageError('INTERVAL_SHORT', '--interval must be at least 100ms.', 'Five seconds are quick: --interval 5s');
    const { watchEnvironment } = await import('../src/watch/open.ts');
    const { drawScreen } = await import('../src/watch/draw.ts');
    const live = out.live();
    const { looks } = await watchEnvironment(config, environment, {
      intervalSeconds,
      forSeconds: flags.for === undefined ? Number.POSITIVE_INFINITY : flags.for / 1_000,
      url: flags.url,
      signal,
      onFinding: ({ message }) => out.warn(message),
      onLook(look, state) {
        if (emit(toLine(env, look, state))) return;
        if (live) live.draw(drawScreen(screenOf(env, intervalSeconds, state), live));
        else out.line(plainLine(look, state));
      },
    });
    const seen = looks.filter(({ sample }) => sample);
    const breached = seen.filter(({ sample }) => sample?.readings.some(({ state }) => state === 'breach'));
    return {
      verdict: `${counted(seen.length, 'look')} at ${env}, ${breached.length} of them with a breach.`,
      ok: true,
    };
  },
});

function screenOf(env: string, everySeconds: number, state: WatchState & { cost: number }): Screen {
  const { version, health, looks, cost } = state;
  return { title: version ? `${env} on version ${version}` : env, everySeconds, health, looks, cost };
}

/** One line of `--json`. */
function toLine(env: string, { at, sample, problem }: Look, { version, health, cost }: WatchState & { cost: number }) {
  return {
    at: new Date(at).toISOString(),
    env,
    version: version ?? null,
    healthy: health === undefined ? null : health === null,
    problem: problem ?? health ?? null,
    ...(sample ? { ...sample, at: new Date(at).toISOString() } : {}),
    cost: Number(cost.toFixed(5)),
  } as unknown as Json;
}

function plainLine({ at, sample, problem }: Look, { health }: WatchState): string {
  const time = new Date(at).toTimeString().slice(0, 8);
  const unwell = health ? `✖ not healthy: ${health}  ` : '';
  if (!sample) return `${time}  ✖ ${problem}`;
  const marks = { ok: '', over: '!', breach: '✖', unknown: '' };
  const readings = sample.readings
    .filter(({ state }) => state !== 'unknown')
    .map(({ title, shown, state }) => `${marks[state]}${title} ${shown}`);
  return `${time}  ${unwell}${sample.requestsPerSecond.toFixed(1)} requests/s, ${readings.join(', ')}`;
}

export default task;
await main(task, import.meta);
