// Uses no service but an HTTP server of its own on loopback; the gate runs as a process on a stranger's product.
import { once } from 'node:events';
import { freePort } from '@drydock/kit';
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

const gate = (...args: string[]) => strangeTasks(server.url).ask('gate.ts', '--for', '1s', ...args);

test('a good version passes: exit 0, each objective with what was seen', async () => {
  const { code, data, ok } = await gate();
  assert.equal([code, ok, data.verdict, data.version, data.measurements], [0, true, 'pass', 'v2', 4]);
  const [health, jobs, errors] = data.objectives;
  assert.is(health.shown, 'healthy');
  assert.match(jobs.shown, /^\d+ ms \(bucket 200 ms to 300 ms\)$/);
  assert.is(errors.id, 'errors');
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

test('a product with other names works by config alone', async () => {
  server.page = () => undefined;
  const renamed = await startStrangeServer(5);
  renamed.behaviour = { ...STEADY, requestsPerSecond: 200 };
  const original = renamed.product.page.bind(renamed.product);
  renamed.product.page = async () =>
    (await original())
      .replaceAll('http_request_duration_seconds', 'shop_latency_ms')
      .replaceAll('http_errors_total', 'shop_failures')
      .replaceAll(/le="([\d.]+)"/g, (_, le) => `le="${Number(le) * 1_000}"`)
      .replaceAll('method="GET",route=', 'verb="GET",path=')
      .replaceAll('rate_limit_blocks_total', 'unrelated');
  const { code, data } = await strangeTasks(renamed.url, {
    metrics: {
      path: '/metrics/shop',
      requests: 'shop_latency_ms{path!="/"}',
      unit: 'milliseconds',
      routeLabel: 'path',
      methodLabel: 'verb',
      errors: 'shop_failures',
      blocks: null,
    },
  }).ask('gate.ts', '--for', '1s');
  renamed.close();
  assert.equal([code, data.verdict], [0, 'pass']);
  assert.equal(
    data.objectives.map(({ id }: { id: string }) => id),
    ['health', 'latency:GET /api/jobs', 'errors', 'cache-hits', 'cpu', 'gc', 'memory'],
  );
});

test('the version before is compared with, from the samples that an earlier gate kept', async () => {
  const tasks = strangeTasks(server.url, { gate: { ...QUICK_GATE, failureLimit: 50 } });
  server.version = 'v1';
  assert.is((await tasks.ask('gate.ts', '--for', '1s')).data.comparedWith, null);
  server.version = 'v2';
  server.behaviour = {
    ...server.behaviour,
    routes: { ...STEADY.routes, '/api/jobs': { share: 0.6, median: 0.16, sigma: 0.5 } },
  };
  const { code, data, findings } = await tasks.ask('gate.ts', '--for', '1s');
  assert.equal([code, data.verdict, data.comparedWith], [3, 'fail', 'v1']);
  assert.match(
    findings[0].message,
    /Worse than the version before, if within the bound\. .*Version v1: \d+ ms before, \d+ ms now/,
  );
});

const BAD: Record<
  string,
  { page?: StrangeServer['page']; health?: object; code: number; error: string; says: RegExp }
> = {
  'a page that is malformed': {
    page: () => ({ body: 'a 1\nb{c="d" 2\n' }),
    code: 1,
    error: 'METRICS_MALFORMED',
    says: /^Line 2 of the metrics cannot be read: b has malformed labels/,
  },
  'a page of HTML': { page: () => ({ body: '<html>' }), code: 1, error: 'METRICS_MALFORMED', says: /^Line 1 .*<html>/ },
  'a page without a metric': {
    page: () => ({ body: '' }),
    code: 1,
    error: 'METRICS_MALFORMED',
    says: /no metric at all/,
  },
  '401 without a token': {
    page: () => ({ status: 401, body: '' }),
    code: 2,
    error: 'METRICS_REFUSED',
    says: /wants a token/,
  },
  '401 with a token': {
    page: () => ({ status: 401, body: '' }),
    health: { metrics: { token: 'ADMIN_TOKEN' } },
    code: 2,
    error: 'METRICS_REFUSED',
    says: /does not take the token of ADMIN_TOKEN/,
  },
  'no page at all': {
    page: () => ({ status: 404, body: '' }),
    code: 2,
    error: 'METRICS_NOT_FOUND',
    says: /is not there \(404\)/,
  },
  'an objective on a metric that does not exist': {
    health: { metrics: { cacheHits: 'cache_hit_total' } },
    code: 2,
    error: 'METRIC_MISSING',
    says: /^cache hit ratio \(> 40 %\) rests on the metric cache_hit_total, which is not there\.$/,
  },
  'a selector that cannot be read': {
    health: { metrics: { errors: 'http_errors_total{route=~"("}' } },
    code: 2,
    error: 'SELECTOR_WRONG',
    says: /regular expression that cannot be read/,
  },
};
test('every bad page, answer and name is told by its code, its sentence and the next step', async () => {
  // Side by side: most of a process is its start.
  const asked = Object.entries(BAD).map(async ([what, { page, health = {}, code, error, says }]) => {
    const own = await startStrangeServer();
    own.page = page;
    const answer = await strangeTasks(own.url, health).ask('gate.ts', '--for', '1s');
    own.close();
    assert.equal([answer.code, answer.error?.code], [code, error], what);
    assert.match(answer.error.message, says);
    assert.ok(answer.error.hint, what);
  });
  await Promise.all(asked);
});

test('a product that is away fails, and so does one whose metrics are slow', async () => {
  const away = await strangeTasks(`http://127.0.0.1:${await freePort()}`).ask('gate.ts', '--for', '20s');
  assert.equal([away.code, away.data.verdict, away.data.measurements], [3, 'fail', 0]);
  assert.match(JSON.stringify(away.findings), /health.*endpoint cannot be reached \(ECONNREFUSED\)/);
  server.page = () => ({ body: 'late', delayMs: 400 });
  const slow = await strangeTasks(server.url, { timeoutMs: 150, gate: { ...QUICK_GATE, consecutiveErrors: 2 } }).ask(
    'gate.ts',
    '--for',
    '20s',
  );
  assert.equal([slow.code, slow.data.verdict], [3, 'fail']);
  assert.match(JSON.stringify(slow.findings), /did not answer within 150 ms/);
});

test('metrics that are lost on the way are inconclusive: the product may be well', async () => {
  let looks = 0;
  server.page = () => (looks++ < 2 ? undefined : { body: 'garbage' });
  const { code, data, findings } = await strangeTasks(server.url, {
    gate: { ...QUICK_GATE, consecutiveErrors: 1 },
  }).ask('gate.ts', '--for', '20s');
  assert.equal([code, data.verdict], [3, 'inconclusive']);
  assert.match(JSON.stringify(findings), /METRICS_LOST/);
});

test('a clock that is off is told, and changes no rate', async () => {
  const shifted = await startStrangeServer(9);
  shifted.behaviour = { ...STEADY, requestsPerSecond: 200 };
  const body = shifted.product.page.bind(shifted.product);
  let text = await body();
  shifted.page = () => ({ body: text, headers: { date: new Date(Date.now() + 90_000).toUTCString() } });
  const refresh = setInterval(async () => (text = await body()), 200);
  const { findings, data } = await strangeTasks(shifted.url).ask('gate.ts', '--for', '1s');
  clearInterval(refresh);
  shifted.close();
  assert.is(data.verdict, 'pass');
  assert.match(JSON.stringify(findings), /CLOCK_SKEW.*is (89|90|91) s ahead of this machine/);
});

test('wrong flags are usage errors', async () => {
  const wrong = await strangeTasks(server.url).run('gate.ts', '--for', 'soon');
  assert.is(wrong.code, 2);
  assert.match(wrong.stdout, '--for must be a duration such as 500ms');
  assert.is((await strangeTasks(server.url).run('gate.ts', '--fro', '3s')).code, 2);
  const address = await strangeTasks(server.url).ask('gate.ts', '--url', 'nonsense');
  assert.equal([address.code, address.error.code], [2, 'ADDRESS_WRONG']);
});

test('Ctrl-C ends it with 130', async () => {
  const looks = server.seen.length;
  const child = strangeTasks(server.url).start('gate.ts', '--for', '60s');
  const ended = once(child, 'exit');
  while (server.seen.length < looks + 3) await new Promise((done) => setTimeout(done, 20));
  child.kill('SIGINT');
  const [code] = await ended;
  assert.is(code, 130);
});

test.run();
