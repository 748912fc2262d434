// Uses PostgreSQL and HAProxy: releases that wait, that are shown to fail by a page, and of production alone.
import { chmodSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig, loadEnvironment, openRuns, operatorUrl, paused, withPostgres } from '@drydock/kit';
import { runTaskForTest } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import abortTask from '../scripts/abort.ts';
import continueTask from '../scripts/continue.ts';
import rollbackTask from '../scripts/rollback.ts';
import settleTask from '../scripts/settle.ts';
import { artifactStore } from '../src/artifact/store.ts';
import type { Artifact } from '../src/artifact/types.ts';
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

const ALONE = ['--env', 'production', '--only', '--yes', '--confirm', 'production', '--reason', 'x'];
const answer = async () => (await fetch(world.url)).text();
async function at(env: string) {
  const config = await loadConfig(undefined, world.root);
  return { config, environment: loadEnvironment(config, env, {}) };
}
async function recordOf<T>(env: string, work: (record: ReleaseRecord) => Promise<T>): Promise<T> {
  const { config, environment } = await at(env);
  return withRecord(config, environment, work);
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

test('the database is away: whether something waits cannot be told, and nobody says that nothing does', async () => {
  const clone = world.clone();
  writeFileSync(join(clone.root, '.env.staging.local'), "OPS_DATABASE_URL='postgresql://x@127.0.0.1:1/x'\n");
  for (const task of [continueTask, abortTask]) {
    const { error } = await runTaskForTest(task, clone.root, ['--env', 'staging']);
    assert.equal([error?.code, error?.exit], ['RUNS_UNSEEN', 1]);
    assert.match(error?.message ?? '', 'Whether a release of staging waits cannot be told: PostgreSQL at 127.0.0.1:1 ');
  }
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

test('from another clone as well', async () => {
  world.commit();
  await waits();
  const clone = world.clone();
  const { outcome, error } = await runTaskForTest(continueTask, clone.root, ['--env', 'staging', '--reason', 'looked']);
  assert.is(error, undefined);
  assert.match(outcome?.verdict ?? '', `is live on staging as version ${await answer()}`);
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
  const refused = await passes(ALONE);
  assert.equal([refused.error?.code, refused.error?.exit], ['NOT_PASSED', 4]);
  assert.is((await passes()).error, undefined);
  const { outcome, error } = await passes(ALONE);
  assert.is(error, undefined);
  assert.match(outcome?.verdict ?? '', / is live on production as version /);
  assert.match((await recordOf('production', (record) => record.live()))?.bakeUntil ?? '', /^20/, 'the bake has begun');
});

test('a byte that was changed in node_modules after staging has passed keeps it out of production', async () => {
  world.commit();
  assert.is((await passes()).error, undefined);
  const { config, environment } = await at('production');
  const store = artifactStore(config, environment);
  const built = (await store.list())[0] as Artifact;
  // Where the team keeps it.
  const [tree = ''] = globSync(`**/${built.digest}/tree.tar.zst`, { cwd: join(world.root, '.drydock') });
  const file = join(world.root, '.drydock', tree);
  const bytes = readFileSync(file);
  const at50 = Math.floor(bytes.length / 2);
  bytes[at50] = (bytes[at50] ?? 0) ^ 1;
  chmodSync(file, 0o600);
  writeFileSync(file, bytes);
  const live = await answer();
  const { error } = await passes(ALONE);
  assert.is(error?.exit, 4, error?.message);
  assert.match(error?.code ?? '', /^ARTIFACT_/);
  assert.is(await answer(), live);
});

test('two clones that release at once: one goes, the other is told by whom, exit 5', async () => {
  const clone = world.clone();
  world.commit();
  let second: Awaited<ReturnType<typeof passes>> | undefined;
  const first = await world.release((name, step) => {
    if (name === 'staging › gate') step.run = async () => ({ verdict: 'pass', measurements: 1 });
    if (name !== 'staging › candidate health') return;
    const run = step.run;
    step.run = async (ctx) => {
      second = await clone.release();
      return run(ctx);
    };
  });
  assert.is(first.error, undefined);
  assert.equal([second?.error?.code, second?.error?.exit], ['LOCKED', 5]);
  assert.match(second?.error?.message ?? '', 'running release (run ');
});

test('a switch that cannot be written down is none: traffic goes back, and the record tells the truth', async () => {
  const before = await answer();
  world.commit();
  const { config, environment } = await at('staging');
  const sql = (text: string) => withPostgres(operatorUrl(config, environment), 'test', (client) => client.query(text));
  await sql(`CREATE FUNCTION drydock.no_space() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'the disk is full'; END $$;
    CREATE TRIGGER no_space BEFORE INSERT ON drydock.release FOR EACH ROW EXECUTE FUNCTION drydock.no_space()`);
  try {
    const { error } = await passes();
    assert.match(error?.message ?? '', 'Step "staging › switch traffic" failed: the disk is full');
    assert.match(error?.message ?? '', `staging is on version ${before}`);
    assert.is(await answer(), before);
  } finally {
    await sql('DROP TRIGGER no_space ON drydock.release');
  }
  assert.is((await recordOf('staging', (record) => record.live()))?.version, before);
});

test('a release that went back and could not say so: that is told, settled by a command, and by the next release', async () => {
  const good = await answer();
  const { config, environment } = await at('staging');
  const sql = (text: string) => withPostgres(operatorUrl(config, environment), 'test', (client) => client.query(text));
  await sql(
    `CREATE FUNCTION drydock.no_way() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'the disk is full'; END $$`,
  );
  /** Leaves the record behind what serves. */
  const leftBehind = async () => {
    world.commit();
    await sql(`CREATE TRIGGER no_way BEFORE UPDATE ON drydock.release FOR EACH ROW WHEN (NEW.outcome = 'went back')
      EXECUTE FUNCTION drydock.no_way()`);
    const { error } = await world.release((name, step) => {
      if (name === 'staging › gate') step.run = async () => ({ verdict: 'pass', measurements: 1 });
      if (name === 'staging › post-deploy check') step.run = () => Promise.reject(new Error('it is not well'));
    });
    await sql('DROP TRIGGER no_way ON drydock.release');
    assert.match(error?.message ?? '', 'Undoing stopped at "staging › switch traffic" (the disk is full)');
    assert.is(await answer(), good);
    const { outcome } = await world.status();
    assert.equal(
      outcome?.findings?.map(({ code, hint }) => [code, /release:settle -- --env staging$/.test(String(hint))]),
      [['RECORD_DIFFERS', true]],
    );
  };
  const task = (name: typeof settleTask | typeof rollbackTask) =>
    runTaskForTest(name, world.root, ['--env', 'staging', '--yes']);

  await leftBehind();
  assert.is((await task(rollbackTask)).error?.code, 'RECORD_BEHIND');
  assert.match(
    (await task(settleTask)).outcome?.verdict ?? '',
    /^That version \w+ went back on staging is written down/,
  );
  assert.equal((await world.status()).outcome?.findings, []);
  assert.is((await recordOf('staging', (record) => record.live()))?.version, good);
  assert.is((await recordOf('staging', (record) => record.history(1)))[0]?.outcome, 'went back');

  await leftBehind();
  world.commit();
  assert.is((await passes()).error, undefined);
  assert.is((await recordOf('staging', (record) => record.before()))?.version, good, 'and not the one that went back');
});

test.run();
