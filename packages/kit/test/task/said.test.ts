// Uses no service: tasks run as processes of their own, for what Node prints past a task's own output is what is looked at.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bareEnvironment } from '../../src/testing/index.ts';
import { makeProduct } from '../product.ts';

const test = suite('what leaves a process');
const SCRIPT = join(import.meta.dirname, '../fixtures/said.ts');
const SECRET = 'correct-horse-battery-9';

function start(way: string, args: string[] = [], env: Record<string, string> = {}) {
  const root = makeProduct({ API_KEY: SECRET });
  return spawn(process.execPath, [SCRIPT, '--env', 'staging', '--way', way, ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: bareEnvironment({ CI: 'true', ...env }),
  });
}

async function run(way: string, args: string[] = [], env: Record<string, string> = {}) {
  const child = start(way, args, env);
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (said.stdout += chunk));
  child.stderr.on('data', (chunk) => (said.stderr += chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  const all = said.stdout + said.stderr;
  assert.not.match(all, SECRET, way);
  assert.not.match(all, /^\s*::|##\[/m, way);
  return { code, all, ...said };
}

test('a secret in two writes is masked, on both streams', async () => {
  const { code, stdout, stderr } = await run('split');
  assert.is(code, 0, stderr);
  assert.match(stdout, 'split ***\n');
  assert.is(stderr, 'split ***\n');
});

test('an error that nobody caught is told by the task, not by Node, and ends it with exit 1', async () => {
  const { code, stdout, stderr } = await run('uncaught');
  assert.is(code, 1);
  assert.is(stderr, '');
  assert.match(stdout, '✖ thrown ***\n  │ : :error::faked\n');
});

test('a rejection that nobody handled has the exit code of its error, and with --json its object', async () => {
  const { code, stdout } = await run('rejected', ['--json']);
  assert.is(code, 4);
  assert.equal(JSON.parse(stdout).error, { code: 'REFUSED', message: 'rejected ***', hint: '' });
  assert.is((await run('nothing')).code, 1, 'nothing at all was thrown');
});

test('what a library throws where nobody waits, and has told already, is no end', async () => {
  const { code, all } = await run('forgiven');
  assert.is(code, 0, all);
  assert.not.match(all, 'told already');
});

test('the stack that DEBUG asks for is masked, and so is a warning', async () => {
  const crashed = await run('uncaught', [], { DEBUG: '1' });
  assert.match(crashed.stderr, /^ {2}Error: thrown \*\*\*$/m);
  assert.match(crashed.stderr, /^ {2} {4}at /m);
  const warned = await run('warning');
  assert.is(warned.code, 0);
  assert.is(warned.stderr, '! Warning: warned ***\\n::error::faked\n');
});

test('with --json masked is what is a text, so that it can be read whatever a secret is', async () => {
  const { stdout } = await run('number', ['--json'], { API_KEY: '1234567890123456' });
  const { data, findings } = JSON.parse(stdout);
  assert.equal(data, { n: 1234567890123456, secret: '***' });
  assert.is(findings[0].message, 'db\n::error::faked ##[x]', 'what it says is what it was');
});

test('names with newlines, escapes and commands stay in their lines', async () => {
  const { stdout } = await run('number');
  const lines = stdout.trimEnd().split('\n');
  assert.is(lines.length, 3, stdout);
  assert.is(lines[0], 'warn  PART: db\\n::error::faked # #[x]');
  assert.is(lines[1], '      \\u001b[2Ktype it');
  assert.match(
    lines[2] ?? '',
    /^✔ part "db\\n✔ staging is healthy\. \(12 ms\)" is not healthy \(\d+ m?s\), 1 warning above$/,
  );
});

test('a reader that has gone does not turn a no into a yes', async () => {
  const child = start('no');
  child.stdout.once('data', () => child.stdout.destroy());
  child.stderr.resume();
  assert.is(((await once(child, 'exit')) as [number])[0], 3);
  const silent = start('stderr');
  silent.stderr.once('data', () => silent.stderr.destroy());
  silent.stdout.resume();
  assert.is(((await once(silent, 'exit')) as [number])[0], 0, 'that of the log is no matter either');
});

test.run();
