// Uses PostgreSQL once, for a cluster that is lost; the rest is said before anything is begun.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { listDaemons, makeStateFolder } from '@drydock/kit';
import { bareEnvironment } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { refuseFullDisk, refuseMissingTools } from '../src/beforehand.ts';
import { reset } from '../src/down.ts';
import { servicesOf } from '../src/services/all.ts';
import { clusterFolder, clusterToMake } from '../src/services/cluster-folder.ts';
import { forgetOthersPid } from '../src/services/postmaster-pid.ts';
import { testRoot } from '../src/testing/root.ts';
import { up } from '../src/up.ts';
import { beganForARun, handOverToPerson, isARuns } from '../src/whose.ts';

const test = suite('before the sandbox begins');
const asRoot = process.getuid?.() === 0 ? test : test.skip;
const refusal = (work: () => unknown): { code?: string; message?: string } => {
  try {
    work();
    return {};
  } catch (error) {
    return error as { code?: string; message?: string };
  }
};

test('every tool that is missing is named at once, and nothing runs', () => {
  const [postgres] = servicesOf(['staging']);
  const services = [...servicesOf(['staging']), { ...postgres, tools: ['no-such-tool', 'nor-this'] as never }] as never;
  const { code, message } = refusal(() => refuseMissingTools(services));
  assert.is(code, 'TOOL_MISSING');
  assert.match(message ?? '', 'no-such-tool, nor-this are not installed');
});

asRoot('a disk of 48 MB is refused before a cluster is begun on it', () => {
  const disk = testRoot('small-disk');
  const script = `mount -t tmpfs -o size=48m tmpfs "$1" && exec "$2" -e "$3"`;
  const code = `import { refuseFullDisk } from ${JSON.stringify(join(import.meta.dirname, '../src/beforehand.ts'))};
    refuseFullDisk(${JSON.stringify(disk)}, { cluster: ${JSON.stringify(join(disk, 'not/yet'))} });`;
  const args = ['-m', '/bin/sh', '-c', script, 'sh', disk, process.execPath, code];
  const { status, stderr } = spawnSync('unshare', args, { encoding: 'utf8', env: bareEnvironment() });
  assert.is.not(status, 0);
  assert.match(stderr, /Only 4\d MiB are free at .*small-disk.*, and the sandbox wants 128 there/);
  refuseFullDisk(dirname(disk), { cluster: undefined });
});

asRoot('a user id without a name is refused in one sentence, where a cluster is to be made', () => {
  const code = `import { refuseNamelessUser } from ${JSON.stringify(join(import.meta.dirname, '../src/beforehand.ts'))};
    try { refuseNamelessUser(); } catch (error) { console.log(error.exit, error.message); }`;
  // The checkout may lie where nobody else reads it: the process is ours until it has loaded.
  const asNobody = `process.setgid(54321); process.setuid(54321);`;
  const loaded = `${code.split('\n')[0]}\n${asNobody}\n${code.split('\n').slice(1).join('\n')}`;
  const said = execFileSync(process.execPath, ['-e', loaded], { encoding: 'utf8', env: bareEnvironment() });
  assert.match(said, '2 The user id 54321 has no name on this machine');
});

asRoot('as root the cluster lies where its user gets in, whatever TMPDIR is', () => {
  const root = testRoot('private');
  const closed = join(root, 'closed');
  mkdirSync(join(closed, 'tmp'), { recursive: true });
  chmodSync(closed, 0o700);
  const before = process.env.TMPDIR;
  process.env.TMPDIR = join(closed, 'tmp');
  let data: string | undefined;
  try {
    data = clusterFolder(join(closed, 'postgres'), { uid: 65_534, gid: 65_534 }, 'an id');
    assert.match(data, /^\/var\/tmp\/drydock-postgres-/);
    execFileSync('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', 'test', '-w', dirname(data)]);
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
    if (data) rmSync(dirname(data), { recursive: true });
    rmSync(root, { recursive: true });
  }
});

test('a cluster that is gone is not made anew in silence', async () => {
  const root = testRoot('rebooted');
  try {
    await up({ root, environments: {} });
    const { down } = await import('../src/down.ts');
    await down({ root });
    rmSync(realpathSync(join(root, '.drydock/sandbox/postgres')), { recursive: true });
    const { code, message } = (await up({ root, environments: {} }).catch((error) => error)) as {
      code: string;
      message: string;
    };
    assert.is(code, 'SANDBOX_DATA_GONE', message);
    assert.equal(await listDaemons(root), []);
    await reset({ root });
    assert.is(clusterToMake(join(root, 'postgres'), undefined, { hadOne: false }), join(root, 'postgres'));
  } finally {
    await reset({ root });
    rmSync(root, { recursive: true, force: true });
  }
});

test("a postmaster.pid whose number is somebody else's by now is taken away, one of a server on this cluster is not", async () => {
  const data = testRoot('stale-pid');
  const file = join(data, 'postmaster.pid');
  const stranger = spawn('sleep', ['60'], { cwd: '/' });
  const server = spawn('sleep', ['60'], { cwd: data });
  try {
    await new Promise((done) => setTimeout(done, 50));
    writeFileSync(file, `${stranger.pid}\n${data}\n`);
    forgetOthersPid(data);
    assert.not.ok(existsSync(file));
    writeFileSync(file, `${server.pid}\n${data}\n`);
    forgetOthersPid(data);
    assert.ok(existsSync(file));
  } finally {
    stranger.kill();
    server.kill();
    rmSync(data, { recursive: true });
  }
});

test('what a person brings up is theirs, also after a run of ours that was killed', () => {
  const root = testRoot('whose');
  makeStateFolder(root);
  assert.is(isARuns(root), false);
  beganForARun(root);
  assert.is(isARuns(root), true);
  handOverToPerson(root);
  assert.is(isARuns(root), false);
  rmSync(root, { recursive: true });
});

test.run();
