import { command, counted } from '@drydock/kit';
import { percent } from '../objectives/list.ts';
import { labelsOf, recordedBy, titleOf } from './labels.ts';
import type { RulesPlan } from './plan.ts';
import { exceptNamed, matching, quantileIn } from './promql.ts';
import { ALERTS, type AlertingRule, RECORDED } from './types.ts';

/** The runbook's scale triggers (section 8), as Prometheus can tell them. */
export function capacityAlerts(plan: RulesPlan): AlertingRule[] {
  return [...cpu(plan), ...latency(plan), ...churn(plan), ...growth(plan)];
}

function common(plan: RulesPlan, objective: string, summary: string, description: string) {
  return {
    labels: { ...labelsOf(plan, objective), severity: 'ticket' },
    annotations: { summary, description, next: plan.typed(command('health:capacity', { env: plan.env })) },
  };
}

function cpu(plan: RulesPlan): AlertingRule[] {
  const { above, minutes } = plan.health.capacity.cpu;
  if (!plan.names.cpu) return [];
  const summary = `CPU of ${plan.product} on ${plan.env} is above ${percent(above)}`;
  const description = `For ${counted(minutes, 'minute')}, on ${instance(plan)}.`;
  return [
    {
      alert: ALERTS.cpu,
      expr: `${RECORDED.usage('cpu', plan.base)}${recordedBy(plan, 'cpu')} > ${above}`,
      for: `${minutes}m`,
      ...common(plan, 'cpu', summary, description),
    },
  ];
}

function latency(plan: RulesPlan): AlertingRule[] {
  const { windowMinutes, moreThan } = plan.health.capacity.latency;
  return plan.shares.flatMap((objective) => {
    if (objective.source.of !== 'latency') return [];
    const window = `${windowMinutes}m`;
    const summary = `${titleOf(plan, objective)} of ${plan.product} on ${plan.env} is beyond its bound`;
    const description = `In more than ${moreThan} windows of ${windowMinutes} minutes in a row. Wanted: ${objective.wanted}.`;
    return {
      alert: ALERTS.latency,
      expr: `${quantileIn(objective, plan, window)} > ${objective.source.seconds}${exceptNamed(plan.shares, objective, plan, window)}`,
      // A rate over one window that stays above for so many more: one window more than that, in a row.
      for: `${windowMinutes * moreThan}m`,
      ...common(plan, objective.id, summary, description),
    };
  });
}

function churn(plan: RulesPlan): AlertingRule[] {
  const { names, labels, base } = plan;
  const { gcShareAbove, keptAbove, minutes } = plan.health.capacity.memory;
  if (!names.gcSeconds || !names.oldSpace) return [];
  const old = `${matching(names.oldSpace, labels)}[${minutes}m]`;
  const by = names.instanceLabel;
  const kept = `max by (${by}) (min_over_time(${old}) / max_over_time(${old})) > ${keptAbove}`;
  const summary = `Collections of ${plan.product} on ${plan.env} free little and take more than ${percent(gcShareAbove)} of the time`;
  const description = `For ${counted(minutes, 'minute')}, on ${instance(plan)}: old space stays above ${percent(keptAbove)} of its peak.`;
  return [
    {
      alert: ALERTS.churn,
      expr: `${RECORDED.usage('gc', base)}${recordedBy(plan, 'gc')} > ${gcShareAbove}\nand on (${by})\n${kept}`,
      for: `${minutes}m`,
      ...common(plan, 'gc', summary, description),
    },
  ];
}

function growth(plan: RulesPlan): AlertingRule[] {
  const { names, labels } = plan;
  if (!plan.growth || !names.oldSpace) return [];
  const old = matching(names.oldSpace, labels);
  const { belowPerHour } = plan.growth;
  const summary = `Memory of ${plan.product} on ${plan.env} grows: a leak, or a cache without a limit`;
  const description = `Old space after collections grows by more than ${percent(belowPerHour)} an hour, on ${instance(plan)}.`;
  return [
    {
      alert: ALERTS.growth,
      // What is left after collections is the least of each ten minutes.
      expr: `deriv(min_over_time(${old}[10m])[1h:5m]) * 3600 / min_over_time(${old}[1h]) > ${belowPerHour}`,
      for: '1h',
      ...common(plan, 'memory', summary, description),
    },
  ];
}

function instance({ names }: RulesPlan): string {
  return `{{ $labels.${names.instanceLabel} }}`;
}
