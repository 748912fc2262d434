// Uses no service but an HTTP server of its own on loopback; the gate runs as a process on a stranger's product.
import { once } from 'node:events';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { QUICK_GATE, type StrangeServer, startStrangeServer, strangeTasks } from '../product.ts';
import { STEADY } from '../traffic.ts';

const test = suite('health:gate as a process');
let server: StrangeServer;
test.before(async () => {
  server = await startStrangeServer();
});
test.after(() => server.close());
test.before.each(() => {
  server.page = undefined;
  server.behaviour = { ...STEADY, requestsPerSecond: 200 };
});

const gate = (...args: string[]) => strangeTasks(server.url).ask('health:gate', '--for', '1s', ...args);

test('a good version passes: exit 0, each objective with what was seen', async () => {
  const { code, data, ok, stderr } = await gate();
  assert.equal([code, ok, data.verdict, data.version, data.measurements], [0, true, 'pass', 'v2', 4]);
  const [health, jobs, errors] = data.objectives;
  assert.is(health.shown, 'healthy');
  assert.match(jobs.shown, /^\d+ ms \(bucket 200 ms to 300 ms\)$/);
  assert.is(errors.id, 'errors');
  const routes = data.routes.map(({ route }: { route: string }) => route);
  assert.equal(routes, ['GET /api/jobs', 'GET /api/jobs/:id', 'GET /']);
  assert.match(stderr, /GET \/api\/jobs\/:id +\d+ +\d+ ms/);
});

test('a bad one fails: exit 3, at once, and names the series', async () => {
  server.behaviour = { ...server.behaviour, errorShare: 0.2 };
  const { code, data, findings } = await gate();
  assert.equal([code, data.verdict, data.offending], [3, 'fail', ['errors']]);
  assert.ok(data.measurements < 4, 'it did not wait for the end');
  assert.match(findings[0].message, /^error rate \(errors\): wanted < 1 %\. .*\{route="\/api\/jobs"\} \d+/);
});

test('too little traffic is inconclusive: exit 3, and says what it takes', async () => {
  server.behaviour = { ...STEADY, requestsPerSecond: 2 };
  const { code, data, findings } = await gate();
  assert.equal([code, data.verdict], [3, 'inconclusive']);
  assert.match(findings.map((one: { message: string }) => one.message).join('\n'), /299 are needed to be 95 % sure/);
});

test('the version before is compared with, from the samples that an earlier gate kept', async () => {
  const tasks = strangeTasks(server.url, { gate: { ...QUICK_GATE, failureLimit: 50 } });
  server.version = 'v1';
  assert.is((await tasks.ask('health:gate', '--for', '1s')).data.comparedWith, null);
  server.version = 'v2';
  server.behaviour = {
    ...server.behaviour,
    routes: { ...STEADY.routes, '/api/jobs': { share: 0.6, median: 0.16, sigma: 0.5 } },
  };
  const { code, data, findings } = await tasks.ask('health:gate', '--for', '1s');
  assert.equal([code, data.verdict, data.comparedWith], [3, 'fail', 'v1']);
  assert.match(
    findings[0].message,
    /Worse than the version before, if within the bound\. .*Version v1: \d+ ms before, \d+ ms now/,
  );
});

test('what cannot be looked at ends with its own exit code: 2, and no verdict', async () => {
  server.page = () => ({ status: 401, body: '' });
  const { code, error, data } = await gate();
  assert.equal([code, error.code, data], [2, 'METRICS_REFUSED', {}]);
});

test('wrong flags are usage errors', async () => {
  const tasks = strangeTasks(server.url);
  const [wrong, unknown, address] = await Promise.all([
    tasks.run('health:gate', '--for', 'soon'),
    tasks.run('health:gate', '--fro', '3s'),
    tasks.ask('health:gate', '--url', 'nonsense'),
  ]);
  assert.equal([wrong?.code, unknown?.code], [2, 2]);
  assert.match(wrong?.stdout ?? '', '--for must be a duration such as 500ms');
  assert.equal([address.code, address.error.code], [2, 'ADDRESS_WRONG']);
});

test('Ctrl-C ends it with 130', async () => {
  const looks = server.seen.length;
  const child = strangeTasks(server.url).start('health:gate', '--for', '60s');
  const ended = once(child, 'exit');
  while (server.seen.length < looks + 3) await new Promise((done) => setTimeout(done, 20));
  child.kill('SIGINT');
  const [code] = await ended;
  assert.is(code, 130);
});

test.run();
