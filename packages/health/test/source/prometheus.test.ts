// Uses a real Prometheus, which scrapes a stranger's product on loopback; gate, watch and capacity ask it instead of the product.
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { QUICK_GATE, type StrangeServer, startStrangeServer, strangeTasks } from '../product.ts';
import { type Page, startPrometheusWithPast } from '../prometheus.ts';
import { FakeProduct, STEADY } from '../traffic.ts';

const test = suite('a Prometheus server instead of the product');
let server: StrangeServer;
let prometheus: Awaited<ReturnType<typeof startPrometheusWithPast>>;
test.before(async () => {
  server = await startStrangeServer();
  server.behaviour = { ...STEADY, requestsPerSecond: 200 };
  prometheus = await startPrometheusWithPast([server.url], await lastHour());
  // Its first scrapes; until then it knows no metric.
  const knows = async () => {
    const answer = await fetch(`${prometheus.url}/api/v1/query?query=http_errors_total{job="shop"}`);
    return ((await answer.json()) as { data: { result: unknown[] } }).data.result.length > 0;
  };
  while (!(await knows())) await sleep(100);
});
test.after(async () => {
  await prometheus?.stop();
  server?.close();
});

/** An hour of a product that has been busy for the last twenty minutes, scraped every thirty seconds. */
async function lastHour(): Promise<Page[]> {
  const product = new FakeProduct(8, Date.now() - 61 * 60_000);
  const pages: Page[] = [];
  for (let half = 0; half < 120; half++) {
    product.run(30, { ...STEADY, requestsPerSecond: 2, cpu: half < 80 ? 0.3 : 0.9 });
    pages.push({ at: product.now, text: await product.page() });
  }
  return pages;
}

const GATE = { gate: { ...QUICK_GATE, intervalSeconds: 1, windowSeconds: 3 } };
const tasks = (health: object = {}) =>
  strangeTasks(server.url, { ...GATE, ...health }, { PROMETHEUS_URL: prometheus.url });

test('the gate passes by what Prometheus has scraped, and fails by it; the product is not asked for its metrics', async () => {
  const asked = () => server.seen.filter(({ path }) => path === '/metrics').length;
  const labels = { prometheus: { labels: { job: 'shop' } } };
  const before = asked();
  const good = await tasks(labels).ask('health:gate', '--for', '4s');
  assert.equal([good.code, good.data.verdict], [0, 'pass'], JSON.stringify(good.findings));
  assert.ok(good.data.objectives[1].count > 100);
  assert.ok(asked() - before < 15, 'only Prometheus scraped, once a second');
  server.behaviour = { ...server.behaviour, errorShare: 0.2 };
  const bad = await tasks(labels).ask('health:gate', '--for', '20s');
  assert.equal([bad.code, bad.data.offending], [3, ['errors']]);
});

test('a product that it does not scrape, and a server that is none, are told', async () => {
  const [unknown, capacity, odd] = await Promise.all([
    tasks({ prometheus: { labels: { job: 'another' } } }).ask('health:gate', '--for', '3s'),
    tasks({ prometheus: { labels: { job: 'another' } } }).ask('health:capacity'),
    strangeTasks(server.url, {}, { PROMETHEUS_URL: server.url }).ask('health:capacity'),
  ]);
  assert.equal([unknown.code, unknown.error.code], [2, 'PROMETHEUS_EMPTY']);
  assert.match(unknown.error.message, /with \{job="another"\}/);
  assert.equal([capacity.code, capacity.error.code], [1, 'NO_SAMPLES']);
  assert.equal([odd.code, odd.error.code], [2, 'PROMETHEUS_ODD']);
});

test('capacity goes by its history, in steps of a minute', async () => {
  const labels = { prometheus: { labels: { job: 'past' } } };
  const { code, data, findings } = await tasks(labels).ask('health:capacity', '--since', '2h');
  assert.equal([code, data.firing], [3, ['cpu']], JSON.stringify(data));
  assert.match(data.source, /^Prometheus at http/);
  const minutes = (Date.now() - Date.parse(data.triggers[0].since)) / 60_000;
  assert.ok(minutes > 18 && minutes < 24, `since ${minutes} minutes`);
  assert.match(findings[0].hint, /^Scale out: 1 → 2 instances would bring 9\d % under 70 %/);
});

test.run();
