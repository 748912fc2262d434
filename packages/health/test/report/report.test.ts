// Pure: what the report makes of samples, events and what is missing.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { namesOf } from '../../src/metrics/names.ts';
import { observe } from '../../src/metrics/observe.ts';
import { sumWindows, type Window } from '../../src/metrics/window.ts';
import { applicableObjectives } from '../../src/objectives/applicable.ts';
import { chartsOf, describeChart } from '../../src/report/charts.ts';
import { toMarks } from '../../src/report/marks.ts';
import { budgetLeft, viewObjectives } from '../../src/report/objectives.ts';
import { renderReport } from '../../src/report/render.ts';
import { toSlots } from '../../src/report/slots.ts';
import type { EnvironmentReport, Report } from '../../src/report/types.ts';
import { healthSettings } from '../settings.ts';
import { type Behaviour, FakeProduct, STEADY } from '../traffic.ts';

const test = suite('the report');
const health = healthSettings();
const MINUTE = 60_000;

/** A minute a window. */
async function minutes(...behaviours: Behaviour[]): Promise<{ windows: Window[]; truth: number[] }> {
  const product = new FakeProduct(7);
  product.run(10, STEADY);
  let before = await product.scrape();
  product.truth = [];
  const windows: Window[] = [];
  for (const behaviour of behaviours) {
    product.run(60, behaviour);
    const after = await product.scrape();
    windows.push(observe(before, after, namesOf(health.metrics)));
    before = after;
  }
  return { windows, truth: product.truth };
}

test('an error budget that is used up is overdrawn, one without a request is not known', async () => {
  const { windows } = await minutes(STEADY, { ...STEADY, errorShare: 0.05 });
  const objectives = applicableObjectives(health);
  const seen = sumWindows(windows);
  const budgets = new Map(
    objectives.flatMap((one) => (one.kind === 'share' && seen ? [[one.id, budgetLeft(one, seen)] as const] : [])),
  );
  const views = viewObjectives(objectives, seen, budgets, health);
  const errors = views.find(({ id }) => id === 'errors');
  assert.is(errors?.state, 'missed');
  assert.ok((errors?.left ?? 0) < -1, `2.5 % of 1 % that are allowed: ${errors?.left}`);
  assert.is(views.find(({ id }) => id === 'cpu')?.left, null, 'a state has no budget');
  const unknown = viewObjectives(objectives, undefined, new Map(), health);
  assert.ok(unknown.every(({ state, left }) => state === 'unknown' && left === null));
});

test('the p95 of a slot is that of all its requests, within its bucket, not an average of averages', async () => {
  const slow = { ...STEADY, routes: { '/api/jobs': { share: 1, median: 0.35, sigma: 0.3 } } };
  const { windows, truth } = await minutes(STEADY, STEADY, slow);
  const from = windows[0]?.from ?? 0;
  const all = toSlots(windows, from, from + 24 * 60 * MINUTE);
  assert.is(all.ms, 10 * MINUTE);
  const [chart] = chartsOf(applicableObjectives(health), all.windows, health);
  const sorted = [...truth].sort((a, b) => a - b);
  const p95 = (sorted[Math.floor(sorted.length * 0.95)] ?? 0) * 1_000;
  const shown = chart?.values.find((value) => value !== null) ?? 0;
  const ends = [0, 5, 10, 25, 50, 100, 200, 300, 400, 600, 1_000];
  assert.is(
    ends.findIndex((end) => end > shown),
    ends.findIndex((end) => end > p95),
    `${shown} for ${p95}`,
  );
});

test('time of which nothing is known is a gap, never a zero', async () => {
  const { windows } = await minutes(STEADY, STEADY, STEADY);
  const from = windows[0]?.from ?? 0;
  const { windows: slots } = toSlots(
    [windows[0], windows[2]].filter((one) => one !== undefined),
    from,
    from + 3 * MINUTE,
  );
  const charts = chartsOf(applicableObjectives(health), slots, health);
  const known = charts.map(({ values }) => values.filter((value) => value !== null).length);
  assert.ok(
    known.every((count) => count === 2),
    known.join(),
  );
  assert.is(
    describeChart({ id: 'x', title: 'x', unit: '%', bound: undefined, values: [null] }),
    'Nothing is known of that time.',
  );
});

test('deploys, rollbacks and rotations are marked by the names of tasks and events; the rest is not', () => {
  const done = (event: string) => ({ run: event, event, at: '2026-01-01T00:00:00.000Z', failed: event === 'release' });
  const events = [
    'release',
    'db:deploy',
    'rollback',
    'db:rollback',
    'escrow.rollback',
    'db:restore',
    'secrets:rotate',
    'hotfix',
  ];
  const marks = toMarks([...events, 'backup.drill', 'seed.admin', 'db:backup'].map(done));
  assert.equal(
    marks.map(({ kind, text }) => `${kind} ${text}`),
    [
      'deploy release, failed',
      'deploy db:deploy',
      'rollback rollback',
      'rollback db:rollback',
      'rollback escrow.rollback',
      'rollback db:restore',
      'rotation secrets:rotate',
      'deploy hotfix',
    ],
  );
});

test('whatever names and messages contain, the page shows it as text; what is missing is said in its place', () => {
  const nasty = '</style><script>alert(1)</script>';
  const missing = { missing: nasty };
  const environment: EnvironmentReport = {
    ...{ name: 'staging', guarded: true, absent: undefined, version: nasty, slots: [], slotMs: MINUTE, source: nasty },
    ...{ health: missing, marks: missing, migrations: missing, backups: missing, escrow: missing, secrets: missing },
    objectives: [{ id: nasty, title: nasty, wanted: nasty, seen: nasty, state: 'unknown', left: -3 }],
    charts: [{ id: nasty, title: nasty, unit: nasty, bound: { value: 1, text: nasty }, values: [] }],
  };
  const report: Report = {
    ...{ product: nasty, from: 0, to: MINUTE, budgetDays: 30, environments: [environment] },
    openRuns: { value: [{ run: nasty, task: nasty, env: nasty, startedAt: '2026-01-01T00:00:00Z', lastStep: nasty }] },
  };
  const html = renderReport(report);
  assert.not.match(html, '<script');
  assert.match(html, '&lt;/style&gt;&lt;script&gt;');
  assert.match(html, '-300 %');
});

test.run();
