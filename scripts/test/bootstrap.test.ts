// Uses the machine's own Node beside the pinned one; nothing is installed.
import '@drydock/kit/testing';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { count } from '../check/run-suite.ts';

const test = suite('bootstrap and checks');
const ROOT = join(import.meta.dirname, '../..');
const bootstrap = (args: string[] = [], env: NodeJS.ProcessEnv = process.env) =>
  spawnSync(process.execPath, [join(ROOT, 'scripts/bootstrap.mjs'), ...args], { cwd: ROOT, env, encoding: 'utf8' });

test('with everything in place it does and says nothing', () => {
  bootstrap();
  const { status, stderr } = bootstrap();
  assert.is(status, 0);
  assert.is(stderr, '');
});

test('arguments and exit code pass through', () => {
  const help = bootstrap(['start', '--help']);
  assert.is(help.status, 0);
  assert.match(help.stdout, 'npm start -- [flags]');
  assert.is(bootstrap(['start', '--nonsense']).status, 2);
});

test('an unknown task is one sentence', () => {
  const { status, stderr } = bootstrap(['fly']);
  assert.is(status, 2);
  assert.match(stderr, 'There is no task "fly"');
});

test('a missing tool that cannot be installed is one sentence with the command to type', () => {
  // A copy whose finder looks nowhere but on PATH, and a PATH with node alone.
  const root = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-bare-'));
  for (const path of [
    'package.json',
    'pnpm-lock.yaml',
    'pnpm-workspace.yaml',
    'scripts/bootstrap.mjs',
    'scripts/first.cjs',
    'scripts/bootstrap',
    'prisma/schema.prisma',
  ])
    cpSync(join(ROOT, path), join(root, path), { recursive: true });
  for (const name of execFileSync('ls', [join(ROOT, 'packages')], { encoding: 'utf8' })
    .trim()
    .split('\n'))
    cpSync(join(ROOT, 'packages', name, 'package.json'), join(root, 'packages', name, 'package.json'));
  mkdirSync(join(root, 'packages/kit/src/process'), { recursive: true });
  const tools = execFileSync('sed', ['-e', 's#/usr/#/nowhere/#g', join(ROOT, 'packages/kit/src/process/tools.mjs')]);
  execFileSync('tee', [join(root, 'packages/kit/src/process/tools.mjs')], { input: tools });
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'scripts/bootstrap.mjs'), 'start'], {
    env: { PATH: '/nowhere' },
    encoding: 'utf8',
  });
  assert.is(status, 2, stderr);
  assert.match(
    stderr,
    /PostgreSQL server, PostgreSQL client, Redis, HAProxy, runit missing\. Install it, for example: .*install/,
  );
});

test('a suite that crashed or ran no test has failed, whatever it printed', () => {
  assert.equal(count({ counts: 'uvu' }, '  Total:     3\n  Passed:    3\n  Skipped:   0\n', 0), {
    passed: 3,
    failed: 0,
  });
  assert.equal(count({ counts: 'uvu' }, '  Total:     3\n  Passed:    2\n  Skipped:   0\n', 1), {
    passed: 2,
    failed: 1,
  });
  assert.equal(count({ counts: 'uvu' }, '  Total:     3\n  Passed:    3\n  Skipped:   0\n', 1), {
    passed: 3,
    failed: 1,
  });
  // uvu leaves what it skips out of the total.
  assert.equal(count({ counts: 'uvu' }, '  Total:     2\n  Passed:    2\n  Skipped:   3\n', 0), {
    passed: 2,
    failed: 0,
  });
  assert.equal(count({ counts: 'uvu' }, '', 0), { passed: 0, failed: 1 });
  assert.equal(count({ counts: 'playwright' }, '  1 failed\n  2 passed (3s)', 1), { passed: 2, failed: 1 });
});

test.run();
