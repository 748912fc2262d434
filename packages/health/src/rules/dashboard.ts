import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  DashboardBuilder,
  DatasourceVariableBuilder,
  type Panel,
  RowBuilder,
  ThresholdsConfigBuilder,
  ThresholdsMode,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as Stat } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as Timeseries } from '@grafana/grafana-foundation-sdk/timeseries';
import type { ShareObjective } from '../objectives/types.ts';
import { recordedBy } from './labels.ts';
import type { RulesPlan } from './plan.ts';
import { matching, shareOf } from './promql.ts';
import { RECORDED } from './types.ts';

const SOURCE = { type: 'prometheus', uid: '$datasource' };

/** A dashboard for Grafana, built with its own library so that its form is right. */
export function dashboard(plan: RulesPlan): object {
  const { product, env, health, names, labels, base } = plan;
  const builder = new DashboardBuilder(`${product} on ${env}`)
    .uid(`drydock-${env}-${product.toLowerCase().replace(/[^a-z0-9]+/g, '-')}`.slice(0, 40))
    .tags(['drydock', product, env])
    .time({ from: 'now-24h', to: 'now' })
    .refresh('1m')
    .timezone('browser')
    .withVariable(new DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus'))
    .withRow(new RowBuilder(`Error budget left, of ${health.objectives.budgetDays} days`));
  for (const objective of plan.shares.filter(isSingle)) builder.withPanel(budget(plan, objective));
  builder.withRow(new RowBuilder('Objectives'));
  for (const objective of plan.shares) builder.withPanel(share(plan, objective));
  builder.withRow(new RowBuilder('Machine'));
  if (names.cpu)
    builder.withPanel(
      timeseries(
        'CPU',
        'percentunit',
        `${RECORDED.usage('cpu', base)}${recordedBy(plan, 'cpu')}`,
        health.capacity.cpu.above,
        instance(plan),
      ),
    );
  if (names.gcSeconds)
    builder.withPanel(
      timeseries(
        'Time in collections',
        'percentunit',
        `${RECORDED.usage('gc', base)}${recordedBy(plan, 'gc')}`,
        health.capacity.memory.gcShareAbove,
        instance(plan),
      ),
    );
  if (names.memory)
    builder.withPanel(timeseries('Memory', 'bytes', matching(names.memory, labels), undefined, instance(plan)));
  if (names.oldSpace)
    builder.withPanel(timeseries('Old space', 'bytes', matching(names.oldSpace, labels), undefined, instance(plan)));
  return builder.build();
}

function isSingle({ source }: ShareObjective): boolean {
  return source.of !== 'latency' || source.route !== '*';
}

function instance({ names }: RulesPlan): string {
  return `{{${names.instanceLabel}}}`;
}

function budget(plan: RulesPlan, objective: ShareObjective): Builder<Panel> {
  const { bad, total } = shareOf(objective, plan, `${plan.health.objectives.budgetDays}d`);
  return new Stat()
    .title(`${objective.title} (${objective.wanted})`)
    .datasource(SOURCE)
    .unit('percentunit')
    .height(4)
    .span(24 / Math.max(4, plan.shares.filter(isSingle).length))
    .thresholds(
      new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps([
        { value: null, color: 'red' },
        { value: 0, color: 'orange' },
        { value: 0.25, color: 'green' },
      ]),
    )
    .withTarget(new DataqueryBuilder().refId('A').instant().expr(`1 - (${bad} / ${total}) / ${objective.allowed}`));
}

function share(plan: RulesPlan, objective: ShareObjective): Builder<Panel> {
  const { source } = objective;
  const title = `${objective.title} (${objective.wanted})`;
  const series = recordedBy(plan, objective.id);
  const { methodLabel, routeLabel } = plan.names;
  if (source.of === 'latency')
    return timeseries(
      title,
      's',
      `${RECORDED.quantile(plan.base)}${series}`,
      source.seconds,
      isSingle(objective) ? 'p' : `{{${methodLabel}}} {{${routeLabel}}}`,
    );
  const bad = `${RECORDED.bad(plan.base)}${series}`;
  return source.of === 'cache'
    ? timeseries(title, 'percentunit', `1 - ${bad}`, 1 - objective.allowed, 'hits')
    : timeseries(title, 'percentunit', bad, objective.allowed, 'bad');
}

function timeseries(
  title: string,
  unit: string,
  expr: string,
  bound: number | undefined,
  legend: string,
): Builder<Panel> {
  const panel = new Timeseries()
    .title(title)
    .datasource(SOURCE)
    .unit(unit)
    .min(0)
    .height(8)
    .span(12)
    .withTarget(new DataqueryBuilder().refId('A').expr(expr).legendFormat(legend));
  if (bound !== undefined)
    panel.withTarget(new DataqueryBuilder().refId('B').expr(`vector(${bound})`).legendFormat('bound'));
  return panel;
}
