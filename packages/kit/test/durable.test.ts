// Uses strace, which kills a process at a chosen system call.
import '../src/testing/alone.ts';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeFolder, writeDurably } from '../src/durable.ts';
import { findTool } from '../src/process/tools.mjs';

const test = suite('durable');
const onLinux = process.platform === 'linux' ? test : test.skip;
const folder = () => mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-durable-'));

/** Writes `new` over `file` in a process of its own under strace; what it asked of the file system. */
function traced(file: string, ...inject: string[]): string[] {
  const log = join(folder(), 'trace');
  const module = join(import.meta.dirname, '../src/durable.ts');
  const program = `const { writeDurably } = await import(${JSON.stringify(module)}); writeDurably(${JSON.stringify(file)}, 'new')`;
  const calls = 'openat,write,pwrite64,writev,fsync,rename,renameat,renameat2,mkdir,mkdirat';
  const args = [
    '-f',
    '-y',
    '-o',
    log,
    '-e',
    `trace=${calls}`,
    ...inject,
    process.execPath,
    '--input-type=module',
    '-e',
    program,
  ];
  spawnSync(findTool('strace') ?? 'strace', args);
  return readFileSync(log, 'utf8').split('\n');
}

onLinux('the content is flushed before the rename, and the folder after it', () => {
  const file = join(folder(), 'deep/inside/state.json');
  const calls = traced(file)
    .filter((line) => line.includes('inside') && /fsync|rename/.test(line))
    .map((line) => (/rename/.test(line) ? 'rename' : line.includes('.new>') ? 'fsync file' : 'fsync folder'));
  assert.equal(calls.slice(-3), ['fsync file', 'rename', 'fsync folder']);
  assert.is(readFileSync(file, 'utf8'), 'new');
});

onLinux('killed at any call, the old file or the new one is there, whole', () => {
  for (const call of [
    'fsync:signal=KILL:when=1',
    'fsync:signal=KILL:when=2',
    'rename,renameat,renameat2:signal=KILL:when=1',
  ]) {
    const file = join(folder(), 'state.json');
    writeFileSync(file, 'old');
    traced(file, '-e', `inject=${call}`);
    assert.ok(['old', 'new'].includes(readFileSync(file, 'utf8')), call);
  }
});

onLinux('a disk that does not flush leaves the old file, and nothing beside it', () => {
  const file = join(folder(), 'state.json');
  writeFileSync(file, 'old');
  traced(file, '-e', 'inject=fsync:error=EIO:when=1');
  assert.is(readFileSync(file, 'utf8'), 'old');
  assert.equal(readdirSync(join(file, '..')), ['state.json']);
});

test('what is not there is made for its owner alone', () => {
  const root = folder();
  const before = process.umask(0);
  try {
    makeFolder(join(root, 'a/b'));
    writeDurably(join(root, 'a/b/c/d'), 'x');
  } finally {
    process.umask(before);
  }
  assert.is(readFileSync(join(root, 'a/b/c/d'), 'utf8'), 'x');
  const modes = spawnSync('find', [join(root, 'a'), '-perm', '/077'], { encoding: 'utf8' }).stdout;
  assert.is(modes, '');
  assert.ok(existsSync(join(root, 'a/b/c')));
});

test('a link in place of the file is replaced, and what it leads to stays', () => {
  const root = folder();
  writeFileSync(join(root, 'target'), 'precious');
  symlinkSync(join(root, 'target'), join(root, 'report.html'));
  symlinkSync(join(root, 'target'), join(root, `report.html.${process.pid}.new`));
  writeDurably(join(root, 'report.html'), 'new');
  assert.equal(
    [readFileSync(join(root, 'target'), 'utf8'), readFileSync(join(root, 'report.html'), 'utf8')],
    ['precious', 'new'],
  );
});

/** biome.json refuses what would write and rename without both flushes; were that taken out, this fails. */
test('a rename beside the helper is found by the linter', () => {
  const root = join(import.meta.dirname, '../../..');
  const check = (code: string) => {
    const cwd = folder();
    writeFileSync(join(cwd, 'x.ts'), code);
    const args = ['lint', `--config-path=${join(root, 'biome.json')}`, '--vcs-enabled=false', 'x.ts'];
    return spawnSync(join(root, 'node_modules/.bin/biome'), args, { cwd, encoding: 'utf8' });
  };
  for (const code of [
    "import { renameSync } from 'node:fs';\nrenameSync('a', 'b');\n",
    "import { rename } from 'node:fs/promises';\nawait rename('a', 'b');\n",
    "import fs from 'node:fs';\nfs.renameSync('a', 'b');\n",
  ]) {
    const { status, stdout, stderr } = check(code);
    assert.is.not(status, 0, `${stdout}${stderr}`);
    assert.match(`${stdout}${stderr}`, 'writeDurably');
  }
});

test("a folder is its owner's alone, or what is asked for", () => {
  const top = folder();
  const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);
  makeFolder(join(top, 'a/b'));
  makeFolder(join(top, 'c/d'), 0o755);
  assert.equal(
    ['a', 'a/b', 'c', 'c/d'].map((name) => modeOf(join(top, name))),
    ['700', '700', '755', '755'],
  );
});

const canMount = process.platform === 'linux' && process.getuid?.() === 0;
(canMount ? test : test.skip)('on a read-only disk it is told as that', () => {
  const folder = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-read-only-'));
  const make = `import(${JSON.stringify(join(import.meta.dirname, '../src/durable.ts'))}).then(({ makeFolder }) => makeFolder('a/b/c'))`;
  const line = 'mount --bind . . && mount -o remount,bind,ro "$PWD" && cd "$PWD" && exec "$@"';
  const { status, stderr } = spawnSync('unshare', ['-m', '/bin/sh', '-c', line, 'sh', process.execPath, '-e', make], {
    cwd: folder,
    encoding: 'utf8',
  });
  assert.is(status, 1, stderr);
  assert.match(stderr, 'EROFS');
});

test.run();
