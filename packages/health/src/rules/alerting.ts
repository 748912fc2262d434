import { command, parseDuration } from '@drydock/kit';
import { percent } from '../objectives/list.ts';
import type { ShareObjective } from '../objectives/types.ts';
import { type BurnWindow, reachable } from './burn.ts';
import { capacityAlerts } from './capacity.ts';
import { labelsOf, recordedBy, titleOf } from './labels.ts';
import type { RulesPlan } from './plan.ts';
import { countOf, matching, routesOf, shareOf } from './promql.ts';
import { ALERTS, type AlertingRule, RECORDED, type RuleGroup } from './types.ts';

export function alertingGroup(plan: RulesPlan): RuleGroup {
  return {
    name: `drydock ${plan.product} ${plan.env} alerts`,
    interval: plan.health.rules.interval,
    rules: [
      ...plan.shares.flatMap((objective) =>
        reachable(objective, plan.windows).map((window) => budgetAlert(plan, objective, window)),
      ),
      ...capacityAlerts(plan),
      absentAlert(plan),
    ],
  };
}

function budgetAlert(
  plan: RulesPlan,
  objective: ShareObjective,
  { long, short, factor, severity }: BurnWindow,
): AlertingRule {
  const { product, env } = plan;
  const series = recordedBy(plan, objective.id);
  const bound = `(${factor} * ${objective.allowed})`;
  return {
    alert: ALERTS.budget,
    expr: [
      `${RECORDED.bad(long)}${series} > ${bound}`,
      `${RECORDED.bad(short)}${series} > ${bound}`,
      ...enough(plan, objective, long),
    ].join('\nand\n'),
    labels: { ...labelsOf(plan, objective.id), severity, windows: `${long}/${short}` },
    annotations: {
      summary: `${titleOf(plan, objective)} of ${product} on ${env}: the error budget burns at ${factor} times its rate`,
      description: `Over ${long} and over ${short}, more than ${percent(factor * objective.allowed)} were bad. Wanted: ${objective.wanted}, so ${percent(objective.allowed)} may be.`,
      next: plan.typed(command('health:gate', { env, for: '2m' })),
    },
  };
}

function enough(plan: RulesPlan, objective: ShareObjective, window: string): string[] {
  const { minRequests } = plan.health.rules;
  if (minRequests === 0) return [];
  const { total } = shareOf(objective, plan, window);
  const grouped = routesOf(objective, plan.names).by !== '';
  const on = grouped ? `${plan.names.methodLabel}, ${plan.names.routeLabel}` : '';
  return [`on (${on}) ${total} * ${parseDuration(window) / 1_000} >= ${minRequests}`];
}

function absentAlert(plan: RulesPlan): AlertingRule {
  const { product, env, names, labels, health } = plan;
  const { absentFor } = health.rules;
  const alive = matching(names.started ?? countOf(names), labels);
  return {
    alert: ALERTS.absent,
    expr: `absent_over_time(${alive}[${absentFor}])`,
    labels: { ...labelsOf(plan, 'metrics'), severity: 'page' },
    annotations: {
      summary: `${product} on ${env} has no metrics`,
      description: `Prometheus has not seen ${names.started?.name ?? countOf(names).name} for ${absentFor}: the product is away, or is not scraped.`,
      next: plan.typed(command('health:check', { env })),
    },
  };
}
