import { parseDuration } from '@drydock/kit';
import type { Selector } from '../metrics/selector.ts';
import type { RulesPlan } from './plan.ts';
import { boundOf, countOf } from './promql.ts';
import { counter, EACH_STEP, type InputSeries, routeLabels, seriesFor } from './samples.ts';
import { ALERTS, type AlertingRule, expected, type UnitTest } from './types.ts';

const STEP = '1m';
const INSTANCE = 'one:3000';

/** The scale triggers: above their bound for long enough, and just below it. */
export function capacityTests(plan: RulesPlan, alerts: readonly AlertingRule[]): UnitTest[] {
  return [...cpu(plan, alerts), ...latency(plan, alerts), ...churn(plan, alerts), ...absent(plan, alerts)];
}

const tidy = (value: number) => String(Number(value.toPrecision(12)));
const minutesOf = ({ for: time = '0m' }: AlertingRule) => parseDuration(time) / 60_000;
const on = ({ names }: RulesPlan) => ({ [names.instanceLabel]: INSTANCE });

function series(
  plan: RulesPlan,
  selector: Selector | undefined,
  values: string,
  more: Record<string, string> = {},
): InputSeries[] {
  const found = selector && seriesFor(selector, { ...plan.labels, ...on(plan), ...more });
  return found ? [{ series: found, values }] : [];
}

function pair(
  alert: AlertingRule,
  what: string,
  minutes: number,
  samples: (above: boolean) => InputSeries[],
  more: Record<string, string>,
): UnitTest[] {
  return [true, false].map((above) => ({
    name: `${what}: ${above ? 'goes off when it lasts' : 'does not go off below the bound'}`,
    interval: STEP,
    input_series: samples(above),
    alert_rule_test: [
      { eval_time: `${minutes}m`, alertname: alert.alert, exp_alerts: above ? [expected(alert, more)] : [] },
    ],
  }));
}

/** Long enough for the window, the wait and a step more. */
const lengthOf = (plan: RulesPlan, alert: AlertingRule, windowMinutes = 0) =>
  Math.ceil(Math.max(parseDuration(plan.base) / 60_000, windowMinutes)) + minutesOf(alert) + 2;

function cpu(plan: RulesPlan, alerts: readonly AlertingRule[]): UnitTest[] {
  const alert = alerts.find(({ alert }) => alert === ALERTS.cpu);
  if (!alert || parseDuration(plan.base) < 60_000) return [];
  const { cpu, cores } = plan.health.capacity;
  const steps = lengthOf(plan, alert);
  const perMinute = (share: number) => counter([{ steps, each: Math.round(share * cores * 60) }]);
  return pair(
    alert,
    'CPU',
    steps,
    (above) => series(plan, plan.names.cpu, perMinute(above ? (1 + cpu.above) / 2 : cpu.above * 0.8)),
    on(plan),
  );
}

function latency(plan: RulesPlan, alerts: readonly AlertingRule[]): UnitTest[] {
  return plan.shares.flatMap((objective) => {
    const { source, id, title } = objective;
    const alert = alerts.find(({ alert, labels }) => alert === ALERTS.latency && labels.objective === id);
    if (!alert || source.of !== 'latency') return [];
    const steps = lengthOf(plan, alert, plan.health.capacity.latency.windowMinutes);
    const route = routeLabels(plan, source.route);
    const bucket = (le: string, each: number) =>
      series(plan, plan.names.buckets, counter([{ steps, each }]), { ...route, le });
    const [, , text] = boundOf(source.seconds, plan);
    const le = text.split('|')[0] ?? text;
    const samples = (above: boolean) => [
      // Quantiles are read within a bucket: well below the bound, or between it and four times as much.
      ...bucket(tidy(Number(le) / 4), above ? EACH_STEP * 0.2 : EACH_STEP),
      ...bucket(le, above ? EACH_STEP * 0.2 : EACH_STEP),
      ...bucket(tidy(Number(le) * 4), EACH_STEP),
      ...bucket('+Inf', EACH_STEP),
    ];
    return pair(alert, `${title} in windows`, steps, samples, source.route === '*' ? route : {});
  });
}

function churn(plan: RulesPlan, alerts: readonly AlertingRule[]): UnitTest[] {
  const alert = alerts.find(({ alert }) => alert === ALERTS.churn);
  if (!alert || parseDuration(plan.base) < 60_000) return [];
  const { gcShareAbove, minutes } = plan.health.capacity.memory;
  const steps = lengthOf(plan, alert, minutes);
  const samples = (above: boolean) => [
    ...series(plan, plan.names.gcSeconds, counter([{ steps, each: Math.round(60 * gcShareAbove * 2) }])),
    // A saw that falls to half frees enough, however long it takes.
    ...series(
      plan,
      plan.names.oldSpace,
      above ? `1000+0x${steps}` : Array.from({ length: steps + 1 }, (_, at) => (at % 2 ? 500 : 1_000)).join(' '),
    ),
  ];
  return pair(alert, 'collections', steps, samples, on(plan)).map((test) => ({
    ...test,
    name: test.name.replace('below the bound', 'while they free memory'),
  }));
}

function absent(plan: RulesPlan, alerts: readonly AlertingRule[]): UnitTest[] {
  const alert = alerts.find(({ alert }) => alert === ALERTS.absent);
  if (!alert) return [];
  const steps = Math.ceil(parseDuration(plan.health.rules.absentFor) / 60_000) + 1;
  const alive = plan.names.started ?? countOf(plan.names);
  // What its matchers say, an absent series has as its labels.
  const told = Object.fromEntries(
    alive.matchers.flatMap(({ label, operator, value }) => (operator === '=' ? [[label, value]] : [])),
  );
  const scraped = series(plan, alive, `1+0x4 _x${steps}`);
  const at = (minutes: number, gone: boolean) => ({
    eval_time: `${minutes}m`,
    alertname: alert.alert,
    exp_alerts: gone ? [expected(alert, { ...plan.labels, ...told })] : [],
  });
  return [
    {
      name: 'metrics: goes off when they are gone',
      interval: STEP,
      input_series: scraped,
      alert_rule_test: [at(3, false), at(4 + steps, true)],
    },
  ];
}
