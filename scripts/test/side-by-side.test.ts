import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sideBySide } from '../check/side-by-side.ts';
import type { Suite } from '../check/suites.ts';
import { tellLongest } from '../check/times.ts';

const test = suite('suites side by side');
const cores = Math.max(2, availableParallelism());
const named = (name: string, more: Partial<Suite> = {}): Suite => ({
  name,
  command: 'true',
  args: [],
  counts: 'exit',
  timeoutMs: 1_000,
  ...more,
});
const many = (n: number) => Array.from({ length: n }, (_, i) => named(`${i}`));

/** In which order they began, and how many ran at once. */
async function runOf(suites: Suite[], idle: () => number, ms: number) {
  const [order, running] = [[] as string[], new Set<Suite>()];
  let most = 0;
  const run = async (one: Suite) => {
    order.push(one.name);
    running.add(one);
    most = Math.max(most, running.size);
    await sleep(ms);
    running.delete(one);
  };
  await sideBySide(suites, { run, idle, signal: new AbortController().signal });
  return { order, most };
}

test('where all cores are at work, one more than there are cores', async () => {
  const { most, order } = await runOf(many(cores + 3), () => 0, 600);
  assert.is(most, cores + 1);
  assert.is(order.length, cores + 3);
});

test('where they wait, others begin, one after the other, as far as twice the cores and two', async () => {
  const { most } = await runOf(many(3 * cores), () => 1, 4_000);
  assert.ok(most > cores + 1 && most <= 2 * cores + 2, `${most}`);
});

test('what is heavy begins first, then what is long', async () => {
  const suites = [named('a'), named('long', { long: true }), named('heavy', { heavy: true }), named('b')];
  assert.equal((await runOf(suites, () => 0, 10)).order, ['heavy', 'long', 'a', 'b']);
});

test('what took longest is told by what it used of the cores', () => {
  const took = (name: string, ms: number, cpuMs: number | undefined) => ({
    ...{ suite: named(name), passed: 1, failed: 0, log: '', ms, cpuMs },
  });
  const [head = '', ...rest] = tellLongest([
    took('waits', 90_000, 2_000),
    took('works', 30_000, 40_000),
    took('killed', 9_000, undefined),
  ]);
  assert.match(head, '42.0 s of the cores');
  assert.equal(
    rest.map((line) => line.trim()),
    [
      '40.0 s of the cores, 30.0 s in all  works',
      '? of the cores, 9.0 s in all  killed',
      '2.0 s of the cores, 90.0 s in all  waits',
    ],
  );
});

test.run();
