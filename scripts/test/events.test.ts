// Uses PostgreSQL and the sink: Sentry's DSN and PostHog's key, rotated by the tasks.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readRuns } from '@drydock/kit';
import { taskFile } from '@drydock/kit/cli';
import { hintOf, makeStrangeProduct, runTaskForTest, taskProcesses } from '@drydock/kit/testing';
import { startTestPostgres, startTestSink, type TestPostgres, type TestSink } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('Sentry and PostHog, rotated by tasks');
let postgres: TestPostgres;
let sink: TestSink;
test.before(async () => {
  [postgres, sink] = await Promise.all([startTestPostgres(), startTestSink()]);
});
test.after(async () => {
  await Promise.all([postgres.stop(), sink.stop()]);
});

let projects = 10;
interface Given {
  root: string;
  slug: string;
  first: string;
}

/** A product of each test's own, with projects of its own. */
async function product({
  sentry = {},
  env = {},
}: {
  sentry?: object;
  env?: Record<string, string>;
} = {}): Promise<Given> {
  const id = projects++;
  const slug = `web-${id}`;
  const first = `${id}`.padStart(32, 'a');
  await sink.setUp({
    settings: { refusalMs: 0 },
    sentry: { projects: [{ id, organization: 'acme', slug, keys: [{ public: first }] }] },
    posthog: { projects: [{ id, organization: 'acme', api_token: `phc_first${id}` }] },
  });
  await sink.faults();
  const root = makeStrangeProduct(
    {
      secrets: {
        redeploy: { command: [process.execPath, '--version'] },
        rotate: {
          sentry: {
            kind: 'sentry',
            organization: 'acme',
            project: slug,
            refusedWithinSeconds: 20,
            takenWithinSeconds: 1,
            ...sentry,
          },
          posthog: { kind: 'posthog' },
        },
      },
    },
    {
      ...{ OPS_DATABASE_URL: await postgres.createDatabase(), DATABASE_URL: await postgres.createDatabase() },
      SENTRY_DSN: `${sink.url.replace('//', `//${first}@`)}/${id}`,
      SENTRY_AUTH_TOKEN: sink.sentry.token,
      ...{ POSTHOG_KEY: `phc_first${id}`, POSTHOG_HOST: sink.url, POSTHOG_PROJECT_ID: `${id}` },
      POSTHOG_API_KEY: sink.posthog.token,
      ...env,
    },
  );
  return { root, slug, first };
}

async function run({ root }: Given, task: string, ...args: string[]) {
  const { default: definition } = await import(taskFile(task));
  const yes = definition.kind === 'change' ? ['--yes'] : [];
  return runTaskForTest(definition, root, ['--env', 'staging', ...yes, ...args]);
}
const held = ({ root }: Given, name: string) =>
  new RegExp(`^${name}='?([^'\n]+)`, 'm').exec(readFileSync(join(root, '.env.staging'), 'utf8'))?.[1] ?? '';
const keys = async ({ slug }: Given) =>
  (await sink.world()).sentry.projects
    .find((one) => one.slug === slug)
    ?.keys.map((key) => ({
      ...{ name: key.name, isActive: key.isActive, dsn: key.public },
    })) ?? [];
const journal = ({ root }: Given) =>
  readRuns(root)
    .map((one) => JSON.stringify([one.start, [...one.steps]]))
    .join();

test('a DSN: made, tried, in use, the old one disabled, still taken for a while, proven dead and deleted', async () => {
  const given = await product();
  await sink.setUp({ settings: { refusalMs: 1_500 } });
  const before = held(given, 'SENTRY_DSN');
  const { outcome, error } = await run(given, 'secrets:rotate', 'sentry');
  assert.is(error, undefined, error?.message);
  assert.match(outcome?.verdict ?? '', 'sentry of staging: rotated, and the old one is ended');
  const [key, ...others] = await keys(given);
  assert.equal([key?.isActive, others], [true, []]);
  assert.match(key?.name ?? '', /^drydock [0-9A-Z]{26}$/);
  const now = held(given, 'SENTRY_DSN');
  assert.is(now, before.replace(given.first, key?.dsn ?? ''));
  for (const value of [given.first, key?.dsn ?? '', sink.sentry.token]) assert.not.match(journal(given), value);
});

test('one that is refused goes back by itself: the old DSN is in use, and no key is left over', async () => {
  const given = await product();
  const before = held(given, 'SENTRY_DSN');
  await sink.faults({
    ...{ calls: 'POST /api/1', times: 99, what: 'answer', status: 403 },
    body: '{"detail":"event submission rejected with_reason: ProjectId"}',
  });
  const { error } = await run(given, 'secrets:rotate', 'sentry');
  assert.match(error?.message ?? '', 'Sentry refuses events with the new DSN');
  assert.is(held(given, 'SENTRY_DSN'), before);
  assert.equal(
    (await keys(given)).map(({ name, isActive }) => [name, isActive]),
    [['Default', true]],
  );
});

test('killed while it makes the key, it goes on with that one', async () => {
  const given = await product();
  await sink.faults({ calls: 'POST /api/0/', what: 'hang' });
  const child = taskProcesses(given.root).start('secrets:rotate', 'sentry', '--yes');
  const ended = once(child, 'close');
  const deadline = Date.now() + 60_000;
  while (!(await sink.calls()).some((call) => call.startsWith('POST /api/0/')) && child.exitCode === null) {
    assert.ok(Date.now() < deadline, 'it makes a key');
    await new Promise((done) => setTimeout(done, 20));
  }
  child.kill('SIGKILL');
  await ended;
  // What the call did nevertheless: it was on its way.
  const { run: id } = readRuns(given.root).at(-1) ?? {};
  await fetch(`${sink.url}/api/0/projects/acme/${given.slug}/keys/`, {
    ...{ method: 'POST', body: JSON.stringify({ name: `drydock ${id}` }) },
    headers: { authorization: `Bearer ${sink.sentry.token}` },
  });
  await sink.faults();
  const { error } = await run(given, 'secrets:rotate', '--resume');
  assert.is(error, undefined, error?.message);
  assert.equal(
    (await keys(given)).map(({ name }) => name),
    [`drydock ${id}`],
  );
  assert.not.ok((await sink.calls()).some((call) => call.startsWith('POST /api/0/')));
});

test('without a token the DSN is given on standard input; retire waits (exit 3) until a person has disabled the old key', async () => {
  const given = await product({ env: { SENTRY_AUTH_TOKEN: '' } });
  const plan = await run(given, 'secrets:plan', 'sentry');
  assert.match(plan.said.join('\n'), /"Generate New Key"/);
  const api = (method: string, path: string, body: object) =>
    fetch(`${sink.url}/api/0/projects/acme/${given.slug}/keys/${path}`, {
      ...{ method, body: JSON.stringify(body), headers: { authorization: `Bearer ${sink.sentry.token}` } },
    });
  const { public: key } = (await (await api('POST', '', { name: 'by hand' })).json()) as { public: string };
  const dsn = held(given, 'SENTRY_DSN').replace(given.first, key);
  const child = taskProcesses(given.root).start('secrets:rotate', 'sentry', '--yes');
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text) => said.push(String(text)));
  child.stdin?.end(`${dsn}\n`);
  const [code] = await once(child, 'close');
  assert.is(code, 3, said.join(''));
  assert.match(said.join(''), /The old key is active/);
  assert.not.match(said.join(''), key);
  assert.is(held(given, 'SENTRY_DSN'), dsn);
  await api('PUT', `${given.first}/`, { isActive: false });
  const { error } = await run(given, 'secrets:rotate', '--resume');
  assert.is(error, undefined, error?.message);
  assert.equal(
    (await keys(given)).map(({ name, isActive }) => [name, isActive]),
    [
      ['Default', false],
      ['by hand', true],
    ],
  );
});

test('PostHog’s key is replaced at promote; a product of another project is not touched', async () => {
  const given = await product();
  const before = held(given, 'POSTHOG_KEY');
  const plan = await run(given, 'secrets:plan', 'posthog');
  assert.match(plan.said.join('\n'), /the old one ends at once, and cannot be brought back/);
  const { error } = await run(given, 'secrets:rotate', 'posthog');
  assert.is(error, undefined, error?.message);
  const now = held(given, 'POSTHOG_KEY');
  assert.ok((await sink.world()).posthog.projects.some(({ api_token }) => api_token === now));
  assert.not.ok((await sink.world()).posthog.projects.some(({ api_token }) => api_token === before));

  const other = await product({ env: { POSTHOG_PROJECT_ID: '1' } });
  const refused = await run(other, 'secrets:rotate', 'posthog');
  assert.is(refused.error?.code, 'KEY_OF_ANOTHER_PROJECT');
});

test('replaced by a call that had no answer, it waits (exit 3), and goes on with what was made', async () => {
  for (const what of ['cut before', 'cut after'] as const) {
    const given = await product();
    await sink.faults({ calls: 'PATCH', what });
    const cut = await run(given, 'secrets:rotate', 'posthog');
    assert.equal([cut.error?.code, cut.error?.exit], ['PAUSED', 3]);
    assert.match(cut.error?.message ?? '', /Whether posthog of staging was replaced cannot be told/);
    await sink.faults();
    const { error } = await run(given, 'secrets:rotate', '--resume');
    assert.is(error, undefined, `${error?.message} ${hintOf(error)}`);
    const { posthog } = await sink.world();
    assert.ok(posthog.projects.some(({ api_token }) => api_token === held(given, 'POSTHOG_KEY')));
    const again = (await sink.calls()).filter((call) => call.startsWith('PATCH'));
    assert.is(again.length, what === 'cut before' ? 1 : 0);
  }
});

test.run();
