// Uses no service but an HTTP server of its own on loopback; the watch runs as a process on a stranger's product.
import { once } from 'node:events';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type StrangeServer, startStrangeServer, strangeTasks } from '../product.ts';
import { STEADY } from '../traffic.ts';

const test = suite('health:watch as a process');
let server: StrangeServer;
test.before(async () => {
  server = await startStrangeServer();
});
test.after(() => server.close());
test.before.each(() => {
  server.page = undefined;
  server.behaviour = { ...STEADY, requestsPerSecond: 200 };
});

const linesOf = (text: string) => text.trim().split('\n');
const jsonOf = (text: string) => linesOf(text).map((line) => JSON.parse(line));
const FAST = ['--interval', '100ms'];

/** Watches until so many lines were seen, however quick the machine is; then Ctrl-C. */
async function watchUntil(lines: number, ...args: string[]) {
  const child = strangeTasks(server.url).start('health:watch', ...FAST, ...args);
  let [stdout, stderr] = ['', ''];
  child.stderr?.on('data', (chunk) => (stderr += chunk));
  child.stdout?.on('data', (chunk) => {
    stdout += chunk;
    if (linesOf(stdout).length >= lines) child.kill('SIGINT');
  });
  const [code] = await once(child, 'close');
  return { code: code as number | null, stdout, stderr };
}

test('--json is one object a line, with every objective; Ctrl-C is its ordinary end, and adds none', async () => {
  const { code, stdout } = await watchUntil(3, '--json');
  assert.is(code, 0);
  const lines = jsonOf(stdout);
  const [first] = lines;
  assert.equal([first.env, first.version, first.healthy, first.problem], ['staging', 'v2', true, null]);
  assert.equal(
    first.readings.map(({ id }: { id: string }) => id),
    ['latency:GET /api/jobs', 'errors', 'cache-hits', 'rate-limit-blocks', 'cpu', 'gc', 'memory'],
  );
  assert.is(first.routes[0].route, 'GET /api/jobs');
  assert.ok(lines.every(({ env }) => env === 'staging'));
});

test('what cannot be known is told once, and shown as unknown', async () => {
  const tasks = strangeTasks(server.url, { metrics: { errors: 'http_request_duration_seconds_count{code=~"5.."}' } });
  const { code, stdout, stderr } = await tasks.run('health:watch', ...FAST, '--for', '1s', '--json');
  assert.is(code, 0);
  assert.is(stderr.split('no series of it has the label code').length, 2, stderr);
  const errors = jsonOf(stdout).map(({ readings }) => readings.find(({ id }: { id: string }) => id === 'errors'));
  assert.ok(errors.length > 0 && errors.every(({ state }) => state === 'unknown'));
});

test('away from a terminal a look is a line, a breach has its mark in it, and the samples stay for the next task', async () => {
  server.behaviour = { ...server.behaviour, errorShare: 0.2 };
  const tasks = strangeTasks(server.url);
  const { code, stdout } = await tasks.run('health:watch', ...FAST, '--for', '1s');
  assert.is(code, 0);
  assert.match(linesOf(stdout)[0] ?? '', /^\d\d:\d\d:\d\d {2}[\d.]+ requests\/s, .*✖error rate \d+ %/);
  const [, looks, breached] = /✔ (\d+) looks at staging, (\d+) of them with a breach\./.exec(stdout) ?? [];
  assert.is(looks, breached);
  const { code: answer, data } = await tasks.ask('health:capacity');
  assert.equal([answer, data.firing, data.source], [0, [], 'samples in .drydock/health']);
});

test('an outage is told and waited out; a clock that is off is told once', async () => {
  let looks = 0;
  server.page = () => (++looks === 3 ? { status: 503, body: '' } : looks === 4 ? { body: 'a b' } : undefined);
  server.clockMs = 90_000;
  const { stdout, stderr } = await watchUntil(4, '--json');
  server.clockMs = 0;
  assert.match(stderr, /The clock of .* is (89|90|91) s ahead of this machine's/);
  const lines = jsonOf(stdout);
  assert.match(lines[1].problem, /answered 503/);
  assert.match(lines[2].problem, /^Line 1 of the metrics cannot be read: a has the value "b"/);
  assert.is(lines[3].problem, null);
  assert.ok(lines[3].readings.length > 0);
});

test('what no waiting mends ends it at once, as one line of its own', async () => {
  server.page = () => ({ status: 401, body: '' });
  const [refused, wrong] = await Promise.all([
    strangeTasks(server.url).run('health:watch', '--json'),
    strangeTasks(server.url).run('health:watch', '--json', '--interval', '10ms'),
  ]);
  assert.equal([refused?.code, jsonOf(refused?.stdout ?? '').map((line) => line.error.code)], [2, ['METRICS_REFUSED']]);
  assert.equal([wrong?.code, jsonOf(wrong?.stdout ?? '').map((line) => line.error.code)], [2, ['INTERVAL_SHORT']]);
});

test.run();
