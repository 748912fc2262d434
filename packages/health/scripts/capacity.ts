#!/usr/bin/env node
import { counted, defineReadTask, flag, type Json, main } from '@drydock/kit';
import type { Capacity } from '../src/capacity/open.ts';
import type { Trigger, TriggerState } from '../src/capacity/types.ts';

const DAY_MS = 86_400_000;

const task = defineReadTask({
  name: 'health:capacity',
  summary:
    'Says which scale triggers fire, since when, and what to do: scale out, index, cache. Exit 3 when one fires.',
  description:
    'CPU over its bound for 10 minutes, p95 over its bound in more than 3 windows of 5 minutes in a row, collections that take time and\n' +
    'free little (health.capacity). Goes by Prometheus where PROMETHEUS_URL is set, otherwise by the samples that health:watch and\n' +
    'health:gate keep on this machine for 30 days. What fired and is over is told, and is no "no".',
  examples: ['npm run health:capacity -- --env production', 'npm run health:capacity -- --env production --since 7d'],
  flags: { since: flag.duration({ about: 'how far to look back (default 24h)' }) },
  async run({ config, environment, env, flags, out, signal }) {
    const { capacityOf } = await import('../src/capacity/open.ts');
    const { at } = await import('../src/capacity/time.ts');
    const capacity = await capacityOf(config, environment, { sinceMs: flags.since ?? DAY_MS, signal });
    out.table(
      ['', 'trigger', 'fires at', 'since', 'seen'],
      capacity.triggers.map(({ state, title, rule, since, until, seen }) => [
        MARKS[state],
        title,
        rule,
        since === null || until === null ? '–' : state === 'firing' ? at(since) : `${at(since)} until ${at(until)}`,
        seen,
      ]),
    );
    const firing = capacity.triggers.filter(({ state }) => state === 'firing');
    return {
      verdict: describe(env, capacity, firing),
      ok: firing.length === 0,
      data: toData(capacity, firing),
      findings: capacity.findings,
    };
  },
});

const MARKS: Record<TriggerState, string> = { firing: '✖', fired: '!', quiet: '✔', unknown: '–' };

function describe(env: string, { period, minutes, source }: Capacity, firing: readonly Trigger[]): string {
  const by = `by ${counted(minutes, 'minute')} until ${new Date(period.to).toISOString().slice(11, 16)} UTC (${source})`;
  if (firing.length === 0) return `No scale trigger of ${env} fires, ${by}.`;
  return `${env} has to scale: ${firing.map(({ title }) => title).join(', ')}, ${by}.`;
}

function toData({ triggers, period, minutes, source }: Capacity, firing: readonly Trigger[]): Json {
  const time = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());
  const span = ({ from, to }: Capacity['period']) => ({ from: time(from), to: time(to) });
  return {
    source,
    ...span(period),
    minutes,
    firing: firing.map(({ id }) => id),
    triggers: triggers.map(({ episodes, since, until, ...rest }) => ({
      ...rest,
      since: time(since),
      until: time(until),
      episodes: episodes.map(span),
    })),
  } as unknown as Json;
}

export default task;
await main(task, import.meta);
