// Uses PostgreSQL and HAProxy: releases that wait, that are shown to fail by a page, and of production alone.
import { loadConfig, loadEnvironment, openRuns, paused } from '@drydock/kit';
import { runTaskForTest } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import abortTask from '../scripts/abort.ts';
import continueTask from '../scripts/continue.ts';
import { withRecord } from '../src/record/record.ts';
import type { ReleaseRecord } from '../src/record/types.ts';
import { makeWorld, type World } from './world.ts';

const test = suite('what decides about a release');
let world: World;
test.before(async () => {
  world = await makeWorld({
    health: { path: '/healthz', token: null, gate: { release: { forSeconds: 1, environments: ['staging'] } } },
  });
});
test.after(() => world.stop());

const answer = async () => (await fetch(world.url)).text();
async function recordOf<T>(env: string, work: (record: ReleaseRecord) => Promise<T>): Promise<T> {
  const config = await loadConfig(undefined, world.root);
  return withRecord(config, loadEnvironment(config, env, {}), work);
}
/** A release whose gate cannot tell. */
const waits = () =>
  world.release((name, step) => {
    if (name === 'staging › gate') step.run = () => Promise.reject(paused('It cannot be told.', 'Look.'));
  });
/** One whose gate says yes, whatever there is to measure. */
const passes = (args?: string[]) =>
  world.release((name, step) => {
    if (name === 'staging › gate') step.run = async () => ({ verdict: 'pass', measurements: 1 });
  }, args);

test('nothing waits: that is said', async () => {
  const { error } = await runTaskForTest(continueTask, world.root, ['--env', 'staging']);
  assert.equal([error?.code, error?.exit], ['NOTHING_WAITS', 2]);
});

test('a gate that cannot tell leaves the new version live and the run open; somebody says yes, and it goes on', async () => {
  const { error } = await waits();
  assert.equal([error?.code, error?.exit], ['PAUSED', 3]);
  const [open] = openRuns(world.root);
  const version = await answer();
  const { outcome } = await runTaskForTest(continueTask, world.root, ['--env', 'staging', '--reason', 'looked']);
  assert.match(outcome?.verdict ?? '', `is live on staging as version ${version}`);
  assert.equal(openRuns(world.root), []);
  assert.is(await recordOf('staging', (record) => record.decision(open?.run ?? '', 'staging › gate')), 'continue');
});

test('or says no, and traffic goes back to the version before, which was kept warm', async () => {
  const before = await answer();
  world.commit();
  await waits();
  assert.is.not(await answer(), before);
  const { error } = await runTaskForTest(abortTask, world.root, ['--env', 'staging', '--reason', 'too slow']);
  assert.match(error?.message ?? '', 'Somebody decided against it.');
  assert.match(error?.message ?? '', `staging is on version ${before}`);
  assert.is(await answer(), before);
  const live = await recordOf('staging', (record) => record.live());
  assert.is(live?.version, before, 'the record tells the same');
  assert.is((await recordOf('staging', (record) => record.history(1)))[0]?.outcome, 'went back');
});

test('a version whose pages fail never gets traffic, though it says that it is healthy', async () => {
  const before = await answer();
  world.commit((source) => source.replace('PAGE = 200', 'PAGE = 500'));
  const { error } = await passes();
  assert.match(error?.message ?? '', 'Step "staging › candidate smoke" failed: staging: / answered 500.');
  assert.is(await answer(), before);
  world.commit((source) => source.replace('PAGE = 500', 'PAGE = 200'));
});

test('production alone is refused where this commit has not passed on staging, and goes where it has', async () => {
  await world.alsoProduction({});
  world.commit();
  const args = ['--env', 'production', '--only', '--yes', '--confirm', 'production', '--reason', 'x'];
  const refused = await passes(args);
  assert.equal([refused.error?.code, refused.error?.exit], ['NOT_PASSED', 4]);
  assert.is((await passes()).error, undefined);
  const { outcome, error } = await passes(args);
  assert.is(error, undefined);
  assert.match(outcome?.verdict ?? '', / is live on production as version /);
  assert.match((await recordOf('production', (record) => record.live()))?.bakeUntil ?? '', /^20/, 'the bake has begun');
});

test.run();
