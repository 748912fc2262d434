// Uses no service: made-up traffic whose truth is known, through prom-client's text and the code that a real gate runs.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { judgeGate } from '../../src/gate/judge.ts';
import type { GateVerdict } from '../../src/gate/types.ts';
import { namesOf } from '../../src/metrics/names.ts';
import { observe } from '../../src/metrics/observe.ts';
import type { Window } from '../../src/metrics/window.ts';
import { listObjectives } from '../../src/objectives/list.ts';
import { healthSettings } from '../settings.ts';
import { type Behaviour, FakeProduct, STEADY } from '../traffic.ts';

const test = suite('the situations of a gate');
const SEEDS = 20;
const settings = healthSettings();
const names = namesOf(settings.metrics);
const INTERVAL = settings.gate.intervalSeconds;

interface Situation {
  /** What happens between two scrapes. */
  during(product: FakeProduct, second: number): Behaviour;
  health?: (second: number) => string | null;
  baseline?: Window;
}

async function gate(seed: number, { during, health = () => null }: Situation, seconds = 300): Promise<GateVerdict> {
  const product = new FakeProduct(seed);
  product.run(30, STEADY);
  const windows: Window[] = [];
  const answers: (string | null)[] = [];
  let before = await product.scrape();
  for (let second = 0; second < seconds; second += INTERVAL) {
    for (let i = 0; i < INTERVAL; i++) product.run(1, during(product, second + i));
    const after = await product.scrape();
    windows.push(observe(before, after, names));
    answers.push(health(second));
    before = after;
  }
  return judgeGate({
    windows,
    health: answers,
    errorsInARow: { count: 0, last: '', away: false },
    baseline: undefined,
    objectives: listObjectives(settings.objectives),
    settings: settings.gate,
    cores: 1,
  });
}

/** Runs a situation under 20 seeds; every one of them has to be judged right. */
async function judgedRight(situation: (seed: number) => Situation, expected: string, offender?: string): Promise<void> {
  const wrong: string[] = [];
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { verdict, offending, findings } = await gate(seed, situation(seed));
    const right = verdict === expected && (offender === undefined || offending[0] === offender);
    if (!right)
      wrong.push(`seed ${seed}: ${verdict} ${offending} ${findings.map(({ message }) => message).join(' | ')}`);
  }
  assert.equal(wrong, []);
}

test('steady load passes, 20 of 20', () => judgedRight(() => ({ during: () => STEADY }), 'pass'));

test('a burst of 5 % errors for 30 s fails, wherever it begins, 20 of 20', () =>
  judgedRight(
    (seed) => {
      const begin = 20 + ((seed * 13) % 240);
      return {
        during: (_, second) => (second >= begin && second < begin + 30 ? { ...STEADY, errorShare: 0.05 } : STEADY),
      };
    },
    'fail',
    'errors',
  ));

test('a slow route fails, and is named, 20 of 20', () =>
  judgedRight(
    () => ({
      during: () => ({ ...STEADY, routes: { ...STEADY.routes, '/api/jobs': { share: 0.6, median: 0.2, sigma: 0.6 } } }),
    }),
    'fail',
    'latency:GET /api/jobs',
  ));

test('a cache that is cold at first and warms up passes, 20 of 20', () =>
  judgedRight(() => ({ during: (_, second) => ({ ...STEADY, hitShare: second < 60 ? 0.05 : 0.7 }) }), 'pass'));

test('a cache that stays cold fails, 20 of 20', () =>
  judgedRight(() => ({ during: () => ({ ...STEADY, hitShare: 0.2 }) }), 'fail', 'cache-hits'));

test('a stopped Redis fails by its health, and its cache is told as unknown, 20 of 20', () =>
  judgedRight(
    () => ({
      during: (_, second) => (second < 100 ? STEADY : { ...STEADY, lookups: 0 }),
      health: (second) => (second < 100 ? null : 'redis: Connection is closed'),
    }),
    'fail',
    'health',
  ));

test('a leak fails, 20 of 20', () =>
  judgedRight(() => ({ during: () => ({ ...STEADY, leak: 250_000 }) }), 'fail', 'memory'));

test('a restart is counted in and passes, 20 of 20', () =>
  judgedRight(
    (seed) => ({
      during: (product, second) => {
        if (second === 30 + ((seed * 11) % 200)) product.restart();
        return STEADY;
      },
    }),
    'pass',
  ));

test('a crash loop fails, 20 of 20', () =>
  judgedRight(
    () => ({
      during: (product, second) => {
        if (second % 60 === 30) product.restart();
        return STEADY;
      },
    }),
    'fail',
  ));

test('no traffic is inconclusive, and says how much it would take', async () => {
  const { verdict, findings } = await gate(1, { during: () => ({ ...STEADY, requestsPerSecond: 0.1 }) });
  assert.is(verdict, 'inconclusive');
  assert.match(
    findings.map(({ message }) => message).join('\n'),
    /requests are too few: with 1 % allowed to be bad, 299 are needed/,
  );
});

test('an hour of steady load, twelve gates under each of 10 seeds, raises no alarm', async () => {
  let gates = 0;
  const alarms: string[] = [];
  for (let seed = 100; seed < 110; seed++) {
    const product = new FakeProduct(seed);
    let before = await product.scrape();
    for (let at = 0; at < 12; at++) {
      const windows: Window[] = [];
      for (let i = 0; i < 300 / INTERVAL; i++) {
        product.run(INTERVAL, STEADY);
        const after = await product.scrape();
        windows.push(observe(before, after, names));
        before = after;
      }
      const { verdict, findings } = judgeGate({
        windows,
        health: windows.map(() => null),
        errorsInARow: { count: 0, last: '', away: false },
        baseline: undefined,
        objectives: listObjectives(settings.objectives),
        settings: settings.gate,
        cores: 1,
      });
      gates += 1;
      if (verdict !== 'pass') alarms.push(`${seed}/${at}: ${findings.map(({ message }) => message).join(' | ')}`);
    }
  }
  assert.is(gates, 120);
  assert.equal(alarms, []);
});

test.run();
