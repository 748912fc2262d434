// Uses no service: children that start children of their own.
import '../../src/testing/alone.ts';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startDaemon, stopDaemon } from '../../src/process/daemon.ts';
import { exec } from '../../src/process/exec.ts';
import { readRunning } from '../../src/process/table.ts';

const test = suite('children with their whole tree');
const folder = () => mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-tree-'));

/**
 * A shell that starts a child, a grandchild whose parent has ended, one that hears no SIGTERM, and one that has left the group; it
 * writes their pids into `pids`, and waits.
 */
const FAMILY = `
  sleep 300 & echo $! >> pids
  (sleep 300 & echo $! >> pids)
  (trap '' TERM; echo $BASHPID >> pids; while :; do sleep 1; done) &
  setsid sh -c 'echo $$ >> pids; sleep 300' &
  while [ "$(wc -l < pids)" -lt 4 ]; do sleep 0.05; done
  echo $$ >> pids
`;
const pidsIn = (cwd: string) =>
  existsSync(join(cwd, 'pids')) ? readFileSync(join(cwd, 'pids'), 'utf8').trim().split('\n').map(Number) : [];
const alive = (cwd: string) => pidsIn(cwd).filter((pid) => readRunning(pid) !== undefined);

async function untilBorn(cwd: string): Promise<void> {
  while (pidsIn(cwd).length < 5) await sleep(20);
  assert.is(alive(cwd).length, 5);
}

test('the signal ends all that a program has begun, whatever hears it and whoever its parents are', async () => {
  const cwd = folder();
  const controller = new AbortController();
  const running = exec('bash', ['-c', `${FAMILY} wait`], { cwd, signal: controller.signal });
  await untilBorn(cwd);
  controller.abort(new Error('enough'));
  await running.then(
    () => assert.unreachable(),
    (error) => assert.is(error.message, 'enough'),
  );
  assert.equal(alive(cwd), []);
});

test('a process that ends at once takes the groups of its programs with it', async () => {
  const cwd = folder();
  const source = `
    import { exec } from ${JSON.stringify(join(import.meta.dirname, '../../src/process/exec.ts'))};
    process.on('SIGINT', () => process.exit(130));
    await exec('bash', ['-c', 'sleep 300 & echo $! >> pids; (sleep 300 & echo $! >> pids); echo $$ >> pids; wait'], { env: process.env });
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], { cwd, stdio: 'inherit' });
  while (pidsIn(cwd).length < 3) await sleep(20);
  child.kill('SIGINT');
  assert.equal(await once(child, 'exit'), [130, null]);
  const deadline = Date.now() + 5_000;
  while (alive(cwd).length > 0 && Date.now() < deadline) await sleep(20);
  assert.equal(alive(cwd), []);
});

test('a process in the background that ends when it is asked does not leave its children behind', async () => {
  const root = folder();
  for (const ending of ['wait', "trap '' TERM; while :; do sleep 1; done"]) {
    const cwd = folder();
    await startDaemon(root, {
      name: 'family',
      command: 'bash',
      args: ['-c', `${FAMILY} ${ending}`],
      env: process.env,
      cwd,
      logFile: join(cwd, 'log'),
    });
    await untilBorn(cwd);
    await stopDaemon(root, 'family', { graceMs: 500 });
    assert.equal(alive(cwd), []);
  }
});

test.run();
