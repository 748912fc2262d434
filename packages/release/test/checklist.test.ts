// Uses git, PostgreSQL and HAProxy.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig, loadEnvironment, readRuns, Secret, withPostgres } from '@drydock/kit';
import { runTaskForTest } from '@drydock/kit/testing';
import { startTestProxy } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import checklistTask from '../scripts/checklist.ts';
import { keepTested } from '../src/ci/recorded.ts';
import { BOX_NAMES } from '../src/config/checklist.ts';
import { withRecord } from '../src/record/record.ts';
import { makeWorld, type World } from './world.ts';

const test = suite('checklist before production');
let world: World;
let proxy: Awaited<ReturnType<typeof startTestProxy>>;
test.before(async () => {
  world = await makeWorld(
    { features: { variable: 'FEATURE_FLAGS', all: ['chat'], minimal: [] } },
    { ci: { by: 'recorded' }, checklist: {} },
  );
  proxy = await startTestProxy();
  await world.alsoProduction({
    ...{ PROXY_SOCKET: proxy.socket, PROXY_STATE_FILE: proxy.stateFile, PUBLIC_URL: proxy.url },
  });
});
test.after(async () => {
  await Promise.all([world.stop(), proxy.stop()]);
});

const head = () => execFileSync('git', ['rev-parse', 'HEAD'], { cwd: world.root, encoding: 'utf8' }).trim();
const tested = (ok = true) =>
  keepTested(world.root, { commit: head(), ok, says: 'npm test: 5 passed', by: 'ci', at: new Date().toISOString() });
const toProduction = (...args: string[]) =>
  world.release(undefined, ['--env', 'production', '--reason', 'a test', ...args]);
const look = (...args: string[]) =>
  runTaskForTest(checklistTask, world.root, ['--env', 'production', '--yes', ...args]);
async function boxes(): Promise<Record<string, string>> {
  const { outcome, error } = await look();
  assert.is(error, undefined);
  const data = (outcome?.data ?? {}) as unknown as { boxes: { box: string; state: string; says: string }[] };
  return Object.fromEntries(data.boxes.map(({ box, state, says }) => [box, `${state}: ${says}`]));
}
async function evidence() {
  const config = await loadConfig(undefined, world.root);
  const production = loadEnvironment(config, 'production', {});
  return withRecord(config, production, (record) => record.evidence(head()));
}
const databaseOf = (env: string) =>
  new Secret(/^OPS_DATABASE_URL='(.*)'$/m.exec(readFileSync(join(world.root, `.env.${env}`), 'utf8'))?.[1] ?? '');

test('a box that stands open is told before staging is touched: exit 3', async () => {
  tested();
  const runs = readRuns(world.root).length;
  const { error } = await toProduction();
  assert.equal([error?.code, error?.exit], ['CHECKLIST_OPEN', 3]);
  assert.match(error?.message ?? '', 'README updated (major feature toggles) (');
  assert.is(readRuns(world.root).length, runs);
});

test('the first release ticks each box by what it sees, and keeps it for good', async () => {
  writeFileSync(join(world.root, 'README.md'), '# Shop\n\nThe flag `chat` opens the chat.\n');
  execFileSync('git', ['add', '-A'], { cwd: world.root });
  world.commit();
  tested();
  const before = await boxes();
  assert.match(before.flow ?? '', /^no: .* has not passed on staging/);
  assert.match(before.migrations ?? '', 'no: on staging not applied: 1_jobs');
  assert.match(before.rollback ?? '', 'none: the first release');
  const { error } = await toProduction();
  assert.is(error, undefined);
  const kept = await evidence();
  const items = kept.filter(({ item }) => (BOX_NAMES as string[]).includes(item));
  assert.equal(items.map(({ item }) => item).sort(), [...BOX_NAMES].sort());
  assert.ok(items.every(({ ok, run }) => ok && run));
  const said = Object.fromEntries(items.map(({ item, says }) => [item, says]));
  assert.match(said.tests ?? '', 'npm test: 5 passed');
  assert.is(said.flow, 'passed on staging');
  assert.match(said.migrations ?? '', /^1 applied to staging, deployed by /);
  assert.is(said.readme, 'README.md names the feature flag');
});

test('what nobody has tried is signed by name, for a while, and for that commit', async () => {
  world.commit();
  tested();
  const open = await toProduction();
  assert.equal([open.error?.code, open.error?.exit], ['CHECKLIST_OPEN', 3]);
  assert.match(open.error?.message ?? '', 'Restore drill in time (No restore of production was ever tried)');
  assert.match(String(open.error?.hint), 'release:checklist -- --env production --sign drill');
  const now = await boxes();
  assert.match(now.rollback ?? '', /^yes: back to [0-9a-f]{12}, verified in /);
  assert.match(now.backup ?? '', /^yes: the newest is in/);
  assert.match(now.metrics ?? '', /^yes: staging is healthy/);
  const signed = await look('--sign', 'drill', '--reason', 'tried by hand');
  assert.is(signed.error, undefined);
  assert.match((await boxes()).drill ?? '', 'signed: signed: tried by hand');
  assert.is((await toProduction()).error, undefined);
  const drill = (await evidence()).find(({ item }) => item === 'drill');
  assert.equal([drill?.ok, drill?.by, drill?.says], [true, 'test', 'signed: tried by hand']);
  // Past its end it says nothing any more.
  await withPostgres(databaseOf('production'), 'test', (client) =>
    client.query(`UPDATE drydock.release_evidence SET until = now() - interval '1 second' WHERE item = 'drill'`),
  );
  assert.match((await boxes()).drill ?? '', /^unknown: /);
  world.commit();
  assert.match((await boxes()).drill ?? '', /^unknown: /);
});

test('a signature in the release itself counts; none speaks against what was looked at', async () => {
  tested();
  assert.is((await toProduction('--plan', '--sign', 'drill')).error, undefined);
  assert.is((await toProduction('--plan', '--sign', 'drill, readme')).error, undefined);
  const needless = await look('--sign', 'tests', '--reason', 'x');
  assert.equal([needless.error?.code, needless.error?.exit], ['BOX_NOT_OPEN', 2]);
  tested(false);
  assert.equal((await toProduction('--plan', '--sign', 'drill,tests')).error?.code, 'CI_RED');
  assert.match((await boxes()).tests ?? '', /^no: npm test/);
  const unknown = await look('--sign', 'nonsense', '--reason', 'x');
  assert.equal([unknown.error?.code, unknown.error?.exit], ['BOX_UNKNOWN', 2]);
});

test('an open list is exit 3, with what would close it', async () => {
  const { outcome, said } = await look();
  assert.is(outcome?.ok, false);
  assert.match(outcome?.verdict ?? '', /boxes of [0-9a-f]{10} on production are open: types, tests, /);
  assert.match(said.join('\n'), 'No restore of production was ever tried');
});

test.run();
