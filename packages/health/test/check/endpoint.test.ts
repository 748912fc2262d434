// Uses no service but an HTTP endpoint of its own on loopback.

import { createServer, type Server } from 'node:http';
import { freePort, loadConfig, loadEnvironment } from '@drydock/kit';
import { makeStrangeProduct } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkHealth } from '../../src/check/endpoint.ts';

const test = suite('health check');
let server: Server;
let answer: { status: number; body: string; delayMs?: number };
let seen: string | undefined;
test.before(async () => {
  server = createServer((request, response) => {
    seen = request.headers.authorization;
    setTimeout(() => response.writeHead(answer.status).end(answer.body), answer.delayMs ?? 0);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
});
test.after(() => server.closeAllConnections());
test.after(() => void server.close());

async function check(url = `http://127.0.0.1:${(server.address() as { port: number }).port}`) {
  const root = makeStrangeProduct(
    { health: { timeoutMs: 1_000 } },
    { PUBLIC_URL: url, ADMIN_TOKEN: 'the-token-of-health' },
  );
  const loaded = await loadConfig(undefined, root);
  return checkHealth(loaded, loadEnvironment(loaded, 'staging', {}));
}

test('a healthy product is healthy, asked with its token', async () => {
  answer = { status: 200, body: JSON.stringify({ ok: true, version: 'v7', parts: { database: { ok: true, ms: 3 } } }) };
  const result = await check();
  assert.is(result.healthy, true);
  assert.is(result.version, 'v7');
  assert.is(seen, 'Bearer the-token-of-health');
});

test('a required part that is down is named', async () => {
  answer = { status: 503, body: JSON.stringify({ ok: false, parts: { redis: { ok: false, error: 'ECONNREFUSED' } } }) };
  const { healthy, parts } = await check();
  assert.is(healthy, false);
  assert.equal(
    parts.filter(({ ok }) => !ok).map(({ part }) => part),
    ['endpoint', 'redis'],
  );
});

test('an outage, a slow answer and nonsense are unhealthy, not exceptions', async () => {
  assert.match(
    (await check(`http://127.0.0.1:${await freePort()}`)).parts[0]?.detail ?? '',
    'cannot be reached (ECONNREFUSED)',
  );
  answer = { status: 200, body: '{}', delayMs: 4_000 };
  assert.match((await check()).parts[0]?.detail ?? '', 'did not answer within 1000 ms');
  answer = { status: 200, body: '<html>' };
  assert.match((await check()).parts[0]?.detail ?? '', 'something that is no health report');
});

test.run();
