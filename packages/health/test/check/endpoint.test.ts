// Uses no service but an HTTP endpoint of its own on loopback.

import { createServer, type Server } from 'node:http';
import { freePort, loadConfig, loadEnvironment } from '@drydock/kit';
import { makeStrangeProduct } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkHealth } from '../../src/check/endpoint.ts';

const test = suite('health check');
let server: Server;
let answer: { status: number; body: string; delayMs?: number; location?: string };
let seen: string | undefined;
test.before(async () => {
  server = createServer((request, response) => {
    seen = request.headers.authorization;
    const headers = answer.location === undefined ? {} : { location: answer.location };
    setTimeout(() => response.writeHead(answer.status, headers).end(answer.body), answer.delayMs ?? 0);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
});
test.after(() => server.closeAllConnections());
test.after(() => void server.close());

const here = () => `http://127.0.0.1:${(server.address() as { port: number }).port}`;

async function check(url = here(), token: string | undefined = 'the-token-of-health', health: object = {}) {
  const root = makeStrangeProduct(
    { health: { timeoutMs: 1_000, ...health } },
    { PUBLIC_URL: url, ...(token === undefined ? {} : { ADMIN_TOKEN: token }) },
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

test('of several tokens the first is sent', async () => {
  answer = { status: 200, body: '{"ok":true}' };
  await check(undefined, 'the-new-token, the-former-token');
  assert.is(seen, 'Bearer the-new-token');
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

test('a redirect to another origin is not healthy, whatever answers there', async () => {
  const other = createServer((_, response) => void response.end('{"ok":true}'));
  await new Promise<void>((done) => other.listen(0, '127.0.0.1', done));
  const location = `http://127.0.0.1:${(other.address() as { port: number }).port}`;
  answer = { status: 302, body: '', location: `${location}/health` };
  const { healthy, parts } = await check();
  other.close();
  assert.is(healthy, false);
  assert.is(parts[0]?.detail, `leads elsewhere, to ${location}`);
});

test('an answer that says nothing is not healthy, and told what to name', async () => {
  for (const body of ['{}', '{"version":"v7"}', '{"uptime":12}', '{"ok":null}', '{"parts":{}}']) {
    answer = { status: 200, body };
    const { healthy, parts } = await check();
    assert.is(healthy, false, body);
    assert.ok(
      parts.some(({ ok }) => !ok),
      body,
    );
  }
  assert.match((await check()).parts[0]?.detail ?? '', /does not say whether it is healthy: .* health\.expect\.ok/);
  for (const body of ['[]', 'null', '42', '', 'pong', 'not ok', 'OK but slow', '"down"']) {
    answer = { status: 200, body };
    assert.match((await check()).parts[0]?.detail ?? '', 'something that is no health report', body);
  }
});

test('where the status alone says it, it does, whatever the answer holds', async () => {
  const byStatus = { expect: { status: 200 } };
  for (const [status, body, healthy] of [
    [200, '<html>', true],
    [200, '{"status":"down","version":"v7"}', true],
    [204, '', false],
    [503, 'OK', false],
  ] as const) {
    answer = { status, body };
    const result = await check(here(), undefined, byStatus);
    assert.is(result.healthy, healthy, `${status} ${body}`);
    assert.is(result.version, body.includes('v7') ? 'v7' : undefined);
  }
  answer = { status: 204, body: '' };
  assert.is((await check()).healthy, true);
  answer = { status: 200, body: '<html>' };
  assert.match((await check()).parts[0]?.detail ?? '', 'name that in health.expect.status');
});

test('the usual token is sent where it is set; one that the config names must be', async () => {
  answer = { status: 200, body: 'OK' };
  seen = undefined;
  const config = await loadConfig(undefined, makeStrangeProduct({}, { PUBLIC_URL: here() }));
  assert.is((await checkHealth(config, loadEnvironment(config, 'staging', {}))).healthy, true);
  assert.is(seen, undefined);
  const named = await loadConfig(
    undefined,
    makeStrangeProduct({ health: { token: 'ADMIN_TOKEN' } }, { PUBLIC_URL: here() }),
  );
  const error = await checkHealth(named, loadEnvironment(named, 'staging', {})).catch((thrown) => thrown);
  assert.match(error.message, 'ADMIN_TOKEN is not set');
});

test('a route that is not there is told as such', async () => {
  answer = { status: 404, body: '{"error":"Not Found","statusCode":404}' };
  assert.match(
    (await check()).parts[0]?.detail ?? '',
    'there is nothing at /api/admin/health, which health.path names',
  );
});

test('routes that say it in their own words are understood, for yes and for no', async () => {
  const YES = [
    '{"status":"ok"}',
    '{"status":"UP"}',
    '{"status":"Healthy"}',
    '{"healthy":true}',
    '{"ok":true}',
    '{"status":"pass"}',
    '{"alive":true}',
    '{"parts":{"db":{"ok":true}}}',
    'OK',
    'healthy\n',
    '"ok"',
  ];
  const NO = [
    '{"status":"degraded"}',
    '{"status":"down"}',
    '{"healthy":false}',
    '{"ok":false,"status":"ok"}',
    '{"parts":{"db":{"ok":false}}}',
    '{"state":"starting"}',
  ];
  for (const body of [...YES, ...NO]) {
    answer = { status: 200, body };
    assert.is((await check()).healthy, YES.includes(body), body);
  }
  answer = { status: 503, body: '{"status":"ok"}' };
  assert.is((await check()).healthy, false);
});

test('an answer that does not end is not read to its end', async () => {
  answer = { status: 200, body: `{"ok":true,"padding":"${'x'.repeat(3_000_000)}"}` };
  const { healthy, parts } = await check();
  assert.equal([healthy, parts[0]?.detail], [false, 'answered with more than 1 MiB']);
});

test('a user and password in the address of the product are sent, and are not told', async () => {
  const { port } = server.address() as { port: number };
  answer = { status: 200, body: '{"ok":true}' };
  assert.is((await check(`http://oper:pr0m-Pa55word@127.0.0.1:${port}`)).healthy, true);
  const away = await check(`http://oper:pr0m-Pa55word@127.0.0.1:${await freePort()}/v2/APIKEY-0123456789`);
  assert.not.match(JSON.stringify(away), /pr0m|oper|APIKEY/);
});

test.run();
