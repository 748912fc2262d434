import { parseDuration } from '@drydock/kit';
import type { ShareObjective } from '../objectives/types.ts';
import { alertingGroup } from './alerting.ts';
import { type BurnWindow, reachable } from './burn.ts';
import { capacityTests } from './capacity-tests.ts';
import type { RulesPlan } from './plan.ts';
import { EACH_STEP, routeLabels, type Segment, shareSamples } from './samples.ts';
import { ALERTS, type AlertingRule, expected, type UnitTest } from './types.ts';

/** Steps in the short window. */
const STEPS = 5;

/** A file of tests. promtool evaluates all of a file as often: three days by the half minute would take it minutes. */
export interface TestFile {
  name: string;
  evaluation: string;
  tests: UnitTest[];
}

/** For every alert a case in which it goes off, and those in which it must not. */
export function testFiles(plan: RulesPlan): TestFile[] {
  const alerts = alertingGroup(plan).rules as AlertingRule[];
  const budgets = plan.windows.map((window): TestFile => {
    // An alert on a budget waits for nothing, so that it is enough to evaluate once, at the end: all cases have the same one.
    const { step, end } = timesOf(window);
    const tests = plan.shares.flatMap((objective) => budgetTests(plan, objective, window, alerts));
    return { name: `burn-${window.long}.test.yml`, evaluation: written(step * end), tests };
  });
  return [...budgets, { name: 'capacity.test.yml', evaluation: '1m', tests: capacityTests(plan, alerts) }]
    .map((file) => ({ ...file, tests: file.tests.filter(({ input_series }) => input_series.length > 0) }))
    .filter(({ tests }) => tests.length > 0);
}

function budgetTests(
  plan: RulesPlan,
  objective: ShareObjective,
  window: BurnWindow,
  alerts: AlertingRule[],
): UnitTest[] {
  const windows = reachable(objective, plan.windows);
  if (!windows.includes(window)) return [];
  const { step, end } = timesOf(window);
  return scenarios(window, objective.allowed, plan).map((scenario): UnitTest => {
    const going = windows.filter((one) => scenario.traffic === undefined && goesOff(one, objective.allowed, scenario));
    const exp_alerts = going.map((one) => expected(budgetAlertOf(alerts, objective.id, one), routeOf(plan, objective)));
    return {
      name: `${objective.title}, ${window.long}/${window.short}: ${scenario.name}`,
      interval: written(step),
      input_series: shareSamples(plan, objective, scenario.bad, scenario.traffic),
      alert_rule_test: [{ eval_time: written(step * end), alertname: ALERTS.budget, exp_alerts }],
    };
  });
}

function routeOf(plan: RulesPlan, { source }: RulesPlan['shares'][number]): Record<string, string> {
  return source.of === 'latency' && source.route === '*' ? routeLabels(plan, source.route) : {};
}

function budgetAlertOf(alerts: AlertingRule[], objective: string, { long, short }: BurnWindow): AlertingRule {
  const found = alerts.find(
    ({ alert, labels }) =>
      alert === ALERTS.budget && labels.objective === objective && labels.windows === `${long}/${short}`,
  );
  if (!found) throw new Error(`${objective} has no alert for ${long}/${short}`);
  return found;
}

/** `60000` → `1m` */
function written(ms: number): string {
  if (ms % 60_000 === 0) return `${ms / 60_000}m`;
  return ms % 1_000 === 0 ? `${ms / 1_000}s` : `${ms}ms`;
}

interface Scenario {
  name: string;
  /** Milliseconds. */
  step: number;
  bad: Segment[];
  /** Of the requests that there are otherwise. */
  traffic?: number;
}

/** The short window has some steps, the long one as many times more; a case takes both, and two steps more. */
function timesOf({ long, short }: BurnWindow): { step: number; whole: number; end: number } {
  const step = parseDuration(short) / STEPS;
  const whole = Math.ceil(parseDuration(long) / step);
  return { step, whole, end: whole + STEPS + 2 };
}

/** Beyond the bound by so much, as far as that is a share: the first that is clearly on one side of every bound in every case. */
const BEYOND = [2, 1.7, 1.5, 1.3, 2.5];

function scenarios(window: BurnWindow, allowed: number, plan: RulesPlan): Scenario[] {
  const bound = window.factor * allowed;
  const cases = BEYOND.map((by) => casesOf(window, bound, Math.min(by * bound, (1 + bound) / 2)));
  const isClear = (scenario: Scenario) => plan.windows.every((one) => isClearOf(one, allowed, scenario));
  const chosen = cases.find((all) => all.every(isClear)) ?? cases[0]?.filter(isClear) ?? [];
  const { minRequests } = plan.health.rules;
  const few = minRequests / 2 / (timesOf(window).end * EACH_STEP);
  const [first] = chosen;
  return first && minRequests > 0
    ? [...chosen, { ...first, name: 'does not go off for a few requests', traffic: few }]
    : chosen;
}

function casesOf(window: BurnWindow, bound: number, share: number): Scenario[] {
  const { step, whole, end } = timesOf(window);
  const count = (of: number) => Math.round(of * EACH_STEP);
  const quiet = { steps: end - whole, each: 0 };
  const burning = { steps: whole, each: count(share) };
  const burst = [
    { steps: end - STEPS, each: 0 },
    { steps: STEPS, each: count(share) },
  ];
  return [
    { name: 'goes off while the budget burns too fast', step, bad: [quiet, burning] },
    { name: 'ends soon after the fault does, though the long window is still bad', step, bad: [burning, quiet] },
    { name: 'does not go off for a short burst', step, bad: burst },
    { name: 'does not go off below the bound', step, bad: [{ steps: end, each: count(bound * 0.8) }] },
  ];
}

/** What Prometheus reads from single samples need not be exact at a bound. */
function isClearOf({ long, short, factor }: BurnWindow, allowed: number, scenario: Scenario): boolean {
  return [long, short].every((window) => {
    const share = badIn(window, scenario);
    return share === undefined || Math.abs(share / (factor * allowed) - 1) > 0.07;
  });
}

/** The same in plain arithmetic: what promtool has to find. */
function goesOff({ long, short, factor }: BurnWindow, allowed: number, scenario: Scenario): boolean {
  return [long, short].every((window) => {
    const share = badIn(window, scenario);
    return share !== undefined && share > factor * allowed;
  });
}

/** Share of bad ones over a window that ends with the last step. A window shorter than a step has no rate. */
function badIn(window: string, { step, bad }: Scenario): number | undefined {
  const steps = bad.flatMap(({ steps, each }) => Array.from({ length: steps }, () => each / EACH_STEP));
  const size = Math.floor(parseDuration(window) / step);
  const seen = size < 1 ? [] : steps.slice(-size);
  return seen.length === 0 ? undefined : seen.reduce((sum, share) => sum + share, 0) / seen.length;
}
