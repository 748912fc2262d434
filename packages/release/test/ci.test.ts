// Uses git, PostgreSQL, HAProxy, and gh with a stand-in for GitHub's API on loopback.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig, loadEnvironment, readRuns } from '@drydock/kit';
import { makeStrangeProduct, runTaskForTest } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import testTask from '../scripts/test.ts';
import { askCi } from '../src/ci/ask.ts';
import { repositoryOf } from '../src/ci/github.ts';
import { keepTested } from '../src/ci/recorded.ts';
import { releaseConfig } from '../src/config.ts';
import { startGithub } from './github.ts';
import { makeWorld, type World } from './world.ts';

const test = suite('CI of a commit');
let github: Awaited<ReturnType<typeof startGithub>>;
let runs: object[] = [];
let statuses: object[] = [];
let world: World;
test.before(async () => {
  github = await startGithub(({ path }) => {
    const page = Number(/page=(\d+)$/.exec(path)?.[1] ?? 1);
    const part = (all: object[]) => all.slice((page - 1) * 100, page * 100);
    if (path.includes('/unpushed/')) return { status: 422, body: { message: 'No commit found for SHA: unpushed' } };
    if (path.startsWith('/repos/acme/shop/commits/abc/check-runs')) return { body: { check_runs: part(runs) } };
    // As GitHub does where there are check runs alone: pending, and nothing.
    if (path.startsWith('/repos/acme/shop/commits/abc/status'))
      return { body: { state: 'pending', statuses: part(statuses) } };
    return undefined;
  });
  world = await makeWorld({}, { ci: { by: 'recorded', required: 'always', command: ['node', 'tests.mjs'] } });
});
test.after(async () => {
  await Promise.all([world.stop(), github.stop()]);
});

const run = (name: string, conclusion: string | null, more: object = {}) => ({
  name,
  status: conclusion === null ? 'in_progress' : 'completed',
  conclusion,
  html_url: `https://github.example/runs/${name}`,
  details_url: `https://github.example/acme/shop/actions/runs/1/job/2`,
  ...more,
});
const status = (context: string, state: string) => ({ context, state, target_url: null });

async function ask(
  { commit = 'abc', checks = [] as string[], shell = {}, by = 'github' as 'github' | 'auto', offline = false } = {},
  given: { runs?: object[]; statuses?: object[] } = {},
) {
  runs = given.runs ?? [];
  statuses = given.statuses ?? [];
  const release = { artifact: { include: ['x'] }, app: { command: ['node'] } };
  const root = makeStrangeProduct({ release: { ...release, ci: { repository: github.repository, checks, by } } });
  execFileSync('git', ['init', '-q'], { cwd: root });
  const config = await loadConfig(undefined, root);
  const environment = loadEnvironment(config, 'staging', { PATH: process.env.PATH, ...github.env, ...shell });
  const { signal } = new AbortController();
  const { state, says, link } = await askCi({
    ...{ config, ci: releaseConfig(config).ci, environments: [environment], commit, offline, signal },
  });
  return `${state}: ${says}${link ? ` ${link}` : ''}`;
}

test('green is what ran and passed, check runs and statuses alike', async () => {
  assert.is(
    await ask({}, { runs: [run('test', 'success'), run('docs', 'skipped')], statuses: [status('build', 'success')] }),
    'green: 2 checks of GitHub passed https://github.example/runs/test',
  );
});

test('nothing at all is not green, nor is what was skipped', async () => {
  assert.is(await ask(), 'none: GitHub has run nothing for it');
  assert.is(await ask({}, { runs: [run('test', 'skipped')] }), 'none: GitHub has run nothing for it (skipped)');
});

test('one that failed, of whichever kind, is red; one that has not ended is pending', async () => {
  for (const bad of ['failure', 'cancelled', 'timed_out', 'action_required', 'startup_failure', 'stale'])
    assert.match(await ask({}, { runs: [run('test', 'success'), run('lint', bad)] }), /^red: .*failed: lint/);
  assert.match(await ask({}, { runs: [run('test', 'success')], statuses: [status('b', 'error')] }), /^red: .*: b/);
  assert.match(await ask({}, { runs: [run('test', 'success'), run('lint', null)] }), /^pending: .*: lint/);
  assert.match(await ask({}, { runs: [run('a', 'success')], statuses: [status('b', 'pending')] }), /^pending/);
});

test('a check of the config that has not begun is missed', async () => {
  assert.is(
    await ask({ checks: ['test', 'e2e'] }, { runs: [run('test', 'success')] }),
    'none: on GitHub did not run: e2e',
  );
});

test('those on the second page count', async () => {
  const many = Array.from({ length: 120 }, (_, i) => run(`test ${i}`, i === 119 ? 'failure' : 'success'));
  assert.match(await ask({}, { runs: many }), /^red: .*test 119/);
});

test('the workflow that releases does not wait for itself', async () => {
  const self = run('release', null, { details_url: 'https://github.example/acme/shop/actions/runs/77/job/1' });
  const given = { runs: [run('test', 'success'), self] };
  assert.match(await ask({}, given), /^pending/);
  assert.match(await ask({ shell: { GITHUB_RUN_ID: '77' } }, given), /^green/);
});

test('a commit that GitHub does not know, and a GitHub that refuses, are told as they are', async () => {
  assert.match(await ask({ commit: 'unpushed' }), 'unknown: GitHub does not know unpushed: it is not pushed');
  assert.match(await ask({ commit: 'elsewhere' }), 'unknown: GitHub could not be asked: Not Found (HTTP 404)');
  assert.match(await ask({ shell: { GH_TOKEN: '' } }), 'unknown: gh is not logged in');
  assert.match(await ask({ offline: true }), 'unknown: GitHub was not to be asked');
});

test('where origin is on GitHub it is found by its address', () => {
  const names = [
    'git@github.com:acme/shop.git',
    'https://github.com/acme/shop',
    'https://someone@github.com/acme/shop.git/',
    'ssh://git@ssh.github.com:443/acme/shop.git',
  ].map((origin) => repositoryOf(undefined, origin)?.name);
  assert.equal(names, Array(4).fill('acme/shop'));
  for (const origin of ['/srv/git/shop.git', 'https://gitlab.example/github.com/acme/shop', undefined])
    assert.is(repositoryOf(undefined, origin), undefined, origin);
});

const runTests = () => runTaskForTest(testTask, world.root, ['--env', 'staging', '--yes']);
const testsSay = (script: string) => {
  writeFileSync(join(world.root, 'tests.mjs'), script);
  execFileSync('git', ['add', '-A'], { cwd: world.root });
  world.commit();
};

test('without CI a release goes by the recorded tests of its very commit, whatever checkout ran them', async () => {
  testsSay('process.exit(0)');
  const before = readRuns(world.root).length;
  const unasked = await world.release();
  assert.equal([unasked.error?.code, unasked.error?.exit], ['CI_NOT_GREEN', 2]);
  assert.match(String(unasked.error?.hint), 'release:test -- --env staging');
  assert.is(readRuns(world.root).length, before);
  const clone = world.clone();
  const tested = await runTaskForTest(testTask, clone.root, ['--env', 'staging', '--yes']);
  assert.match(tested.outcome?.verdict ?? tested.error?.message ?? '', /^node tests.mjs passed for /);
  assert.is((await world.release(undefined, ['--env', 'staging', '--plan'])).error, undefined);
  world.commit();
  assert.is((await world.release(undefined, ['--env', 'staging', '--plan'])).error?.code, 'CI_NOT_GREEN');
});

test('tests that fail are recorded, answered with no, and refuse the release', async () => {
  testsSay('process.exit(1)');
  const { outcome } = await runTests();
  assert.equal([outcome?.ok, outcome?.verdict.split(' for ')[0]], [false, 'node tests.mjs failed']);
  assert.is((await world.release()).error?.code, 'CI_RED');
  // The newest counts: a flaky one was run again.
  const commit = execFileSync('git', ['rev-parse', 'HEAD'], { cwd: world.root, encoding: 'utf8' }).trim();
  keepTested(world.root, {
    commit,
    ok: true,
    says: 'npm test: 5 passed',
    by: 'somebody',
    at: new Date().toISOString(),
  });
  assert.is((await world.release(undefined, ['--env', 'staging', '--plan'])).error, undefined);
});

test('what is changed while the tests run is not recorded, and a checkout with changes is not tested', async () => {
  testsSay('import { writeFileSync } from "node:fs"; writeFileSync("left.txt", "")');
  const changed = await runTests();
  assert.is(changed.error?.code, 'CHECKOUT_CHANGED');
  assert.is(
    (await world.release(undefined, ['--env', 'staging', '--plan', '--allow-dirty'])).error?.code,
    'CI_NOT_GREEN',
  );
  assert.equal([(await runTests()).error?.code, (await runTests()).error?.exit], ['CHECKOUT_DIRTY', 2]);
});

test.run();
