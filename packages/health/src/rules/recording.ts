import { parseDuration } from '@drydock/kit';
import { lengthsOf, reachable } from './burn.ts';
import { labelsOf } from './labels.ts';
import type { RulesPlan } from './plan.ts';
import { exceptNamed, matching, quantileIn, shareOf } from './promql.ts';
import { RECORDED, type RecordingRule, type RuleGroup } from './types.ts';

const SLOWEST_MS = 120_000;

/** One group a window: long ones change slowly, and cost the most to compute. */
export function recordingGroups(plan: RulesPlan): RuleGroup[] {
  return lengthsOf(plan.windows).map((window) => ({
    name: `drydock ${plan.product} ${plan.env} ${window}`,
    interval: intervalFor(window, plan.health.rules.interval),
    rules: [...budgets(plan, window), ...(window === plan.base ? states(plan, window) : [])],
  }));
}

/** A sixtieth of the window; Prometheus forgets a series after five minutes, so never as slow as that. */
function intervalFor(window: string, base: string): string {
  const ms = Math.min(SLOWEST_MS, parseDuration(window) / 60);
  return ms <= parseDuration(base) ? base : `${Math.round(ms / 1_000)}s`;
}

function budgets(plan: RulesPlan, window: string): RecordingRule[] {
  const used = plan.shares.filter((one) => lengthsOf(reachable(one, plan.windows)).includes(window));
  // The shortest is what dashboards show, whether an alert rests on it or not.
  return (window === plan.base ? plan.shares : used).map((objective) => {
    const { bad, total } = shareOf(objective, plan, window);
    return {
      record: RECORDED.bad(window),
      expr: `${bad} / ${total}${exceptNamed(plan.shares, objective, plan, window)}`,
      labels: labelsOf(plan, objective.id),
    };
  });
}

function states(plan: RulesPlan, window: string): RecordingRule[] {
  const { names, labels, health, shares } = plan;
  const quantiles = shares.filter(({ source }) => source.of === 'latency');
  const perInstance = (selector: typeof names.cpu) =>
    selector && `sum by (${names.instanceLabel}) (rate(${matching(selector, labels)}[${window}]))`;
  const cpu = perInstance(names.cpu);
  const gc = perInstance(names.gcSeconds);
  const { cores } = health.capacity;
  return [
    ...quantiles.map((objective) => ({
      record: RECORDED.quantile(window),
      expr: quantileIn(objective, plan, window) + exceptNamed(plan.shares, objective, plan, window),
      labels: labelsOf(plan, objective.id),
    })),
    ...(cpu
      ? [
          {
            record: RECORDED.usage('cpu', window),
            expr: cores === 1 ? cpu : `${cpu} / ${cores}`,
            labels: labelsOf(plan, 'cpu'),
          },
        ]
      : []),
    ...(gc ? [{ record: RECORDED.usage('gc', window), expr: gc, labels: labelsOf(plan, 'gc') }] : []),
  ];
}
