// Uses runit: real services in a folder of their own.
import '../../src/testing/alone.ts';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MARK } from '../../src/process/supervise/scripts.ts';
import { Supervisor } from '../../src/process/supervise/supervisor.ts';

const test = suite('supervised services');
let root: string;
let supervisor: Supervisor;
test.before.each(() => {
  root = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-supervise-'));
  supervisor = new Supervisor(join(root, 'services'));
});
test.after.each(() => supervisor.end(2_000));

/** A program of ours: what it says goes to its log, and to a file that tells what it was given. */
async function place(name: string, source: string, env: Record<string, string> = {}, graceMs = 2_000) {
  const script = join(root, `${name}.mjs`);
  writeFileSync(script, source);
  await supervisor.place({
    name,
    cwd: root,
    command: [process.execPath, script, "it's 1"],
    env: { PATH: '/usr/bin:/bin', ...env },
    logs: join(root, 'log', name),
    graceMs,
  });
}
const logOf = (name: string) => readFileSync(join(root, 'log', name, 'current'), 'utf8');
async function until(isSo: () => boolean, what: string) {
  for (let n = 0; !isSo(); n++) {
    if (n > 300) assert.unreachable(`waited for: ${what}`);
    await sleep(50);
  }
}
/** What runs writes to a pipe, and svlogd to the log a moment later. */
const said = (text: string) => until(() => logOf('web').includes(text), `"${text}" in the log`);
/** Every process that bears the mark of one of our services. */
const left = () =>
  readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`${MARK}=${root}`);
      } catch {
        return false;
      }
    });
const STAYS = 'console.log("up", process.argv[2]); setInterval(() => {}, 1000);';

test('a service is placed down, comes up when asked, and its environment is what it was given', async () => {
  const odd = { 'with.dot': 'a\nb', QUOTED: `it's "2"  \n$HOME `, EMPTY: '' };
  await place('web', `console.log(JSON.stringify(process.env), process.argv[2]); ${STAYS}`, odd);
  assert.equal(supervisor.names(), ['web']);
  assert.is(supervisor.state('web').running, false);
  await supervisor.up('web');
  await until(() => logOf('web').includes("up it's 1"), 'its word');
  assert.ok(supervisor.state('web').running);
  const said = JSON.parse(/\{.*\}/.exec(logOf('web'))?.[0] ?? '{}') as Record<string, string>;
  for (const [name, value] of Object.entries(odd)) assert.is(said[name], value, name);
  await supervisor.down('web', 2_000);
  assert.equal(left(), []);
});

test('killed, it is started again; kept down, it stays down, also with another supervisor', async () => {
  await place('web', STAYS);
  await supervisor.up('web');
  const { pid = 0 } = supervisor.state('web');
  await until(() => logOf('web').includes('up'), 'its word');
  process.kill(pid, 'SIGKILL');
  await until(() => supervisor.state('web').restarts === 1 && supervisor.state('web').running, 'a restart');
  assert.is.not(supervisor.state('web').pid, pid);
  await said('ended by signal 9');
  await supervisor.end(2_000);
  assert.equal(left(), []);
  // As after a reboot: what was up comes up.
  await supervisor.ensure();
  await until(() => supervisor.state('web').running, 'coming up with the supervisor');
  await supervisor.down('web', 2_000);
  await supervisor.end(2_000);
  await supervisor.ensure();
  await until(() => supervisor.state('web').supervised, 'a supervisor');
  await sleep(300);
  assert.is(supervisor.state('web').running, false);
});

test('one that crashes is started again more and more slowly', async () => {
  await place('web', 'throw new Error("no such column")');
  await supervisor.up('web');
  await until(() => supervisor.state('web').restarts >= 3, 'three restarts');
  assert.is(supervisor.state('web').ended, 'with exit code 1');
  await said('Error: no such column');
  await said('ended with exit code 1; it is started again in 2 s');
  await supervisor.down('web', 2_000);
});

test('what it has begun ends with it: a child, one in a group of its own, one that ignores SIGTERM', async () => {
  const stubborn = `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('stubborn');`;
  await place(
    'web',
    `import { spawn } from 'node:child_process';
     spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' });
     spawn(process.execPath, ['-e', ${JSON.stringify(stubborn)}], { stdio: 'inherit', detached: true }).unref();
     ${STAYS}`,
    {},
    1_000,
  );
  await supervisor.up('web');
  await until(() => left().length >= 3 && logOf('web').includes('stubborn'), 'its children');
  await supervisor.down('web', 1_000);
  assert.equal(left(), []);
});

test('one that forks and exits leaves nothing behind when it is ended', async () => {
  const child = `setInterval(() => {}, 1000)`;
  await place(
    'web',
    `import { spawn } from 'node:child_process';
     spawn(process.execPath, ['-e', ${JSON.stringify(child)}], { stdio: 'ignore', detached: true }).unref();`,
  );
  await supervisor.up('web');
  await until(() => supervisor.state('web').restarts >= 1, 'its end');
  await supervisor.down('web', 1_000);
  assert.equal(left(), []);
});

test('kill -9 of runsvdir and of runsv: it goes on, and is then kept by the next one, once', async () => {
  await place('web', STAYS);
  await supervisor.up('web');
  const { pid = 0 } = supervisor.state('web');
  process.kill(supervisor.pid ?? 0, 'SIGKILL');
  await until(() => supervisor.pid === undefined, 'its end');
  assert.is(supervisor.state('web').pid, pid, 'it goes on');
  await supervisor.ensure();
  await until(() => supervisor.pid !== undefined, 'the next one');
  const runsv = Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[1]);
  process.kill(runsv, 'SIGKILL');
  await until(() => supervisor.state('web').running && supervisor.state('web').pid !== pid, 'another runsv');
  await sleep(500);
  assert.equal(left().length, 1);
  await supervisor.down('web', 2_000);
  assert.equal(left(), []);
});

test('a service that goes away leaves no process and no folder', async () => {
  await place('web', STAYS);
  await supervisor.up('web');
  await supervisor.remove('web', 2_000);
  assert.equal([supervisor.names(), left()], [[], []]);
});

test.run();
