// Uses the product on PostgreSQL, Redis and anvil, and a real Prometheus that scrapes it and evaluates the rules that were written.
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { Secret, withPostgres } from '@drydock/kit';
import { startTestPrometheus } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Product, startProduct, startWorld, until } from '../../../marketplace/test/world.ts';
import { strangeTasks } from '../product.ts';

const test = suite('an alert of the rules');
/** An hour and five minutes would be long for a test. 30 times 1 % of errors. */
const QUICK = { long: '6s', short: '3s', spends: (30 * 6) / 86_400, severity: 'page' };
const RULES = { interval: '500ms', windows: [QUICK], minRequests: 5, absentFor: '3s' };
/** A scrape may take as long as its interval, no longer: a product that is busy with its errors answers late. */
const EACH = '500ms';
const PATIENCE_MS = 60_000;

let world: Awaited<ReturnType<typeof startWorld>>;
let product: Product;
let prometheus: Awaited<ReturnType<typeof startTestPrometheus>>;
let folder: string;
let tasks: ReturnType<typeof strangeTasks>;
let traffic: NodeJS.Timeout;

test.before(async () => {
  world = await startWorld();
  product = await startProduct({ ...world.env, RATE_LIMIT_PER_MINUTE: '100000' });
  traffic = setInterval(() => void fetch(`${product.url}/api/jobs/01J00000000000000000000000`).catch(() => {}), 100);
  tasks = strangeTasks(product.url, {
    objectives: { budgetDays: 1 },
    prometheus: { labels: { job: 'shop-{env}' } },
    rules: RULES,
  });
  await until(
    async () => (await fetch(`${product.url}/metrics`)).text().then((text) => text.includes('le="0.4"')),
    PATIENCE_MS,
  );
  const { code, data, findings } = await tasks.ask('health:rules');
  assert.equal([code, findings], [0, []], 'the buckets of the product end where the objectives do');
  folder = data.folder;
  prometheus = await startTestPrometheus({
    global: { scrape_interval: EACH, scrape_timeout: EACH, evaluation_interval: EACH },
    rule_files: [join(folder, 'rules.yml')],
    scrape_configs: [{ job_name: 'shop-staging', static_configs: [{ targets: [new URL(product.url).host] }] }],
  });
});
test.after(async () => {
  clearInterval(traffic);
  await prometheus?.stop();
  await product?.stop();
  await world?.stop();
});

const api = async (path: string) => {
  const { status, data, error } = (await (await fetch(`${prometheus.url}/api/v1/${path}`)).json()) as {
    status: string;
    // biome-ignore lint/suspicious/noExplicitAny: three answers of Prometheus, each of its own shape.
    data: any;
    error?: string;
  };
  assert.is(status, 'success', `${path}: ${error}`);
  return data;
};
const query = (sql: string) =>
  withPostgres(new Secret(world.databaseUrl, 'the test'), 'test', (client) => client.query(sql));
const firing = async (): Promise<string[]> =>
  (await api('alerts')).alerts
    .filter(({ state }: { state: string }) => state === 'firing')
    .map(({ labels }: { labels: Record<string, string> }) => `${labels.alertname} ${labels.objective}`);

/** What fires, asked for until it is that or patience ends. */
const fires = async (wanted: string[]): Promise<string[]> => {
  let seen: string[] = [];
  await until(async () => {
    seen = await firing();
    return isDeepStrictEqual(seen, wanted);
  }, PATIENCE_MS);
  return seen;
};
/** For a failure: a scrape that failed is not an alert that failed. */
const scrapes = async () => JSON.stringify((await api('targets')).activeTargets);

test('it fires while the product fails, and is over soon after the product is well again', async () => {
  // Prometheus waits five seconds before it scrapes for the first time.
  const scraped = async () => (await api('query?query=drydock:bad:ratio_rate6s')).result.length > 0;
  assert.ok(await until(scraped, PATIENCE_MS), await scrapes());
  await sleep(1_000);
  assert.equal(await firing(), [], 'nothing fires while all is well');
  await query('ALTER TABLE "Job" RENAME TO "Job_away"');
  try {
    const burns = ['DrydockBudgetBurn errors'];
    assert.equal(await fires(burns), burns, `it alone fires; ${await scrapes()}`);
  } finally {
    await query('ALTER TABLE "Job_away" RENAME TO "Job"');
  }
  assert.equal(await fires([]), [], 'it is over');
});

test('every rule is evaluated without a fault, and every panel of the dashboard has an answer', async () => {
  const { groups } = await api('rules');
  const rules = groups.flatMap((group: { rules: { name: string; health: string }[] }) => group.rules);
  assert.ok(rules.length > 10);
  assert.equal(
    rules.filter(({ health }: { health: string }) => health !== 'ok'),
    [],
  );
  const { panels } = JSON.parse(readFileSync(join(folder, 'dashboard.json'), 'utf8')) as {
    panels: {
      title: string;
      targets?: { expr: string }[];
      panels?: { title: string; targets: { expr: string }[] }[];
    }[];
  };
  const queries = panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]).flatMap(({ targets = [] }) => targets);
  assert.ok(queries.length > 10);
  for (const { expr } of queries) await api(`query?query=${encodeURIComponent(expr)}`);
});

test('the report takes its charts and budgets from Prometheus where one is configured', async () => {
  appendFileSync(join(tasks.root, '.env.staging'), `PROMETHEUS_URL='${prometheus.url}'\n`);
  const { code, data } = await tasks.ask('health:report', '--since', '1h');
  assert.is(code, 0);
  const [{ objectives }] = data.environments;
  const errors = objectives.find(({ id }: { id: string }) => id === 'errors');
  assert.ok(errors.budgetLeft < 0, `a day's budget of 1 % is overdrawn: ${errors.budgetLeft}`);
  assert.match(readFileSync(data.file, 'utf8'), `Prometheus at ${prometheus.url}`);
});

test('when the product is away, the one thing that fires says so', async () => {
  clearInterval(traffic);
  await product.stop();
  const absent = ['DrydockMetricsAbsent metrics'];
  assert.equal(await fires(absent), absent);
});

test.run();
