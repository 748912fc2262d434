// Uses no service: what the real marketplace said on a real world (record.ts), through the loop that a real gate runs.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { routesOf } from '../../src/metrics/routes.ts';
import { readRecording } from './recordings.ts';
import { replay, said } from './replay.ts';

const test = suite('recordings of the marketplace');

for (const name of ['steady', 'many-collections', 'cold-at-first', 'restart'])
  test(`${name}: passes`, async () => {
    const result = await replay(readRecording(name));
    assert.is(result.verdict, 'pass', said(result));
  });

/** What fails, and what is said of it. Without its Redis the marketplace is slow as well: it waits for it. What leaks is long to collect. */
const FAILS: Record<string, [string[], RegExp]> = {
  'errors-for-30-s': [['errors'], /\{route="\/api\/jobs\/:id"\} \d+/],
  'slow-route': [['latency:GET /api/jobs'], /p95 of GET \/api\/jobs/],
  'cold-cache': [['cache-hits'], /wanted > 40 %/],
  'redis-stopped': [['health', 'latency:GET /api/jobs'], /wanted healthy\. redis: /],
  'too-many-requests': [['rate-limit-blocks'], /wanted < 5 %/],
  leak: [['gc', 'memory'], /major collections: \d+ MiB to \d+ MiB/],
};
for (const [name, [offenders, says]] of Object.entries(FAILS))
  test(`${name}: fails, by ${offenders.join(' and ')}`, async () => {
    const result = await replay(readRecording(name));
    assert.is(result.verdict, 'fail', said(result));
    const failed = result.judged.filter(({ verdict }) => verdict === 'fail').map(({ id }) => id);
    assert.equal(failed, offenders, said(result));
    assert.match(said(result), says);
  });

test('a restart is counted in: no request is lost, none is counted twice', async () => {
  const { findings, windows, version } = await replay(readRecording('restart'));
  assert.is(version, 'v2');
  assert.ok(findings.some(({ code }) => code === 'RESTARTED'));
  const counts = windows.map((window) => routesOf(window).reduce((sum, { requests }) => sum + requests, 0));
  // 15 a second for two seconds, give or take what luck does; a counter of a whole process would be hundreds.
  assert.ok(Math.max(...counts) < 100, `${counts}`);
});

test('recordings are of a product that runs Node 24 and prom-client, with every metric that is looked at', () => {
  for (const name of ['steady', ...Object.keys(FAILS)]) {
    const looks = readRecording(name);
    const [first] = looks;
    assert.match(first?.metrics?.body ?? '', 'nodejs_version_info{version="v24');
    assert.is(looks.length, 31);
  }
});

test.run();
