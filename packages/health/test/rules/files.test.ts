// Runs promtool and amtool on what the task writes, for products of several kinds; no server but a page of metrics on loopback.
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { exec, requireTool } from '@drydock/kit';
import { TOOLKIT } from '@drydock/kit/cli';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parse, stringify } from 'yaml';
import { type StrangeServer, startStrangeServer, strangeTasks } from '../product.ts';

const test = suite('health:rules as a process');
let server: StrangeServer;
test.before(async () => {
  server = await startStrangeServer();
});
test.after(() => server.close());

const env = { PATH: process.env.PATH ?? '' };
const promtool = (cwd: string, ...args: string[]) => exec(requireTool('promtool'), args, { env, cwd, okCodes: [0, 1] });

/** What promtool and amtool say of a folder; undefined where all is well. */
async function faultsOf(folder: string): Promise<string | undefined> {
  const tests = readdirSync(folder).filter((name) => name.endsWith('.test.yml'));
  assert.ok(tests.length > 0);
  const answers = await Promise.all([
    promtool(folder, 'check', 'rules', 'rules.yml'),
    promtool(folder, 'test', 'rules', ...tests),
    exec(requireTool('amtool'), ['check-config', 'alertmanager.yml'], { env, cwd: folder, okCodes: [0, 1] }),
  ]);
  const faults = answers.filter(({ code }) => code !== 0).map(({ stdout, stderr }) => stdout + stderr);
  return faults.length > 0 ? faults.join('\n') : undefined;
}

const LABELLED = { prometheus: { labels: { job: 'shop', env: '{env}' } } };

test('what the defaults say is right for Prometheus, and passes its own unit tests', async () => {
  const tasks = strangeTasks(server.url, LABELLED);
  const { code, data, findings } = await tasks.ask('health:rules');
  assert.equal([code, findings], [0, []]);
  assert.is(await faultsOf(data.folder), undefined);
  const rules = readFileSync(join(data.folder, 'rules.yml'), 'utf8');
  assert.match(rules, 'drydock:bad:ratio_rate1h{product="strange",env="staging",objective="errors"} > (14.4 * 0.01)');
  assert.match(rules, 'http_errors_total{job="shop",env="staging"}');
  assert.not.match(rules, '(14.4 * 0.6)', 'misses cannot be 14 times what is allowed of them');
  // Whoever is woken by one types it in the toolkit's folder, as do those who change the config.
  const file = relative(TOOLKIT, join(tasks.root, 'drydock.config.ts'));
  assert.match(rules, `next: npm run health:gate -- --env staging --for 2m --config ${file}\n`);
  assert.match(rules, `# Written by "npm run health:rules -- --env staging --config ${file}"`);
  const again = await tasks.ask('health:rules', '--check');
  assert.equal([again.code, again.data.files.some(({ changed }: { changed: boolean }) => changed)], [0, false]);
});

test('rules that would never go off are told: a selector that nothing can match, a histogram without an end', async () => {
  const own = await startStrangeServer(2);
  const page = (await own.product.page()).replaceAll(/^.*le="\+Inf".*\n/gm, '');
  own.page = () => ({ body: page });
  const metrics = { errors: 'http_request_duration_seconds_count{code=~"5.."}' };
  const { code, findings } = await strangeTasks(own.url, { ...LABELLED, metrics }).ask('health:rules');
  own.close();
  assert.is(code, 0);
  assert.equal(
    findings.map((one: { code: string }) => one.code),
    ['HISTOGRAM_OPEN', 'SELECTOR_IN_VAIN'],
  );
});

test('its unit tests notice a rule that was changed', async () => {
  const { data } = await strangeTasks(server.url, LABELLED).ask('health:rules');
  const file = join(data.folder, 'rules.yml');
  const rules = readFileSync(file, 'utf8');
  const tests = parse(readFileSync(join(data.folder, 'burn-1h.test.yml'), 'utf8')) as { tests: { name: string }[] };
  const some = { ...tests, tests: tests.tests.filter(({ name }) => name.startsWith('error rate')) };
  writeFileSync(join(data.folder, 'some.test.yml'), stringify(some));
  const notices = async (from: string, to: string) => {
    assert.ok(rules.includes(from));
    writeFileSync(file, rules.replaceAll(from, to));
    return (await promtool(data.folder, 'test', 'rules', 'some.test.yml')).code !== 0;
  };
  const errors = '{product="strange",env="staging",objective="errors"} > (14.4 * 0.01)';
  assert.ok(await notices(`ratio_rate1h${errors}`, `ratio_rate1h${errors.replace('14.4', '30')}`), 'a bound');
  assert.ok(await notices(`drydock:bad:ratio_rate5m${errors}`, `drydock:bad:ratio_rate1h${errors}`), 'a window');
  assert.ok(await notices('* 3600 >= 20', '* 3600 >= 0'), 'the least traffic');
});

test('a product with other names, units and every route by itself gets rules that hold as well', async () => {
  const { code, data, findings } = await strangeTasks(`${server.url}/away`, {
    ...LABELLED,
    metrics: {
      requests: 'shop_latency_ms{path!="/",verb=~"GET|POST"}',
      unit: 'milliseconds',
      routeLabel: 'path',
      methodLabel: 'verb',
      errors: 'shop_answers_total{status=~"5.."}',
      blocks: null,
      gc: null,
      oldSpace: null,
      started: null,
    },
    objectives: {
      latency: [
        { route: '/buy', method: 'POST', quantile: 0.99, belowMs: 1_000 },
        { route: '*', belowMs: 250 },
      ],
      budgetDays: 7,
    },
    capacity: { cores: 2 },
    rules: {
      windows: [
        { long: '1h', short: '5m', spends: 0.02, severity: 'page' },
        { long: '2h', short: '10m', spends: 0.02, severity: 'mail' },
      ],
    },
  }).ask('health:rules');
  assert.equal([code, findings.map((one: { code: string }) => one.code)], [0, ['BUCKETS_UNKNOWN']]);
  assert.is(await faultsOf(data.folder), undefined);
  const rules = readFileSync(join(data.folder, 'rules.yml'), 'utf8');
  assert.match(rules, 'le=~"1000|1000\\\\.0"');
  assert.match(rules, '(3.36 * 0.01)', '2 % of seven days in an hour');
  assert.not.match(rules, 'rate-limit-blocks');
});

test('a bound inside a bucket is told, and the alert takes the end of the bucket', async () => {
  const latency = [{ route: '/api/jobs', belowMs: 450 }];
  const { data, findings } = await strangeTasks(server.url, { ...LABELLED, objectives: { latency } }).ask(
    'health:rules',
  );
  assert.equal(
    findings.map(({ code, hint }: { code: string; hint: string }) => [code, hint]),
    [['BOUND_INSIDE_BUCKET', 'Give the histogram a bucket that ends at 450 ms.']],
  );
  assert.match(readFileSync(join(data.folder, 'rules.yml'), 'utf8'), 'le="0.6"');
  assert.is((await promtool(data.folder, 'test', 'rules', 'capacity.test.yml')).code, 0);
});

test('receivers go to Alertmanager as they are; one that nothing is sent to is a mistake: exit 2', async () => {
  const receivers = { page: { webhook_configs: [{ url: 'http://127.0.0.1:9/page' }] } };
  const { data } = await strangeTasks(server.url, { ...LABELLED, rules: { receivers } }).ask('health:rules');
  assert.match(readFileSync(join(data.folder, 'alertmanager.yml'), 'utf8'), 'http://127.0.0.1:9/page');
  const route = await exec(
    requireTool('amtool'),
    ['config', 'routes', 'test', '--config.file=alertmanager.yml', 'product=strange', 'env=staging', 'severity=ticket'],
    { env, cwd: data.folder },
  );
  assert.is(route.stdout.trim(), 'ticket');
  const wrong = await strangeTasks(server.url, { ...LABELLED, rules: { receivers: { pager: {} } } }).ask(
    'health:rules',
  );
  assert.equal([wrong.code, wrong.error.code], [2, 'RECEIVER_UNUSED']);
});

test('--check finds a file that is missing or changed, writes nothing, and is exit 3', async () => {
  const tasks = strangeTasks(server.url, LABELLED);
  const folder = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-rules-'));
  const { code, data } = await tasks.ask('health:rules', '--check', '--folder', folder);
  assert.equal([code, readdirSync(folder)], [3, []]);
  assert.ok(data.files.every(({ changed }: { changed: boolean }) => changed));
});

test.run();
