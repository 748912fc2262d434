// Uses PostgreSQL and Redis as the suites of a run do, in a run of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runAll } from '../check/run-all.ts';
import type { Suite } from '../check/suites.ts';

const test = suite('bed');
const ROOT = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-bed-'));
const importOf = (file: string) => JSON.stringify(join(ROOT, file));

/** A suite that starts services, says where they are, and never ends. */
const endless = join(folder, 'endless.ts');
writeFileSync(
  endless,
  `import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTestPostgres, startTestRedis } from ${importOf('packages/sandbox/src/testing/index.ts')};
const [postgres, redis] = await Promise.all([startTestPostgres(), startTestRedis()]);
const odd = join(process.env.DRYDOCK_TEST_ROOT, 'odd');
mkdirSync(odd);
symlinkSync('/nowhere', join(odd, '.drydock'));
const urls = [await postgres.createDatabase(), redis.url];
writeFileSync(process.argv[2], JSON.stringify({ pid: process.pid, root: process.env.DRYDOCK_TEST_ROOT, temporary: process.env.TMPDIR, urls }));
setInterval(() => {}, 1_000);
`,
);
const run = join(folder, 'run.ts');
writeFileSync(
  run,
  `import { runAll } from ${importOf('scripts/check/run-all.ts')};
const interrupt = new AbortController();
process.once('SIGINT', () => interrupt.abort());
const suite = { name: 'endless', command: process.execPath, args: [${JSON.stringify(endless)}, process.argv[2]], counts: 'uvu', timeoutMs: 60_000 };
await runAll([suite], { root: ${JSON.stringify(folder)}, say: () => {}, signal: interrupt.signal });
`,
);

interface Told {
  pid: number;
  root: string;
  temporary: string;
  urls: string[];
}

/** A run in the middle of its only suite. */
async function runEndless(name: string) {
  const file = join(folder, name);
  const child = spawn(process.execPath, [run, file], { stdio: ['ignore', 'inherit', 'inherit'] });
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>;
  while (!existsSync(file) || readFileSync(file, 'utf8') === '') {
    assert.is(child.exitCode, null, 'the run goes on until its suite has started');
    await sleep(20);
  }
  return { child, exited, told: JSON.parse(readFileSync(file, 'utf8')) as Told };
}

async function isGone({ pid, root, urls }: Told): Promise<boolean> {
  const closed = await Promise.all(
    urls.map(async (url) => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1');
      const open = await once(socket, 'connect').then(
        () => true,
        () => false,
      );
      socket.destroy();
      return !open;
    }),
  );
  return closed.every(Boolean) && !existsSync(`/proc/${pid}/stat`) && !existsSync(root);
}

test('heavy suites come first, and what runs side by side fits the machine', async () => {
  const events = join(folder, 'events');
  const noted = (name: string, heavy = false): Suite => ({
    name,
    heavy,
    command: process.execPath,
    args: [
      '-e',
      `const note = (what) => require('fs').appendFileSync(${JSON.stringify(events)}, what + ' ${name}\\n');
       note('+'); setTimeout(() => note('-'), 150)`,
    ],
    counts: 'exit',
    timeoutMs: 60_000,
  });
  const suites = [noted('a'), noted('b'), noted('c'), noted('HEAVY', true), noted('HEAVIER', true), noted('d')];
  const outcomes = await runAll(suites, { root: folder, say: () => {}, signal: new AbortController().signal });
  assert.equal(outcomes.map(({ suite }) => suite.name).sort(), suites.map(({ name }) => name).sort());
  const places = Math.max(2, availableParallelism()) + 1;
  const taken = new Map<string, number>();
  for (const line of readFileSync(events, 'utf8').trim().split('\n')) {
    const [what, name = ''] = line.split(' ');
    if (what === '+') taken.set(name, name.startsWith('HEAV') ? 2 : 1);
    else taken.delete(name);
    assert.ok([...taken.values()].reduce((sum, n) => sum + n, 0) <= places, line);
  }
  assert.ok(readFileSync(events, 'utf8').indexOf('+ HEAVY') < readFileSync(events, 'utf8').indexOf('+ d'));
});

test('a run that is interrupted ends its suites and all services first', async () => {
  const { child, exited, told } = await runEndless('SIGINT');
  assert.not(await isGone(told));
  assert.is(told.temporary, told.root, 'what is temporary goes with it');
  child.kill('SIGINT');
  assert.is((await exited)[0], 0);
  assert.ok(await isGone(told), JSON.stringify(told));
});

test('a run that is killed leaves nothing behind either', async () => {
  const { child, exited, told } = await runEndless('SIGKILL');
  child.kill('SIGKILL');
  await exited;
  const deadline = Date.now() + 20_000;
  while (!(await isGone(told)) && Date.now() < deadline) await sleep(50);
  assert.ok(await isGone(told), JSON.stringify(told));
});

test('a test file that is run alone leaves nothing where temporary files are', async () => {
  const temporary = mkdtempSync(join(folder, 'alone-'));
  const { DRYDOCK_TEST_ROOT: _, ...env } = process.env;
  for (const file of ['packages/kit/test/durable.test.ts', 'packages/kit/test/sweep.test.ts']) {
    const child = spawn(process.execPath, [join(ROOT, file)], { env: { ...env, TMPDIR: temporary }, stdio: 'ignore' });
    assert.equal(await once(child, 'exit'), [0, null], file);
    assert.equal(readdirSync(temporary), [], file);
  }
});

test.run();
