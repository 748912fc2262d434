// Uses no service but an HTTP server of its own on loopback; the gate itself is asked, since most of a process is its start.
import { createServer } from 'node:http';
import { freePort, loadConfig, loadEnvironment, OpsError } from '@drydock/kit';
import { hintOf, makeStrangeProduct } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { gate } from '../../src/gate/open.ts';
import type { GateResult } from '../../src/gate/run.ts';
import { QUICK_GATE, type StrangeServer, startStrangeServer } from '../product.ts';
import { FakeProduct, STEADY } from '../traffic.ts';

const test = suite('what a gate may meet');
let server: StrangeServer;
test.before(async () => {
  server = await startStrangeServer();
});
test.after(() => server.close());
test.before.each(() => {
  server.page = undefined;
  server.behaviour = { ...STEADY, requestsPerSecond: 200 };
});

/** A gate on a stranger's product. */
async function gateOf(url: string, forSeconds: number, health: object = {}): Promise<GateResult> {
  const root = makeStrangeProduct(
    { health: { timeoutMs: 3_000, gate: QUICK_GATE, ...health } },
    { PUBLIC_URL: url, ADMIN_TOKEN: 'the-token-of-health' },
  );
  const config = await loadConfig(undefined, root);
  const { signal } = new AbortController();
  return gate(config, loadEnvironment(config, 'staging', {}), { forSeconds, signal });
}

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
  const { verdict, judged } = await gateOf(renamed.url, 1, {
    metrics: {
      path: '/metrics/shop',
      requests: 'shop_latency_ms{path!="/"}',
      unit: 'milliseconds',
      routeLabel: 'path',
      methodLabel: 'verb',
      errors: 'shop_failures',
      blocks: null,
    },
  });
  renamed.close();
  assert.is(verdict, 'pass');
  assert.equal(
    judged.map(({ id }) => id),
    ['health', 'latency:GET /api/jobs', 'errors', 'cache-hits', 'cpu', 'gc', 'memory'],
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
  const asked = Object.entries(BAD).map(async ([what, { page, health = {}, code, error, says }]) => {
    const own = await startStrangeServer();
    own.page = page;
    const thrown = await gateOf(own.url, 1, health).catch((caught: OpsError) => caught);
    own.close();
    assert.ok(thrown instanceof OpsError, what);
    assert.equal([thrown.exit, thrown.code], [code, error], what);
    assert.match(thrown.message, says);
    assert.ok(thrown.hint, what);
  });
  await Promise.all(asked);
});

test('a product that is away fails, and so does one whose metrics are slow', async () => {
  const away = await gateOf(`http://127.0.0.1:${await freePort()}`, 20);
  assert.equal([away.verdict, away.windows.length], ['fail', 0]);
  assert.match(JSON.stringify(away.findings), /health.*endpoint: cannot be reached \(ECONNREFUSED\)/);
  server.page = () => ({ body: 'late', delayMs: 400 });
  const slow = await gateOf(server.url, 20, { timeoutMs: 150, gate: { ...QUICK_GATE, consecutiveErrors: 2 } });
  assert.is(slow.verdict, 'fail');
  assert.match(JSON.stringify(slow.findings), /did not answer within 150 ms/);
});

test('metrics that are lost on the way are inconclusive: the product may be well', async () => {
  let looks = 0;
  server.page = () => (looks++ < 2 ? undefined : { body: 'garbage' });
  const { verdict, findings } = await gateOf(server.url, 20, { gate: { ...QUICK_GATE, consecutiveErrors: 1 } });
  assert.is(verdict, 'inconclusive');
  assert.match(JSON.stringify(findings), /METRICS_LOST/);
});

test('instances that a balancer gives in turn are seen, whatever else is asked in between', async () => {
  const products = [1, 2].map((n) => new FakeProduct(n, Date.now() - n * 900_000));
  let turn = 0;
  const balancer = createServer((request, response) => {
    const product = products[turn++ % products.length];
    product?.run(1, { ...STEADY, requestsPerSecond: 200 });
    if (request.url === '/metrics') void product?.page().then((page) => response.end(page));
    else response.end('{"ok":true}');
  });
  await new Promise<void>((done) => balancer.listen(0, '127.0.0.1', done));
  const { port } = balancer.address() as { port: number };
  const { verdict, findings } = await gateOf(`http://127.0.0.1:${port}`, 1);
  balancer.closeAllConnections();
  balancer.close();
  assert.is(verdict, 'inconclusive');
  const [told] = findings;
  assert.is(told?.code, 'SEVERAL_INSTANCES');
  assert.match(hintOf(told), 'METRICS_URLS');
});

test('a clock that is off is told, and changes no rate', async () => {
  const shifted = await startStrangeServer(9);
  shifted.behaviour = { ...STEADY, requestsPerSecond: 200 };
  shifted.clockMs = 90_000;
  const { findings, verdict } = await gateOf(shifted.url, 1);
  shifted.close();
  assert.is(verdict, 'pass');
  assert.match(JSON.stringify(findings), /CLOCK_SKEW.*is (89|90|91) s ahead of this machine/);
});

test.run();
