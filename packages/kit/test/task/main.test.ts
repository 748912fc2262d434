// Uses PostgreSQL and the Sentry sink; tasks run as processes of their own, as people run them.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTestPostgres, startTestSink, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openRuns, readRuns } from '../../src/journal/read.ts';
import { databaseOf, withPostgres } from '../../src/postgres.ts';
import { Secret } from '../../src/secret.ts';
import { outlives, THOROUGH } from '../../src/testing/index.ts';
import { makeProduct, writeEnv } from '../product.ts';

const test = suite('tasks as processes');
const SCRIPT = join(import.meta.dirname, '../fixtures/tasks.ts');
const SCRIPTS = join(import.meta.dirname, '../../scripts');
let postgres: TestPostgres;
let sink: Awaited<ReturnType<typeof startTestSink>>;
test.before(async () => {
  [postgres, sink] = await Promise.all([startTestPostgres(), startTestSink()]);
});
test.after(async () => {
  await Promise.all([postgres.stop(), sink.stop()]);
});

async function product(env: Record<string, string> = {}): Promise<string> {
  const all = { OPS_DATABASE_URL: await postgres.createDatabase(), API_KEY: 'a-very-secret-key', ...env };
  const root = makeProduct(all);
  writeEnv(root, '.env.production', all);
  return root;
}

/** A task of the fixture by its name, or a script of kit. */
function start(root: string, [task = '', ...rest]: string[]): ChildProcess {
  const [script, args] = task.endsWith('.ts') ? [join(SCRIPTS, task), rest] : [SCRIPT, rest];
  return spawn(process.execPath, [script, ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, CI: 'true', DRYDOCK_ACTOR: 'tester', TEST_TASK: task.endsWith('.ts') ? 'change' : task },
  });
}

async function finish(child: ChildProcess): Promise<{ code: number | null; stdout: string; stderr: string }> {
  let [stdout, stderr] = ['', ''];
  child.stdout?.on('data', (chunk) => (stdout += chunk));
  child.stderr?.on('data', (chunk) => (stderr += chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

const run = (root: string, ...args: string[]) => finish(start(root, args));
const world = (root: string) => readFileSync(join(root, 'world'), 'utf8').trim().split('\n');

/** Starts a change that hangs in step two, and waits until it does. */
const hang = (root: string) => hanging(root, ['change', '--env', 'staging', '--stop-in', 'two', '--tell']);

async function hanging(root: string, args: string[]): Promise<ChildProcess> {
  const child = start(root, args);
  let said = '';
  await new Promise<void>((done) => {
    child.stdout?.on('data', (chunk) => {
      said += chunk;
      if (said.includes('hanging')) done();
    });
  });
  return child;
}

/** What it is worth to a pipe such as `| head`. */
async function withoutReader(root: string, ...args: string[]): Promise<{ code: number | null; stderr: string }> {
  const child = start(root, args);
  let stderr = '';
  child.stderr?.on('data', (chunk) => (stderr += chunk));
  child.stdout?.once('data', () => child.stdout?.destroy());
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stderr };
}

test('a look whose reader has gone ends at once, and quietly', async () => {
  const started = performance.now();
  const { code, stderr } = await withoutReader(await product(), 'lines', '--env', 'staging', '--json');
  assert.is(code, 0, stderr);
  assert.is(stderr, '');
  assert.ok(performance.now() - started < 8_000, 'its lines would take ten seconds');
});

test('a change whose reader has gone is finished', async () => {
  const root = await product();
  const { code, stderr } = await withoutReader(root, 'change', '--env', 'staging');
  assert.is(code, 0, stderr);
  assert.equal(world(root), ['one', 'two', 'three']);
  assert.is(readRuns(root)[0]?.status, 'done');
});

test('with --json stdout carries one object and nothing else', async () => {
  const { code, stdout } = await run(await product(), 'answer', '--env', 'staging', '--json');
  const result = JSON.parse(stdout);
  assert.is(code, 3, 'a finding of level error is the answer no');
  assert.is(result.ok, false);
  assert.is(result.task, 'test:answer');
  assert.is(result.env, 'staging');
  assert.equal(result.data, { n: 1 });
  assert.equal(result.findings, [{ level: 'error', code: 'NO', message: 'it is not so', hint: 'make it so' }]);
});

test('an unknown flag ends with exit 2 and starts nothing', async () => {
  const root = await product();
  const { code, stdout } = await run(root, 'change', '--nonsense');
  assert.is(code, 2);
  assert.match(stdout, "Unknown option '--nonsense'.");
  assert.equal(readRuns(root), []);
});

test('a secret is masked in output, console, child process, error and Sentry', async () => {
  const root = await product({ SENTRY_DSN: sink.sentryDsn });
  const { code, stdout, stderr } = await run(root, 'leak', '--env', 'staging');
  assert.is(code, 1);
  assert.not.match(stdout + stderr, 'a-very-secret-key');
  for (const said of ['said ***', 'child ***', 'thrown ***']) assert.match(stdout, said);
  assert.match(stderr, 'console ***');
  const events = (await sink.events('sentry')).filter(({ name }) => name === 'event');
  assert.is(events.length, 1);
  assert.not.match(JSON.stringify(events), 'a-very-secret-key');
  const { tags } = (events[0] as { payload: unknown }).payload as { tags: Record<string, string> };
  assert.is(tags.task, 'test:leak');
  assert.is(tags.env, 'staging');
  assert.match(tags.run ?? '', /^[0-9A-Z]{26}$/);
});

test('--plan shows what would happen and changes nothing', async () => {
  const root = await product();
  const { code, stdout } = await run(root, 'change', '--env', 'staging', '--plan');
  assert.is(code, 0);
  assert.match(stdout, 'write one');
  assert.throws(() => world(root), /ENOENT/);
  assert.equal(readRuns(root), []);
});

test('production without confirmation is refused with exit 4, even with the database down', async () => {
  const root = await product({ OPS_DATABASE_URL: 'postgresql://owner:password@127.0.0.1:9/none' });
  assert.is((await run(root, 'change', '--env', 'production', '--yes')).code, 4);
});

test('production confirmed by name runs, and the audit event keeps the reason', async () => {
  const root = await product();
  const { code } = await run(
    root,
    'change',
    '--env',
    'production',
    '--yes',
    '--confirm',
    'production',
    '--reason',
    'because',
  );
  assert.is(code, 0);
  const log = await run(root, 'ops-log.ts', '--env', 'production', '--json');
  const { events } = JSON.parse(log.stdout).data;
  assert.equal(
    events.map((e: { event: string; reason: string; actor: string }) => [e.event, e.reason, e.actor]),
    [['test:change', 'because', 'tester']],
  );
});

test('a failing step is named, exit 1, and the run has ended', async () => {
  const root = await product();
  const { code, stdout } = await run(root, 'change', '--env', 'staging', '--fail-in', 'two');
  assert.is(code, 1);
  assert.match(stdout, 'Step "two" failed: told to fail');
  assert.equal(
    readRuns(root).map(({ status }) => status),
    ['failed'],
  );
});

test('kill -9 in the middle: the next run names it, --resume finishes without doing a done step again', async () => {
  const root = await product();
  const child = await hang(root);
  child.kill('SIGKILL');
  await once(child, 'exit');
  await new Promise((done) => setTimeout(done, 200));
  const refused = await run(root, 'change', '--env', 'staging');
  assert.is(refused.code, 1);
  const [open] = readRuns(root);
  assert.match(refused.stdout, `Run ${open?.run} of test:change on staging`);
  writeFileSync(join(root, 'go-on'), '');
  const resumed = await run(root, 'change', '--env', 'staging', '--resume');
  assert.is(resumed.code, 0, resumed.stdout);
  assert.equal(world(root), ['one', 'two', 'three']);
  assert.equal(
    readRuns(root).map(({ status }) => status),
    ['done'],
  );
  const log = await run(root, 'ops-log.ts', '--env', 'staging', '--event', 'test.told', '--json');
  const told = JSON.parse(log.stdout).data.events.map(({ metadata }: { metadata: { line: string } }) => metadata.line);
  assert.equal(told, ['one', 'two', 'three'], 'an event of a step that ran twice is written once');
});

test('--resume any goes on with what did not end, and begins where all has: a runner that was killed is started again as it was', async () => {
  const root = await product();
  const child = await hang(root);
  child.kill('SIGKILL');
  await once(child, 'exit');
  writeFileSync(join(root, 'go-on'), '');
  const again = () => run(root, 'change', '--env', 'staging', '--resume', 'any');
  const first = await again();
  assert.is(first.code, 0, first.stdout);
  assert.equal(world(root), ['one', 'two', 'three']);
  const second = await again();
  assert.is(second.code, 0, second.stdout);
  assert.equal(
    readRuns(root).map(({ status }) => status),
    ['done', 'done'],
  );
  const guarded = await run(
    root,
    'change',
    '--env',
    'production',
    '--yes',
    '--confirm',
    'production',
    '--resume',
    'any',
  );
  assert.is(guarded.code, 2, 'a run that may begin needs a reason');
  assert.match(guarded.stdout, 'needs a reason');
});

test('a change that is only asked to look takes no lock, keeps no journal, and leaves stdout to its document', async () => {
  const root = await product();
  const child = await hang(root);
  const { code, stdout, stderr } = await run(root, 'change', '--env', 'production', '--ask');
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.is(code, 0, stderr);
  assert.is(stdout, '{}\n');
  assert.match(stderr, 'Looked.');
  assert.is(readRuns(root).length, 1, 'that of the run that hangs');
});

test('Ctrl-C is answered at once, ends with 130, and says how to go on', async () => {
  const root = await product();
  const child = await hang(root);
  const ended = finish(child);
  child.kill('SIGINT');
  const { code, stdout } = await ended;
  assert.is(code, 130);
  const [open] = readRuns(root);
  assert.match(stdout, `--resume ${open?.run}`);
  assert.is(open?.status, 'open');
  writeFileSync(join(root, 'go-on'), '');
  const listed = await run(root, 'resume');
  assert.match(listed.stdout, '1 run is open', 'a bare look starts nothing');
  const resumed = await run(root, 'resume', '--run', open?.run ?? '');
  assert.is(resumed.code, 0, resumed.stdout);
  assert.equal(world(root), ['one', 'two', 'three']);
});

test('a run can be given up, and then a new one starts', async () => {
  const root = await product();
  const child = await hang(root);
  child.kill('SIGKILL');
  await once(child, 'exit');
  const [open] = readRuns(root);
  const given = await run(root, 'ops-resume.ts', '--abandon', open?.run ?? '');
  assert.is(given.code, 0, given.stdout);
  await new Promise((done) => setTimeout(done, 200));
  assert.is((await run(root, 'change', '--env', 'staging')).code, 0);
});

test('two runs at once: the second gets exit 5 and the name of the first', async () => {
  const root = await product();
  const child = await hang(root);
  const ended = once(child, 'exit');
  const second = await run(root, 'change', '--env', 'staging');
  assert.is(second.code, 5);
  assert.match(second.stdout, 'staging is locked by tester');
  const unlocked = await run(root, 'ops-unlock.ts', '--env', 'staging', '--yes');
  assert.is(unlocked.code, 0, unlocked.stdout);
  assert.equal((await ended)[0], 1, 'the run whose lock was broken stops by itself');
});

test('a lock taken by hand ends with Ctrl-C as it should: exit 0, and it is free', async () => {
  const root = await product();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // It may come upon one of those that look whether it is held.
    const freeze = ['ops-lock.ts', '--env', 'staging', '--reason', 'code freeze', '--lock-wait', '60s'];
    const child = start(root, freeze);
    const ended = finish(child);
    const other = () => run(root, 'change', '--env', 'staging');
    // By a look: a run that came first would hold the lock itself.
    const holder = () => run(root, 'ops-unlock.ts', '--env', 'staging', '--plan');
    while (!(await holder()).stdout.includes('code freeze')) assert.is(child.exitCode, null);
    assert.match((await other()).stdout, 'code freeze');
    child.kill(signal);
    const { code, stdout } = await ended;
    assert.is(code, 0, stdout);
    assert.match(stdout, 'The lock of staging is given back.');
    assert.is((await other()).code, 0);
  }
  assert.ok(readRuns(root).every(({ status }) => status === 'done'));
});

test('a lock taken by hand that another breaks is a lost one', async () => {
  const root = await product();
  const child = start(root, ['ops-lock.ts', '--env', 'staging', '--reason', 'code freeze']);
  const ended = finish(child);
  const unlock = (flag: string) => run(root, 'ops-unlock.ts', '--env', 'staging', flag);
  while (!(await unlock('--plan')).stdout.includes('code freeze')) assert.is(child.exitCode, null);
  await unlock('--yes');
  const { code, stdout } = await ended;
  assert.is(code, 1);
  assert.match(stdout, 'The lock of staging was lost');
});

test('with the database away ops:unlock shows and breaks the lock file that stands in for it', async () => {
  const root = await product({ OPS_DATABASE_URL: 'postgresql://owner:password@127.0.0.1:9/none' });
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, '../fixtures/hold-lock.ts'), root, 'RUN1', 'mends'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  await once(child.stdout, 'data');
  const unlock = (...args: string[]) => run(root, 'ops-unlock.ts', '--env', 'staging', ...args);
  const plan = await unlock('--plan');
  assert.is(plan.code, 0, plan.stdout);
  assert.match(plan.stdout, /remove the lock file of .* running db:deploy \(run RUN1\) .*still running/);
  const refused = await unlock('--yes');
  assert.is(refused.code, 1);
  assert.match(refused.stdout, 'is still running on this machine');
  child.kill('SIGKILL');
  await once(child, 'exit');
  const broken = await unlock('--yes');
  assert.is(broken.code, 0, broken.stdout);
  assert.match(broken.stdout, 'The lock of staging is free.');
  assert.match((await unlock('--yes')).stdout, 'No lock file is in this checkout');
});

test('a run of which no stream is on a terminal does not hear that one was hung up, as under nohup', async () => {
  const root = await product();
  const child = await hang(root);
  const ended = finish(child);
  child.kill('SIGHUP');
  await new Promise((done) => setTimeout(done, 300));
  assert.equal([child.exitCode, child.signalCode], [null, null]);
  child.kill('SIGTERM');
  assert.is((await ended).code, 130);
});

const LONG = ['statement', '--env', 'staging'];
const ROUNDS = THOROUGH ? 10 : 1;

async function withTable(): Promise<{ root: string; url: Secret }> {
  const root = await product();
  const url = new Secret(/OPS_DATABASE_URL='(.*)'/.exec(readFileSync(join(root, '.env.staging'), 'utf8'))?.[1] ?? '');
  await withPostgres(url, 'test', (client) => client.query('CREATE TABLE held (n int)'));
  return { root, url };
}

/** The sessions of the fixture's long statement. */
const sleeping = (url: Secret) => `query LIKE '%pg_sleep(45)%' AND state = 'active' AND datname = '${databaseOf(url)}'`;
/** From our exit until a session of ours is gone; a server looks once a second after the client of a process that was killed. */
const WITHIN_MS = { SIGINT: 1_000, SIGTERM: 1_000, SIGKILL: 2_500, 'a lost lock': 1_000 };

// Nobody can tell a program's server that its starter was killed.
for (const [how, within] of Object.entries(WITHIN_MS))
  for (const by of how === 'SIGKILL' ? ['a session'] : ['a session', 'psql'])
    test(`${how} in the middle of a statement of ${by}: it ends with the run, which goes on at once`, async () => {
      const took: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const { root, url } = await withTable();
        const args = by === 'psql' ? ['--program'] : [];
        const child = start(root, [...LONG, ...args]);
        const ended = finish(child);
        const begun = async () => {
          if (how !== 'a lost lock') child.kill(how as NodeJS.Signals);
          else
            await withPostgres(new Secret(postgres.adminUrl), 'test', (client) =>
              client.query(
                `SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                         WHERE locktype = 'advisory' AND classid = ${0x44525944} AND datname = $1`,
                [databaseOf(url)],
              ),
            );
        };
        took.push(await outlives(url.reveal(), sleeping(url), { begun, ended }));
        const { code, stdout } = await ended;
        if (how === 'a lost lock') assert.match(stdout, 'The lock of staging was lost');
        else assert.is(code, how === 'SIGKILL' ? null : 130);
        writeFileSync(join(root, 'go-on'), '');
        const resumed = await run(root, 'statement', '--env', 'staging', '--resume');
        assert.is(resumed.code, 0, resumed.stdout);
      }
      if (THOROUGH) console.log(`${how}, ${by}: at most ${Math.round(Math.max(...took))} ms, ${ROUNDS} rounds`);
      assert.ok(Math.max(...took) < within, `the statement went on for ${took.map(Math.round)} ms`);
    });

test('Ctrl-C while it plans ends at once, and leaves no run behind', async () => {
  const { root, url } = await withTable();
  const child = start(root, [...LONG, '--plans']);
  const ended = finish(child);
  const took = await outlives(url.reveal(), sleeping(url), { begun: () => void child.kill('SIGINT'), ended });
  assert.ok(took < WITHIN_MS.SIGINT, `the statement went on for ${Math.round(took)} ms`);
  assert.is((await ended).code, 130);
  assert.equal(readRuns(root), []);
});

/** Outcomes of the runs that the audit log of staging tells of, oldest first, but for events of steps. */
async function told(root: string): Promise<string[]> {
  const { stdout } = await run(root, 'ops-log.ts', '--env', 'staging', '--task', 'test:change', '--json');
  const { events } = JSON.parse(stdout).data as { events: { event: string; outcome: string }[] };
  return events.filter(({ event }) => event === 'test:change').map(({ outcome }) => outcome);
}

/** As if the database had never been told of any run. */
async function forget(root: string): Promise<void> {
  const [, url = ''] = /OPS_DATABASE_URL='([^']+)'/.exec(readFileSync(join(root, '.env.staging'), 'utf8')) ?? [];
  await withPostgres(new Secret(url), 'test', (client) => client.query('TRUNCATE drydock.run, drydock.run_entry'));
}

async function killed(root: string): Promise<string> {
  const child = await hang(root);
  child.kill('SIGKILL');
  await once(child, 'exit');
  return openRuns(root).at(-1)?.run ?? '';
}

test('the audit log is told once of a run that was killed, again if that happens again, and of its end', async () => {
  const root = await product();
  const id = await killed(root);
  for (let n = 0; n < 2; n++)
    assert.is((await run(root, 'change', '--env', 'staging')).code, 1, 'it stands in the way');
  const again = start(root, ['change', '--env', 'staging', '--resume']);
  while (openRuns(root)[0]?.process.pid !== again.pid) await new Promise((done) => setTimeout(done, 20));
  again.kill('SIGKILL');
  await once(again, 'exit');
  writeFileSync(join(root, 'go-on'), '');
  const resumed = await run(root, 'change', '--env', 'staging', '--resume', id);
  assert.is(resumed.code, 0, resumed.stdout);
  assert.equal(await told(root), ['killed', 'killed', 'done']);
});

test('of one that was interrupted it is told how, of one that is given up by whom', async () => {
  const root = await product();
  const child = await hang(root);
  const ended = finish(child);
  child.kill('SIGTERM');
  await ended;
  const [open] = openRuns(root);
  const given = await run(root, 'ops-resume.ts', '--abandon', open?.run ?? '');
  assert.is(given.code, 0, given.stdout);
  assert.equal(await told(root), ['interrupted', 'abandoned'], 'without another run');
  const failed = await run(root, 'change', '--env', 'staging', '--fail-in', 'two');
  assert.match(failed.stdout + failed.stderr, 'told to fail');
  assert.is(failed.code, 1);
  assert.equal(await told(root), ['interrupted', 'abandoned', 'failed'], failed.stdout + failed.stderr);
  assert.not.match(readFileSync(join(root, `.drydock/runs/${open?.run}/journal.jsonl`), 'utf8'), 'took its place');
});

test('of one whose lock was broken, and of one whose journal was damaged, it is told that', async () => {
  const root = await product();
  const child = await hang(root);
  const ended = once(child, 'exit');
  assert.is((await run(root, 'ops-unlock.ts', '--env', 'staging', '--yes')).code, 0);
  await ended;
  const [open] = openRuns(root);
  const file = join(root, `.drydock/runs/${open?.run}/journal.jsonl`);
  assert.is((await run(root, 'resume', '--abandon', open?.run ?? '')).code, 0);
  const damaged = await killed(root);
  const damagedFile = file.replace(open?.run ?? '', damaged);
  writeFileSync(damagedFile, readFileSync(damagedFile, 'utf8').replace('"step.done"', '"step.d'));
  await forget(root);
  const refused = await run(root, 'change', '--env', 'staging');
  assert.is(refused.code, 1);
  assert.match(refused.stdout, 'was damaged after it was written');
  assert.match(refused.stdout, `ops:resume -- --abandon ${damaged}`);
  assert.is((await run(root, 'resume', '--abandon', damaged)).code, 0);
  assert.is((await run(root, 'change', '--env', 'staging')).code, 0, 'it stands in the way no more');
  assert.equal(await told(root), ['broken', 'abandoned', 'broken', 'abandoned', 'done']);
});

test('a run that is at work is not given up', async () => {
  const root = await product();
  const child = await hang(root);
  const [open] = openRuns(root);
  const { code, stdout } = await run(root, 'resume', '--abandon', open?.run ?? '');
  assert.is(code, 2);
  assert.match(stdout, `is at work, in process ${child.pid}`);
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.is((await run(root, 'resume', '--abandon', open?.run ?? '')).code, 0);
});

const onSmallDisk = process.getuid?.() === 0 && process.platform === 'linux' ? test : test.skip;
onSmallDisk(
  'on a full disk a failure keeps its reason, undoes what was done, and is in journal and audit log',
  async () => {
    const root = await product();
    const state = join(root, '.drydock');
    mkdirSync(state, { mode: 0o700 });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k,mode=700', 'tmpfs', state]);
    try {
      const { code, stdout } = await run(root, 'fill', '--env', 'staging');
      assert.is(code, 1);
      assert.match(stdout, 'Step "fill" failed: told to fail on a full disk');
      assert.match(stdout, 'Undone: "note"');
      assert.not.match(stdout, /ENOSPC|could not be written/);
      assert.is(existsSync(join(root, 'noted')), false);
      const [last] = readRuns(root);
      assert.equal([last?.status, last?.steps.get('note')?.state], ['failed', 'undone']);
      const log = await run(root, 'ops-log.ts', '--env', 'staging', '--json');
      assert.equal(
        JSON.parse(log.stdout).data.events.map(({ outcome }: { outcome: string }) => outcome),
        ['failed'],
      );
      const refused = await run(root, 'change', '--env', 'staging');
      assert.is(refused.code, 1);
      assert.match(refused.stdout, /cannot be written \(ENOSPC\)/);
      assert.match(refused.stdout, 'free disk space');
      assert.is(existsSync(join(root, 'world')), false, 'nothing is begun that cannot be written down');
    } finally {
      execFileSync('umount', [state]);
    }
  },
);

test('a folder that cannot be written is one sentence', async () => {
  const root = await product();
  writeFileSync(join(root, '.drydock'), 'a file where the folder should be');
  const { code, stdout } = await run(root, 'change', '--env', 'staging');
  assert.is(code, 1);
  assert.match(stdout, /The journal .* cannot be written \(ENOTDIR\)/);
});

test.run();
