// Uses no service: processes in place of others.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('foreground');
const MODULE = join(import.meta.dirname, '../../src/process/foreground.ts');

/** Says what it hears, and ends with 7. */
const CHILD = `for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => { console.log(name); process.exit(7); });
  setTimeout(() => {}, 60_000); console.log('child ' + process.pid);`;

function start(child: string) {
  const program = `const { runForeground } = await import(${JSON.stringify(MODULE)});
    process.exitCode = await runForeground(process.execPath, ['-e', ${JSON.stringify(child)}]);`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  parent.stdout.on('data', (chunk) => (said += chunk));
  const childPid = async () => {
    while (!said.includes('\n')) await new Promise((done) => setTimeout(done, 10));
    return Number(/child (\d+)/.exec(said)?.[1]);
  };
  return { parent, childPid, said: () => said };
}

const isThere = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  test(`${signal} to us alone reaches the program, whose exit code is ours`, async () => {
    const { parent, childPid, said } = start(CHILD);
    const pid = await childPid();
    parent.kill(signal);
    const [code] = (await once(parent, 'close')) as [number | null];
    assert.is(code, 7);
    assert.match(said(), signal);
    assert.is(isThere(pid), false);
  });

test('one that was ended by a signal is told as a shell tells it; one that is not there is an error', async () => {
  const { parent, childPid } = start(CHILD);
  process.kill(await childPid(), 'SIGKILL');
  assert.equal((await once(parent, 'close'))[0], 137);
  const { runForeground } = await import('../../src/process/foreground.ts');
  assert.match(await runForeground('/nowhere/x', []).then(String, String), 'ENOENT');
  assert.is(await runForeground(process.execPath, ['-e', 'process.exitCode = 3']), 3);
  assert.equal([process.listenerCount('SIGTERM'), process.listenerCount('SIGINT')], [0, 0]);
});

test.run();
