// Uses PostgreSQL: a run that is begun in one checkout, killed, and gone on with or given up in another.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import opsLog from '../../scripts/ops-log.ts';
import opsResume from '../../scripts/ops-resume.ts';
import opsUnlock from '../../scripts/ops-unlock.ts';
import { openRuns, readRuns } from '../../src/journal/read.ts';
import { runTaskForTest, sampleRounds } from '../../src/testing/index.ts';
import { makeProduct } from '../product.ts';

const test = suite('a run that is taken over');
const SCRIPT = join(import.meta.dirname, '../fixtures/tasks.ts');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres();
});
test.after(() => postgres.stop());

/** Two checkouts of a product: the same database, and one world that the steps change. */
async function checkouts(): Promise<[string, string]> {
  const url = await postgres.createDatabase();
  const [one, two] = [makeProduct({ OPS_DATABASE_URL: url }), makeProduct({ OPS_DATABASE_URL: url })];
  writeFileSync(join(one, 'world'), '');
  for (const name of ['world', 'go-on']) symlinkSync(join(one, name), join(two, name));
  return [one, two];
}

function start(root: string, ...args: string[]): ChildProcess {
  return spawn(process.execPath, [SCRIPT, '--env', 'staging', ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, CI: 'true', DRYDOCK_ACTOR: 'tester', TEST_TASK: 'change' },
  });
}

async function run(root: string, ...args: string[]): Promise<{ code: number | null; said: string }> {
  const child = start(root, ...args);
  let said = '';
  child.stdout?.on('data', (chunk) => (said += chunk));
  child.stderr?.on('data', (chunk) => (said += chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, said };
}

function linesOf(root: string): number {
  const runs = join(root, '.drydock/runs');
  const [newest] = existsSync(runs) ? readdirSync(runs).sort().reverse() : [];
  const file = join(runs, newest ?? '', 'journal.jsonl');
  return newest && existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0;
}

/** Kills it as soon as its journal has so many lines; at 8 of 8 it may be done by then. */
async function killAt(lines: number, root: string): Promise<void> {
  const child = start(root, '--tell');
  child.stdout?.resume();
  child.stderr?.resume();
  const ended = once(child, 'close');
  while (child.exitCode === null && linesOf(root) < lines) await new Promise((done) => setTimeout(done, 2));
  child.kill('SIGKILL');
  await ended;
}

async function hang(root: string): Promise<ChildProcess> {
  const child = start(root, '--stop-in', 'two');
  let said = '';
  await new Promise<void>((done) => {
    child.stdout?.on('data', (chunk) => {
      said += chunk;
      if (said.includes('hanging')) done();
    });
  });
  return child;
}

const world = (root: string) => readFileSync(join(root, 'world'), 'utf8').trim().split('\n');
async function told(root: string): Promise<string[]> {
  const { outcome } = await runTaskForTest(opsLog, root, ['--env', 'staging']);
  const { events = [] } = (outcome?.data ?? {}) as { events?: { event: string; outcome: string }[] };
  return events.filter(({ event }) => event === 'test:change').map((event) => event.outcome);
}

for (const lines of sampleRounds([1, 2, 3, 4, 5, 6, 7], 2))
  test(`killed behind line ${lines} of its journal here, it is brought to its end there`, async () => {
    const [one, two] = await checkouts();
    await killAt(lines, one);
    const refused = await run(two);
    const [open] = openRuns(two);
    // Its first line may have come no further than to its own disk: nothing had been done then.
    if (lines > 1) assert.equal([refused.code, refused.said.includes('did not end')], [1, true], refused.said);
    if (open) {
      const { outcome } = await runTaskForTest(opsResume, two, []);
      assert.is(outcome?.verdict, '1 run is open.');
      const resumed = await run(two, '--resume', open.run);
      assert.is(resumed.code, 0, resumed.said);
    }
    assert.equal(world(one), ['one', 'two', 'three']);
    if (open) assert.equal(await told(two), ['killed', 'done']);
    const after = await run(one);
    assert.is(after.code, open ? 0 : 1, after.said);
    if (open) assert.ok(readRuns(one).every(({ status }) => status === 'done'));
  });

test('what is at work elsewhere is neither gone on with nor given up, and is listed as that', async () => {
  const [one, two] = await checkouts();
  const child = await hang(one);
  const [open] = openRuns(one);
  const listed = await runTaskForTest(opsResume, two, []);
  assert.match(listed.said.join('\n'), `${open?.run} test:change staging`);
  assert.match(listed.said.join('\n'), 'at work: tester on ');
  assert.is(listed.outcome?.next, undefined, 'there is nothing to go on with');
  assert.is((await run(two, '--resume', open?.run ?? '')).code, 5);
  const { error } = await runTaskForTest(opsResume, two, ['--abandon', open?.run ?? '']);
  assert.equal([error?.code, error?.exit], ['LOCKED', 5]);
  child.kill('SIGKILL');
  await once(child, 'exit');
  const free = await runTaskForTest(opsResume, two, []);
  assert.match(free.said.join('\n'), 'another checkout');
  assert.match(free.outcome?.next ?? '', `ops:resume -- --run ${open?.run}`);
});

test('one whose lock was broken in the middle is gone on with elsewhere, and what it then wrote by itself is set aside', async () => {
  const [one, two] = await checkouts();
  const child = await hang(one);
  const ended = once(child, 'exit');
  assert.is((await runTaskForTest(opsUnlock, two, ['--env', 'staging', '--yes'])).error, undefined);
  assert.equal(await ended, [1, null]);
  writeFileSync(join(one, 'go-on'), '');
  const [open] = openRuns(one);
  const resumed = await run(two, '--resume', open?.run ?? '');
  assert.is(resumed.code, 0, resumed.said);
  assert.equal(world(one), ['one', 'two', 'three']);
  assert.is((await run(one)).code, 0);
  const journal = join(one, `.drydock/runs/${open?.run}/journal.jsonl`);
  assert.is(readFileSync(journal, 'utf8'), readFileSync(journal.replace(one, two), 'utf8'));
  assert.match(readFileSync(`${journal}.set-aside`, 'utf8'), 'LOCK_LOST');
});

test('one that is given up there stands in nobody’s way here', async () => {
  const [one, two] = await checkouts();
  const child = await hang(one);
  child.kill('SIGKILL');
  await once(child, 'exit');
  const id = openRuns(one)[0]?.run ?? '';
  const { outcome } = await runTaskForTest(opsResume, two, ['--abandon', id]);
  assert.is(outcome?.verdict, `Run ${id} of test:change is given up; nothing was undone.`);
  assert.is((await runTaskForTest(opsResume, one, [])).outcome?.verdict, 'No run is open.');
  const again = await runTaskForTest(opsResume, two, ['--abandon', id]);
  assert.is(again.error?.code, 'RUN_ENDED');
  writeFileSync(join(one, 'go-on'), '');
  assert.is((await run(one)).code, 0);
  assert.equal(await told(one), ['abandoned', 'done']);
  assert.is((await runTaskForTest(opsResume, two, ['--run', '01NOBODY'])).error?.code, 'RUN_UNKNOWN');
});

test.run();
