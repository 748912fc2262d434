// Starts processes that outlive whoever starts them.
import '../../src/testing/alone.ts';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { OpsError } from '../../src/errors.ts';
import { type DaemonSpec, listDaemons, startDaemon, stopDaemon } from '../../src/process/daemon.ts';
import { isSameProcess, processStart } from '../../src/process/identity.ts';

const test = suite('background processes');
const makeRoot = () => mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-daemon-'));

function specOf(root: string, script: string, more: Partial<DaemonSpec> = {}): DaemonSpec {
  return {
    name: 'one',
    command: process.execPath,
    args: ['-e', script],
    env: { PATH: process.env.PATH },
    cwd: root,
    logFile: join(root, 'logs/one.log'),
    ...more,
  };
}
const SERVES = `console.log('up'); setInterval(() => {}, 1000)`;
async function logged(file: string, word: string): Promise<void> {
  while (!existsSync(file) || !readFileSync(file, 'utf8').includes(word)) await sleep(10);
}

test('one is recorded, found alive, asked to end, and forgotten', async () => {
  const root = makeRoot();
  const spec = specOf(root, `process.on('SIGTERM', () => { console.log('bye'); process.exit(0); }); ${SERVES}`);
  const { pid } = await startDaemon(root, { ...spec, port: 4711 });
  await logged(spec.logFile, 'up');
  const [found] = await listDaemons(root);
  assert.equal([found?.name, found?.pid, found?.port, found?.alive], ['one', pid, 4711, true]);
  await stopDaemon(root, 'one', { graceMs: 10_000 });
  assert.match(readFileSync(spec.logFile, 'utf8'), 'bye');
  assert.equal([processStart(pid), await listDaemons(root)], [undefined, []]);
  await stopDaemon(root, 'one', { graceMs: 0 });
});

test('one that does not listen is ended with all that it has started', async () => {
  const root = makeRoot();
  const script = `process.on('SIGTERM', () => {}); const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    console.log('child', child.pid, 'up'); setInterval(() => {}, 1000)`;
  const spec = specOf(root, script);
  const { pid } = await startDaemon(root, spec);
  await logged(spec.logFile, 'up');
  const child = Number(/child (\d+)/.exec(readFileSync(spec.logFile, 'utf8'))?.[1]);
  await stopDaemon(root, 'one', { graceMs: 100 });
  for (let tries = 0; processStart(child) && tries < 500; tries++) await sleep(10);
  assert.equal([processStart(pid), processStart(child)], [undefined, undefined]);
});

test('one that has ended is stopped once its parent has asked for it: until then its pid is taken', async () => {
  const root = makeRoot();
  // The shell becomes a process that never asks for the end of its child.
  const parent = spawn('sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 0.8'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [said] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(said);
  mkdirSync(join(root, '.drydock/processes'), { recursive: true });
  const record = {
    name: 'one',
    pid,
    processStart: processStart(pid),
    command: 'sleep',
    logFile: join(root, 'one.log'),
  };
  const more = { stopSignal: 'SIGTERM', startedAt: new Date().toISOString() };
  writeFileSync(join(root, '.drydock/processes/one.json'), JSON.stringify({ ...record, ...more }));
  while (processStart(pid)) await sleep(10);
  assert.ok(process.kill(pid, 0), 'it is in the table');
  await stopDaemon(root, 'one', { graceMs: 0 });
  assert.throws(() => process.kill(pid, 0), /ESRCH/);
});

test('a pid that is used again is nobody of ours, and is left alone', async () => {
  const root = makeRoot();
  const spec = specOf(root, SERVES);
  const { pid } = await startDaemon(root, spec);
  const file = join(root, '.drydock/processes/one.json');
  const record = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, JSON.stringify({ ...record, processStart: '1' }));
  assert.is((await listDaemons(root))[0]?.alive, false);
  await stopDaemon(root, 'one', { graceMs: 0 });
  assert.ok(processStart(pid), 'somebody else goes on');
  process.kill(pid, 'SIGKILL');
});

test('a record that names everybody, or the system, is not believed', async () => {
  const root = makeRoot();
  const { pid } = await startDaemon(root, specOf(root, SERVES));
  const folder = join(root, '.drydock/processes');
  const record = JSON.parse(readFileSync(join(folder, 'one.json'), 'utf8'));
  for (const bad of [
    { pid: -1 },
    { pid: 0 },
    { pid: 1 },
    { pid: 1.5 },
    { processStart: '' },
    { stopSignal: 'SIGSTOP' },
  ]) {
    writeFileSync(join(folder, 'bad.json'), JSON.stringify({ ...record, name: 'bad', ...bad }));
    const names = (await listDaemons(root)).map(({ name }) => name);
    assert.equal(names, ['one'], JSON.stringify(bad));
  }
  process.kill(pid, 'SIGKILL');
});

test('one that cannot be started is one sentence, and leaves no record', async () => {
  const root = makeRoot();
  const error = await startDaemon(root, specOf(root, '', { command: '/nowhere/at-all' })).then(
    () => undefined,
    (thrown: OpsError) => thrown,
  );
  assert.is(error?.code, 'PROCESS_NOT_STARTED');
  assert.match(error?.message ?? '', /^one could not be started \(.*ENOENT/);
  assert.is(
    existsSync(join(root, '.drydock/processes')) && readdirSync(join(root, '.drydock/processes')).length > 0,
    false,
  );
});

test('a process is known by its pid and its start; one that has ended is none, reaped or not', async () => {
  const start = processStart(process.pid) ?? '';
  assert.match(start, /^\S/);
  assert.is(processStart(process.pid), start);
  assert.equal(
    [isSameProcess(process.pid, start), isSameProcess(process.pid, ''), isSameProcess(process.pid, '1')],
    [true, false, false],
  );
  // A name with spaces and brackets stands before the field.
  const named = spawn(process.execPath, [
    '-e',
    `process.title = 'x) y (z'; console.log('up'); setInterval(() => {}, 1000)`,
  ]);
  await once(named.stdout, 'data');
  assert.match(processStart(named.pid ?? 0) ?? '', /^\d+$/);
  named.kill('SIGKILL');
  await once(named, 'exit');
  assert.is(processStart(named.pid ?? 0), undefined);
});

test.run();
