import { command, counted, type Environment, type Finding, hint, type LoadedConfig } from '@drydock/kit';
import { healthSection } from '../config/health.ts';
import { doubtFinding, doubtsOf } from '../metrics/doubt.ts';
import { applicableObjectives } from '../objectives/applicable.ts';
import { MINUTE_MS } from '../series/store.ts';
import type { Span } from './episodes.ts';
import { readHistory } from './history.ts';
import { judgeCapacity } from './judge.ts';
import { STALE_MS } from './state.ts';
import { at } from './time.ts';
import type { Trigger } from './types.ts';

export interface Capacity {
  triggers: Trigger[];
  /** From the first sample to the last. */
  period: Span;
  /** Minutes of it that something is known of. */
  minutes: number;
  source: string;
  findings: Finding[];
}

/** The scale triggers over what is known of an environment. */
export async function capacityOf(
  config: LoadedConfig,
  environment: Environment,
  options: { sinceMs: number; signal: AbortSignal },
): Promise<Capacity> {
  const { windows, source, now, findings } = await readHistory(config, environment, options);
  const routes = new Set(windows.flatMap((window) => [...window.routes.keys()]));
  const triggers = judgeCapacity({
    windows,
    objectives: applicableObjectives(healthSection.of(config), routes),
    settings: healthSection.of(config).capacity,
    now,
  });
  const period = { from: windows[0]?.from ?? now, to: windows.at(-1)?.to ?? now };
  const minutes = windows.reduce((sum, { from, to }) => sum + (to - from), 0) / MINUTE_MS;
  return {
    triggers,
    period,
    minutes: Math.round(minutes),
    source,
    findings: [
      ...triggers.flatMap((one) => triggerFinding(one)),
      ...doubtsOf(windows).map(doubtFinding),
      ...findings,
      ...knowledgeFindings(period, minutes, now),
    ],
  };
}

function triggerFinding({ state, title, rule, since, until, seen, advice }: Trigger): Finding[] {
  if (since === null || until === null || (state !== 'firing' && state !== 'fired')) return [];
  const firing = state === 'firing';
  const [first, ...rest] = advice.map(({ text }) => text);
  return [
    {
      level: firing ? 'error' : 'info',
      code: firing ? 'SCALE' : 'SCALE_WAS',
      message: `${title} ${rule}: ${firing ? `since ${at(since)}` : `from ${at(since)} until ${at(until)}`}, ${seen}.`,
      hint: first,
      ...(rest.length > 0 ? { recipe: rest } : {}),
    },
  ];
}

function knowledgeFindings(period: Span, minutes: number, now: number): Finding[] {
  const findings: Finding[] = [];
  if (now - period.to > STALE_MS)
    findings.push({
      level: 'warn',
      code: 'SAMPLES_OLD',
      message: `The newest sample is of ${at(period.to)}: nothing is known of now.`,
      hint: hint`Let ${command('health:watch')} run, or set PROMETHEUS_URL.`,
    });
  const whole = (period.to - period.from) / MINUTE_MS;
  if (minutes < whole / 2)
    findings.push({
      level: 'warn',
      code: 'SAMPLES_SPARSE',
      message: `Samples cover ${Math.round(minutes)} of ${counted(Math.round(whole), 'minute')}; what happened in the others is not known.`,
    });
  return findings;
}
