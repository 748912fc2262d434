// Uses PostgreSQL and HAProxy: a release and a rollback as processes that are killed at their steps, and gone on with.
import { once } from 'node:events';
import { loadConfig, loadEnvironment, readRuns } from '@drydock/kit';
import { runTaskForTest, sampleRounds, taskProcesses } from '@drydock/kit/testing';
import { testRoot } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import rollbackTask from '../scripts/rollback.ts';
import { withRecord } from '../src/record/record.ts';
import { underLoad } from './load.ts';
import { makeWorld, type World } from './world.ts';

const test = suite('a release that is killed');
let world: World;
let names: string[];
test.before(async () => {
  world = await makeWorld({
    environments: { staging: { serves: 'customers', guard: 'none' } },
    // The team's: another clone finds there what this one has built.
    backups: { stores: [{ kind: 'file', path: testRoot('store') }] },
  });
  for (const _ of [0, 1]) {
    world.commit();
    assert.is((await world.release()).error, undefined);
  }
  names = stepsOf(readRuns(world.root).at(-1)?.run);
});
test.after(() => world.stop());

const answer = async () => (await fetch(world.url)).text();
function stepsOf(run: string | undefined): string[] {
  const found = readRuns(world.root).find((each) => each.run === run);
  return [...(found?.steps.keys() ?? [])].filter((name) => !['staging', 'staging › db:deploy'].includes(name));
}

/** Kills the task as soon as its journal tells that the step was begun, or is done. False if it was too quick. */
async function killAt(task: string, args: string[], step: string, state: 'started' | 'done'): Promise<boolean> {
  const known = readRuns(world.root).length;
  const child = taskProcesses(world.root).start(task, ...args);
  const ended = once(child, 'close');
  const reached = () => {
    const found = readRuns(world.root)[known]?.steps.get(step)?.state;
    return found === 'done' || (state === 'started' && found !== undefined);
  };
  while (child.exitCode === null && !reached()) await new Promise((done) => setTimeout(done, 5));
  child.kill('SIGKILL');
  await ended;
  return readRuns(world.root)[known]?.status === 'open';
}

/** One version serves, the record tells the same, and nothing else takes traffic. */
async function assertOneServes(where: string): Promise<string> {
  const said = new Set<string>();
  for (let asked = 0; asked < 6; asked++) said.add(await answer());
  assert.is(said.size, 1, where);
  const [version = ''] = said;
  const config = await loadConfig(undefined, world.root);
  const live = await withRecord(config, loadEnvironment(config, 'staging', {}), (record) => record.live());
  assert.is(live?.version, version, where);
  assert.match((await world.status()).outcome?.verdict ?? '', `staging is on version ${version}`, where);
  return version;
}

test('at any step: somebody serves all the while, and gone on with, the new version does, by the record as well', async () => {
  const rounds = names.flatMap((step) => (['started', 'done'] as const).map((state) => ({ step, state })));
  for (const [n, { step, state }] of sampleRounds(rounds, 4).entries()) {
    // Every other time somebody else goes on, from a clone that knows nothing of it.
    const where = `${step} ${state}${n % 2 ? ', from another clone' : ''}`;
    const before = await answer();
    world.commit();
    const load = await underLoad(world.url, async () => {
      const killed = await killAt('release', ['--env', 'staging', '--offline'], step, state);
      const operator = n % 2 ? world.clone() : world;
      if (killed)
        assert.is((await operator.release(undefined, ['--env', 'staging', '--resume'])).error, undefined, where);
    });
    assert.equal(load.failed, [], where);
    assert.is.not(await assertOneServes(where), before, where);
  }
});

test('a rollback at any step likewise: gone on with, the version before serves', async () => {
  const steps = ['stage', 'candidate health', 'switch traffic', 'health', 'smoke', 'retire the version before'];
  const rounds = steps.flatMap((step) => (['started', 'done'] as const).map((state) => ({ step, state })));
  for (const { step, state } of sampleRounds(rounds, 3)) {
    const where = `${step} ${state}`;
    const before = await answer();
    world.commit();
    assert.is((await world.release()).error, undefined);
    const load = await underLoad(world.url, async () => {
      const killed = await killAt('release:rollback', ['--env', 'staging', '--yes'], step, state);
      const resumed =
        killed && (await runTaskForTest(rollbackTask, world.root, ['--env', 'staging', '--yes', '--resume']));
      if (resumed) assert.is(resumed.error, undefined, where);
    });
    assert.equal(load.failed, [], where);
    assert.is(await assertOneServes(where), before, where);
  }
});

test.run();
