// Uses everything: a clone of this repository, set up and released as a newcomer would.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type LoadedConfig, listDaemons, loadConfig, loadEnvironment, readRuns, Supervisor } from '@drydock/kit';
import { type Leak, LeakScan, refuseUnplanned, secretsOf } from '@drydock/kit/testing';
import { down, reset } from '@drydock/sandbox';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('npm start');
const ROOT = join(import.meta.dirname, '../..');
const ENVIRONMENTS = ['development', 'staging', 'production'];
const clone = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-start-'));

test.before(() => {
  execFileSync('git', ['clone', '-q', ROOT, clone]);
  // The release is based on main wherever this runs: a CI may have another branch, or none, checked out.
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.test', ...args], { cwd: clone });
  git('checkout', '-q', '-B', 'main');
  git('update-ref', 'refs/remotes/origin/main', 'HEAD');
  execFileSync('node', ['scripts/bootstrap.mjs'], { cwd: clone, stdio: 'ignore' });
});
test.after(async () => {
  await reset({ root: clone });
  rmSync(clone, { recursive: true, force: true });
});

async function run(script: string, ...args: string[]): Promise<{ code: number | null; said: string }> {
  const child = spawn(join(clone, 'node_modules/.bin/node'), [script, ...args], {
    cwd: clone,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PATH: `${join(clone, 'node_modules/.bin')}:${process.env.PATH}`, CI: 'true' },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, said };
}
const start = (...args: string[]) => run('scripts/start.ts', ...args);
// What the clone was made from may have grown since.
const release = (...args: string[]) => run('packages/release/scripts/release.ts', '--offline', ...args);
const journal = () => {
  const id = readdirSync(join(clone, '.drydock/runs')).sort().at(-1) ?? '';
  const text = readFileSync(join(clone, '.drydock/runs', id, 'journal.jsonl'), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string; step?: string; task: string });
};
const releases = () => readRuns(clone).filter(({ task }) => task === 'release');

let firstSaid = '';
let leakedArguments: Leak[] = [];

const PATIENCE_MS = 180_000;

/** Looks until there is something, and no longer: a release that failed before would be waited for in vain. */
async function until<T>(what: string, look: () => T | undefined | false): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS;
  while (Date.now() < deadline) {
    const found = look();
    if (found) return found;
    await sleep(10);
  }
  throw new Error(`${what}: not seen in ${PATIENCE_MS / 1_000} s`);
}

/** Kills the release, and nothing else, once its journal says that `step` has begun. */
async function killReleaseIn(step: string, which = releases().length): Promise<void> {
  const pid = await until(step, () => {
    const state = releases()[which];
    return state?.steps.has(step) && state.process.pid;
  });
  process.kill(pid, 'SIGKILL');
}

const envFiles = () => ENVIRONMENTS.map((env) => join(clone, `.drydock/sandbox/env/.env.${env}`));

/** The secrets of the sandbox, or those of operators alone. */
async function scanFor(isMeant: (variable: LoadedConfig['variables'][string]) => boolean): Promise<LeakScan> {
  const { variables } = await loadConfig(undefined, clone);
  const isSecret = (name: string) => variables[name]?.secret === true && isMeant(variables[name]);
  return new LeakScan(secretsOf(envFiles(), isSecret));
}

/** All but the sandbox itself, which keeps the secrets that it gives out; its logs are looked at. */
async function scanFiles(found: LeakScan): Promise<void> {
  found.folder(join(clone, '.drydock'), ['sandbox']).folder(join(clone, '.drydock/sandbox/logs'));
}

/** Another release's arguments from the first moment on: the secrets are known when its sandbox is up. */
async function watchArguments(): Promise<LeakScan & { stop(): void }> {
  await until('the files of the sandbox', () => envFiles().every((file) => existsSync(file)));
  const found = await scanFor(() => true);
  return Object.assign(found, found.watchArguments());
}

test('a whole release runs on a fresh clone, and leaves nothing running', async () => {
  const watching = watchArguments();
  const { code, said } = await start();
  const watched = await watching;
  watched.stop();
  assert.is(code, 0, said);
  firstSaid = said;
  leakedArguments = watched.leaks;
  assert.ok(watched.looked.processes > 20, JSON.stringify(watched.looked));
  assert.match(said, /Released in \d/);
  assert.match(said, 'npm start -- --keep');
  assert.match(said, 'production › switch traffic');
  assert.equal(await listDaemons(clone), []);
  assert.is(execFileSync('git', ['status', '--porcelain'], { cwd: clone, encoding: 'utf8' }), '');
});

test('the release took the very steps that its plan tells', () => {
  const { start, steps } = releases()[0] ?? {};
  const planned = start?.steps?.map(({ name }) => name) ?? [];
  for (const step of [
    'build artifact',
    'staging › db:deploy › verify',
    'staging › retire the version before',
    'production › switch traffic',
  ])
    assert.ok(planned.includes(step), step);
  for (const step of planned) assert.ok(steps?.has(step), `${step} was told, and not taken`);
  refuseUnplanned(clone);
});

test('no secret was said by the release, is left in a file, or was an argument', async () => {
  const found = await scanFor(() => true);
  found.text('output', firstSaid);
  await scanFiles(found);
  assert.equal([...found.leaks, ...leakedArguments], []);
  assert.ok(found.looked.files > 10, JSON.stringify(found.looked));
});

test('kill -9 twice, once with half a line in the journal: start refuses to begin anew, --resume says it, goes on, and repeats no done step', async () => {
  let killed = killReleaseIn('staging › db:dry-run');
  const first = await start();
  await killed;
  assert.is(first.code, 1, first.said);
  assert.match(first.said, 'npm start -- --resume');
  const again = await start();
  assert.is(again.code, 1);
  assert.match(again.said, 'did not end');
  const id = releases().at(-1)?.run ?? '';
  const file = join(clone, '.drydock/runs', id, 'journal.jsonl');
  writeFileSync(file, `${readFileSync(file, 'utf8')}{"at":"2026-01-`);
  killed = killReleaseIn('staging › stage', releases().length - 1);
  const second = await start('--resume');
  await killed;
  assert.is(second.code, 1, second.said);
  assert.match(second.said, 'its last journal line was cut off');
  const resumed = await start('--resume');
  assert.is(resumed.code, 0, resumed.said);
  assert.is(releases().at(-1)?.run, id);
  const done = journal()
    .filter(({ event }) => event === 'step.done')
    .map(({ step }) => step);
  assert.is(new Set(done).size, done.length, 'no step was done twice');
  assert.is(journal().filter(({ event }) => event === 'run.resumed').length, 2);
});

test('two releases at once: the second gets exit 5', async () => {
  const first = start('--keep');
  await until('an open release', () => releases().some(({ status }) => status === 'open'));
  const second = await release('--env', 'staging');
  assert.is(second.code, 5, second.said);
  assert.match(second.said, 'staging is locked by');
  const third = await start();
  assert.is(third.code, 5, third.said);
  assert.not.match(third.said, 'Released in', "another run's timeline");
  const { code, said } = await first;
  assert.is(code, 0, said);
  // What it ends with can be looked at, and typed.
  const urls = [...said.matchAll(/^(staging|production) +(http:\S+)$/gm)].map(([, , url = '']) => url);
  assert.is(urls.length, 2, said);
  for (const url of urls) assert.is((await fetch(url)).status, 200, url);
  const next = /Next: npm run (\S+) -- (--env \w+)/.exec(said.slice(said.lastIndexOf('to look at')));
  assert.is(next?.[1], 'release:status', said.slice(-400));
  assert.is((await run('packages/release/scripts/status.ts', ...(next?.[2] ?? '').split(' '))).code, 0);
});

test("the product that runs has no secret of the operator's, and no row of the audit log or a lock has any", async () => {
  const operators = await scanFor((variable) => variable.for === 'operator');
  const supervisor = new Supervisor(join(clone, '.drydock/sandbox/host/services'));
  const running = supervisor.names().filter((name) => supervisor.state(name).running);
  assert.ok(running.length >= 2, supervisor.names().join());
  for (const name of running) operators.environ(name, supervisor.state(name).pid ?? 0);
  assert.equal(operators.leaks, []);
  const all = await scanFor(() => true);
  const config = await loadConfig(undefined, clone);
  for (const env of ENVIRONMENTS) await all.database(env, loadEnvironment(config, env, {}).require('OPS_DATABASE_URL'));
  await scanFiles(all);
  assert.equal(all.leaks, []);
  assert.ok(all.looked.rows > 10, JSON.stringify(all.looked));
});

test('production without its name is refused with exit 4', async () => {
  const { code, said } = await release('--env', 'production', '--yes', '--reason', 'a test');
  assert.is(code, 4);
  assert.match(said, '--confirm production');
});

test('with Redis and the chain down a release says so of both, begins nothing, and the old version stays', async () => {
  const live = async () =>
    /on version (\w+)/.exec((await run('packages/release/scripts/status.ts', '--env', 'staging')).said)?.[1];
  const before = await live();
  const begun = releases().length;
  for (const { name, pid } of await listDaemons(clone))
    if (name === 'anvil' || name === 'redis-staging') process.kill(pid, 'SIGKILL');
  const { code, said } = await release('--env', 'staging');
  assert.is(code, 2, said);
  assert.match(said, 'Nothing was begun: 2 things are missing. staging: redis of staging is not well: ');
  assert.match(said, 'staging: chain of staging is not well: ');
  assert.is(releases().length, begun);
  assert.is(await live(), before);
});

test('with everything down a release says so at once and starts nothing', async () => {
  await down({ root: clone });
  const { code, said } = await release('--env', 'staging');
  assert.is(code, 2, said);
  assert.match(said, 'cannot be reached (ECONNREFUSED)');
  assert.match(said, 'HAProxy does not answer at');
  assert.match(said, 'npm run sandbox:up');
});

test('an unknown flag is a usage error', async () => {
  const before = releases().length;
  const { code, said } = await start('--nonsense');
  assert.is(code, 2);
  assert.match(said, "Unknown option '--nonsense'");
  assert.is(releases().length, before);
});

test.run();
