// Uses no service: made-up traffic, drawn as a terminal would show it without colour.
import type { Text } from '@drydock/kit';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Follower } from '../../src/metrics/follow.ts';
import { namesOf } from '../../src/metrics/names.ts';
import type { Window } from '../../src/metrics/window.ts';
import { listObjectives } from '../../src/objectives/list.ts';
import { drawScreen, type Look } from '../../src/watch/draw.ts';
import { toSample } from '../../src/watch/sample.ts';
import { bar, sparkline } from '../../src/watch/spark.ts';
import { healthSettings } from '../settings.ts';
import { type Behaviour, FakeProduct, STEADY } from '../traffic.ts';

const test = suite('the screen of a watch');
const settings = healthSettings();
const objectives = listObjectives(settings.objectives);

/** A look every five seconds, over the last thirty, as health:watch has them. */
async function looksAt(seconds: number, behaviourAt: (second: number) => Behaviour): Promise<Look[]> {
  const product = new FakeProduct(11);
  const follower = new Follower(namesOf(settings.metrics));
  follower.take(await product.scrape());
  const windows: Window[] = [];
  const looks: Look[] = [];
  for (let second = 0; second < seconds; second += 5) {
    product.run(5, behaviourAt(second));
    const window = follower.take(await product.scrape());
    if (window) windows.push(window);
    const sample = toSample(windows.slice(-6), { objectives, cores: 1, history: windows });
    looks.push({ at: product.now, sample, problem: undefined });
  }
  return looks;
}

const draw = (looks: Look[], columns = 110, health: string | null = null) =>
  drawScreen({ title: 'staging on version v2', everySeconds: 5, health, looks, cost: 0.0031 }, { columns }).map(
    withoutStyle,
  );
const withoutStyle = (line: Text) =>
  (typeof line === 'string' || 'style' in line ? [line] : line)
    .map((part) => (typeof part === 'string' ? part : part.text))
    .join('');

test('each objective has a line: value, what is wanted, a bar with its bound, and its course', async () => {
  const lines = draw(await looksAt(120, () => STEADY));
  assert.match(lines[0] ?? '', /^staging on version v2 {2}\d\d:\d\d:\d\d, every 5 s$/);
  assert.is(lines[1], '✔ healthy');
  const jobs = lines.find((line) => line.includes('GET /api/jobs')) ?? '';
  assert.match(jobs, /^ {3}p95 of \/api\/jobs|^ {2}p95 of GET \/api\/jobs {2}/);
  assert.match(jobs, /2\d\d ms/);
  assert.match(jobs, /p95 < 400 ms/);
  assert.match(jobs, /█+.*│/);
  assert.match(jobs, /[▁▂▃▄▅▆▇█]{20}$/);
  for (const title of ['error rate', 'cache hit ratio', 'rate-limit blocks', 'CPU', 'time in GC', 'memory growth'])
    assert.ok(
      lines.some((line) => line.includes(title)),
      title,
    );
  assert.not.ok(lines.some((line) => /^[!✖] (p95|error|cache|rate|CPU)/.test(line)));
});

test('a breach is marked by a sign, not by colour alone, and counted', async () => {
  const lines = draw(await looksAt(120, (second) => ({ ...STEADY, errorShare: second < 60 ? 0 : 0.08 })));
  assert.ok(lines.some((line) => /^✖ error rate/.test(line)));
  assert.match(lines.join('\n'), /breached: error rate in \d+ of 24 looks/);
});

test('no line is wider than the terminal, down to 80 columns', async () => {
  const looks = await looksAt(400, () => STEADY);
  for (const columns of [80, 100, 140])
    for (const line of draw(looks, columns)) assert.ok([...line].length <= columns, `${columns}: ${line}`);
});

test('an outage is said above the last known values', async () => {
  const looks = await looksAt(60, () => STEADY);
  const problem = "The product's metrics cannot be reached (ECONNREFUSED).";
  const lines = draw([...looks, { at: Date.now(), sample: undefined, problem }], 110, 'redis Connection is closed');
  assert.is(lines[1], '✖ not healthy: redis Connection is closed');
  assert.is(lines[2], `✖ ${problem}`);
  assert.ok(lines.some((line) => line.includes('error rate')));
});

test('bars and sparklines show what is there, and leave blank what is not', () => {
  assert.is(sparkline([0, 0.5, 1, null, 7], 1).join(''), '▁▅█ █');
  assert.is(sparkline([0, 0], 0).join(''), '  ');
  assert.is(bar(0.5, { most: 1, bound: 0.75, width: 8 }), '████  │ ');
  assert.is(bar(1, { most: 1, bound: 0.75, width: 8 }), '██████▓█');
  assert.is(bar(null, { most: 1, bound: 0.75, width: 8 }), '      │ ');
});

test.run();
