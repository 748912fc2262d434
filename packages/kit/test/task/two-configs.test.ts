// Uses PostgreSQL; the tasks run as processes. Two configs in one folder share a `.drydock/`: each knows what is its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import opsLog from '../../scripts/ops-log.ts';
import opsResume from '../../scripts/ops-resume.ts';
import { appendAudit } from '../../src/audit/append.ts';
import { loadConfig } from '../../src/config/load.ts';
import { loadEnvironment } from '../../src/env/environment.ts';
import { openRuns, readRuns } from '../../src/journal/read.ts';
import { acquireEnvironmentLock } from '../../src/lock/environment.ts';
import { runTaskForTest } from '../../src/testing/index.ts';
import { makeProduct, writeEnv } from '../product.ts';

const test = suite('two configs in one folder');
const SCRIPT = join(import.meta.dirname, '../fixtures/tasks.ts');
const SECOND = 'audit.config.ts';
const AWAY = 'postgresql://owner:password@127.0.0.1:9/none';
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres();
});
test.after(() => postgres.stop());

/** `drydock.config.ts` of shop, and beside it one of the same or another product, with a database of its own or the same one. */
async function twoConfigs({ product = 'shop-audit', sameDatabase = false, away = false } = {}): Promise<string> {
  const shop = away ? AWAY : await postgres.createDatabase();
  const audit = sameDatabase ? shop : await postgres.createDatabase();
  const root = makeProduct({ OPS_DATABASE_URL: shop, AUDIT_DATABASE_URL: audit }, { product: 'shop' });
  const config = { product, environments: { staging: { guard: 'none' } }, database: { url: 'AUDIT_DATABASE_URL' } };
  writeFileSync(join(root, SECOND), `export default ${JSON.stringify(config)};\n`);
  return root;
}

function start(root: string, ...args: string[]) {
  return spawn(process.execPath, [SCRIPT, '--env', 'staging', ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, CI: 'true', DRYDOCK_ACTOR: 'tester', TEST_TASK: 'change' },
  });
}

async function run(root: string, ...args: string[]): Promise<{ code: number | null; said: string }> {
  const child = start(root, ...args);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, said };
}

/** Kills a run of the first config in its second step; returns its id. */
async function killed(root: string, ...args: string[]): Promise<string> {
  const child = start(root, '--stop-in', 'two', ...args);
  const ended = once(child, 'close');
  await new Promise<void>((done) => {
    let said = '';
    child.stdout.on('data', (chunk) => {
      said += chunk;
      if (said.includes('hanging')) done();
    });
  });
  child.kill('SIGKILL');
  await ended;
  return openRuns(root).at(-1)?.run ?? '';
}

const other = ['--config', SECOND];
const ofSecond = (root: string) => readRuns(root).filter(({ process }) => process.config === SECOND);

for (const product of ['shop-audit', 'shop'])
  test(`what one has left open is not the other's, though that is of ${product}`, async () => {
    const root = await twoConfigs({ product });
    const left = await killed(root);
    writeFileSync(join(root, 'world'), '');

    const begun = await run(root, ...other);
    assert.is(begun.code, 0, begun.said);
    assert.not.match(begun.said, left, 'nobody is asked to go on with what is not theirs');
    assert.is(ofSecond(root)[0]?.process.product, product);
    assert.is(openRuns(root)[0]?.run, left);

    const listed = await runTaskForTest(opsResume, root, other);
    assert.is(listed.outcome?.verdict, 'No run is open.');
    const [finding] = listed.outcome?.findings ?? [];
    assert.is(finding?.code, 'RUNS_OF_ANOTHER_CONFIG');
    assert.is(finding?.message, '1 run of shop, begun with drydock.config.ts, is open as well.');
    assert.match(JSON.stringify(finding?.hint), join(root, 'drydock.config.ts'));

    const refused = await run(root, ...other, '--resume', left);
    assert.is(refused.code, 2, refused.said);
    assert.match(refused.said, `Run ${left} is test:change on staging of shop, begun with drydock.config.ts.`);
    assert.match(refused.said, `--run ${left} --config ${join(root, 'drydock.config.ts')}`);
    const given = await runTaskForTest(opsResume, root, [...other, '--abandon', left]);
    assert.equal([given.error?.code, given.error?.exit], ['RUN_OF_ANOTHER_CONFIG', 2]);
    const latest = await run(root, ...other, '--resume');
    assert.is(latest.code, 2, latest.said);
    assert.match(latest.said, 'No run of test:change on staging is unfinished');

    const resumed = await run(root, '--resume', left);
    assert.is(resumed.code, 0, resumed.said);
    assert.equal(openRuns(root), []);
  });

test('on one and the same database, what the other has left open stands in the way, and says with what it is gone on with', async () => {
  const root = await twoConfigs({ product: 'shop', sameDatabase: true });
  const left = await killed(root);
  const refused = await run(root, ...other);
  assert.is(refused.code, 1, refused.said);
  assert.match(refused.said, `Run ${left} of test:change on staging`);
  assert.match(refused.said, 'It was begun with drydock.config.ts.');
  assert.match(refused.said, `--resume ${left} --config ${join(root, 'drydock.config.ts')}`);
  rmSync(join(root, 'drydock.config.ts'));
  const taken = await run(root, ...other, '--resume');
  assert.is(taken.code, 0, `renamed, it is still the same product's: ${taken.said}`);
});

test('a journal that says nothing of a config is gone on with as before', async () => {
  const root = await twoConfigs();
  const left = await killed(root);
  const file = join(root, '.drydock/runs', left, 'journal.jsonl');
  writeFileSync(file, readFileSync(file, 'utf8').replace(/"product":"shop","config":"drydock.config.ts",?/, ''));
  const listed = await runTaskForTest(opsResume, root, []);
  assert.is(listed.outcome?.verdict, '1 run is open.');
  const resumed = await run(root, '--resume');
  assert.is(resumed.code, 0, resumed.said);
});

test('an event that waits is told to the database that it is about, and each log is compared with what was seen of it', async () => {
  const root = await twoConfigs({ away: true });
  const append = async (typed?: string) => {
    const config = await loadConfig(typed, root);
    const event = { run: 'RUN', task: 'test:change', actor: 'me', event: 'x', outcome: 'done' as const, metadata: {} };
    return appendAudit(loadEnvironment(config, 'staging', {}), { config, reason: undefined, ...event });
  };
  assert.is((await append()).state, 'waiting');
  assert.is((await append(SECOND)).state, 'written');
  const log = async (...args: string[]) => (await runTaskForTest(opsLog, root, ['--env', 'staging', ...args])).outcome;
  assert.match((await log(...other))?.verdict ?? '', /^1 audit event/);
  writeEnv(root, '.env.staging', {
    OPS_DATABASE_URL: await postgres.createDatabase(),
    AUDIT_DATABASE_URL: await audit(root),
  });
  assert.is((await append()).state, 'written');
  assert.match((await log())?.verdict ?? '', /^2 audit events/);
  assert.equal((await log(...other))?.findings, [], 'what was seen of one is not looked for in the other');
});

const audit = async (root: string) =>
  loadEnvironment(await loadConfig(SECOND, root), 'staging', {})
    .secret('AUDIT_DATABASE_URL')
    .reveal();

test('with their databases away, each has a lock of its own', async () => {
  const root = await twoConfigs({ away: true });
  writeEnv(root, '.env.staging', { OPS_DATABASE_URL: AWAY, AUDIT_DATABASE_URL: AWAY });
  const acquire = async (run: string, typed?: string) => {
    const config = await loadConfig(typed, root);
    const holder = { task: 'test', run, reason: undefined };
    return acquireEnvironmentLock(loadEnvironment(config, 'staging', {}), { config, mends: true, ...holder });
  };
  const [one, two] = [await acquire('ONE'), await acquire('TWO', SECOND)];
  assert.equal(readdirSync(join(root, '.drydock/locks')).sort(), ['staging.json', `staging@${SECOND}.json`]);
  for (const lock of [one, two]) await lock.release();
  assert.not(existsSync(join(root, '.drydock/locks/staging.json')));
});

test.run();
