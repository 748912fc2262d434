// Uses no service: what a watch makes of what a proxy counts.
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig, loadEnvironment } from '@drydock/kit';
import { hintOf, makeStrangeProduct } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Driver, InstanceState } from '../src/driver/types.ts';
import { answeredBetween } from '../src/proxy/counted.ts';
import type { ServerCounts } from '../src/proxy/haproxy.ts';
import { Watch } from '../src/watch.ts';
import { refusal } from './product.ts';

const test = suite('watch');

/** As HAProxy averages: over all, until there are 1,024; then each new one takes the place of a part. */
function counted(times: readonly number[]): ServerCounts {
  let sum = 0;
  for (const [n, time] of times.entries()) sum += time - (n >= 1_024 ? Math.ceil(sum / 1_024) : 0);
  const meanMs = Math.ceil(sum / Math.max(1, Math.min(times.length, 1_024)));
  return { name: 'green', requests: times.length, failed: 0, timed: times.length, meanMs };
}

test('the time of the last requests is told apart from that of those before, however many they were', () => {
  for (const before of [0, 100, 1_000, 5_000])
    for (const since of [50, 500, 3_000]) {
      const old = Array.from({ length: before }, () => 20);
      const from = counted(old);
      const now = counted([...old, ...Array.from({ length: since }, () => 300)]);
      const { meanMs = 0, requests } = answeredBetween([from], [now]);
      assert.is(requests, since);
      assert.ok(Math.abs(meanMs - 300) < 25, `${meanMs} of ${since} after ${before}`);
    }
});

test('a proxy that was started again counts from nothing', () => {
  const from = { ...counted(Array.from({ length: 900 }, () => 20)), failed: 40 };
  const now = { ...counted(Array.from({ length: 10 }, () => 30)), failed: 1 };
  assert.equal(answeredBetween([from], [now]), { requests: 10, failed: 1, meanMs: 30 });
  assert.equal(answeredBetween([], []), { requests: 0, failed: 0, meanMs: undefined });
});

const WELL: InstanceState = {
  name: 'green-1',
  running: true,
  ready: true,
  version: 'v2',
  restarts: 0,
  detail: '/readyz answered 200',
};

/** Three seconds of a version, look by look. */
async function watched(looks: { counts?: Partial<ServerCounts>; state?: Partial<InstanceState> }[], before = {}) {
  const root = makeStrangeProduct({ release: { artifact: { include: ['x'] }, app: { command: ['node'] } } });
  const config = await loadConfig(undefined, root);
  const none = { requests: 0, failed: 0, timed: 0, meanMs: 0 };
  let at = -1;
  const now = () => looks[Math.min(at, looks.length - 1)] ?? {};
  const proxy = {
    async counts(slot: string): Promise<ServerCounts[]> {
      if (slot === 'blue') return [{ name: 'blue', ...none, ...before }];
      at += 1;
      return [{ name: 'green', ...none, ...(at === 0 ? {} : now().counts) }];
    },
  };
  const driver = {
    instances: async () => [{ ...WELL, ...now().state }],
    async *logs() {
      yield 'green-1 2026-11-26_14:28:31.12345 Error: it was too much';
      yield 'green-1 2026-11-26_14:28:31.12346 Node.js v24';
      yield 'green-1 2026-11-26_14:28:31.12347 drydock: ended with exit code 1; it is started again in 0 s';
      yield 'green-1 2026-11-26_14:28:31.22345 v2 listens';
    },
  } as unknown as Driver;
  const of = (slot: 'blue' | 'green', version: string) => ({ slot, version, commit: 'c', digest: 'd' });
  const turn = { instance: of('green', 'v2'), previous: of('blue', 'v1') };
  const watch = new Watch(config, loadEnvironment(config, 'staging', {}), { driver, proxy, turn });
  const { signal } = new AbortController();
  await watch.during((inner) => sleep(3_500, undefined, { signal: inner }), { signal });
  watch.refuseSlow();
  return watch.answered;
}
test('what is well passes, with failures that may be luck, or that the version before had as well', async () => {
  const counts = { requests: 100, failed: 2, timed: 100, meanMs: 110 };
  const [some, often, alone] = await Promise.all([
    watched([{}, { counts }], { requests: 1_000, timed: 1_000, meanMs: 20 }),
    watched([{}, { counts: { ...counts, failed: 6 } }], { requests: 1_000, failed: 60 }),
    // Nobody was there to compare with, and nobody came.
    watched([{}, {}]),
  ]);
  assert.equal(some, { requests: 100, failed: 2, meanMs: 110 });
  assert.is(often.failed, 6);
  assert.is(alone.requests, 0);
});

test('one that ends, is not ready twice, fails, or is slow is refused, in words, with where to look', async () => {
  const rows: [Parameters<typeof watched>, RegExp][] = [
    [
      [[{}, { state: { restarts: 1 } }]],
      /^Version v2 on staging does not stay: green-1 has ended with exit code 1, and its last words were: Error: it was too much\.$/,
    ],
    [
      [[{}, { state: { ready: false, detail: '/readyz answered 503' } }]],
      /^Version v2 on staging is not ready any more: green-1 \/readyz answered 503\.$/,
    ],
    [
      [[{}, { counts: { requests: 100, failed: 5 } }], { requests: 1_000, failed: 10 }],
      /fails 5 of 100 requests \(5\.0 %\): at most 2\.0 % is allowed \(1\.0 % of the version before, and release\.watch\.errors\)\.$/,
    ],
    [
      [[{}, { counts: { requests: 100, timed: 100, meanMs: 400 } }], { requests: 900, timed: 900, meanMs: 100 }],
      /takes 400 ms to answer on average, and the version before 100 ms/,
    ],
  ];
  const errors = await Promise.all(rows.map(([args]) => refusal(watched(...args))));
  for (const [n, error] of errors.entries()) {
    assert.is(error.code, 'VERSION_NOT_WELL');
    assert.match(error.message, rows[n]?.[1] ?? '');
    assert.is(hintOf(error), 'npm run release:logs -- --slot green');
  }
});

test('one look that cannot be had, or an answer that is late once, is no reason', async () => {
  const late = { state: { ready: false, detail: '/readyz does not answer within 2 s' } };
  assert.is((await watched([{}, late, {}, {}])).failed, 0);
});

test.run();
