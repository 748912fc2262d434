// Uses strace, which kills at a system call, and mounts a small disk where it may.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findTool } from '@drydock/kit';
import { makeStrangeProduct, sampleRounds } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('env files under kills and on a full disk');
const WRITE = join(import.meta.dirname, 'fixtures/write-values.ts');
const VALUES = { A: 'new-a', B: 'new-b' };

function product(config: object = {}): string {
  const root = makeStrangeProduct({ secrets: {}, envDirs: ['.', 'more'], ...config });
  mkdirSync(join(root, 'more'));
  writeFileSync(join(root, '.env.staging'), '# one\nA=old-a\n');
  writeFileSync(join(root, 'more/.env.staging'), '# two\nB=old-b\n');
  return root;
}
const read = (root: string) => [
  readFileSync(join(root, '.env.staging'), 'utf8'),
  readFileSync(join(root, 'more/.env.staging'), 'utf8'),
];
const leftovers = (root: string) =>
  [root, join(root, 'more')].flatMap((folder) => readdirSync(folder)).filter((name) => name.endsWith('.new'));
const write = (root: string, inject: string[] = [], values: object = VALUES) =>
  spawnSync(
    inject.length > 0 ? 'strace' : process.execPath,
    [...inject, ...(inject.length > 0 ? [process.execPath] : []), WRITE, root, JSON.stringify(values)],
    { encoding: 'utf8' },
  );

const strace = findTool('strace');
(strace ? test : test.skip)(
  'killed at any flush, rename or link: each file is the old one or the new one, and the next call ends it',
  () => {
    const calls = ['fsync', 'rename', 'link'].flatMap((call) => [1, 2, 3, 4].map((n) => [call, n] as const));
    let killed = 0;
    for (const [call, n] of sampleRounds(calls, 5)) {
      const root = product();
      const names = call === 'rename' ? 'rename,renameat,renameat2' : call === 'link' ? 'link,linkat' : call;
      const { signal, status } = write(root, [
        '-f',
        '-qq',
        '-o',
        '/dev/null',
        '-e',
        `inject=${names}:signal=KILL:when=${n}`,
      ]);
      if (signal === 'SIGKILL' || status === 137) killed += 1;
      const [one, two] = read(root);
      assert.ok(['# one\nA=old-a\n', '# one\nA=new-a\n'].includes(one ?? ''), `${call} ${n}: ${one}`);
      assert.ok(['# two\nB=old-b\n', '# two\nB=new-b\n'].includes(two ?? ''), `${call} ${n}: ${two}`);
      assert.is(write(root).status, 0);
      assert.equal(read(root), ['# one\nA=new-a\n', '# two\nB=new-b\n'], `${call} ${n}`);
      assert.equal(leftovers(root), [], `${call} ${n}`);
    }
    assert.ok(killed >= 2, `${killed} were killed`);
  },
);
if (!strace) console.log('  strace is not installed: nothing was killed');

test('a disk that is full: told, and every file is as it was', () => {
  const root = product();
  const disk = join(root, 'more');
  const mounted =
    process.geteuid?.() === 0 &&
    spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8k,mode=700', 'tmpfs', disk]).status === 0;
  if (!mounted) return console.log('  no small disk could be mounted: not tried');
  try {
    writeFileSync(join(disk, '.env.staging'), '# two\nB=old-b\n');
    try {
      writeFileSync(join(disk, 'full'), 'x'.repeat(16_384));
    } catch {
      // That it is full is what is wanted.
    }
    const { status, stderr } = write(root);
    assert.is.not(status, 0);
    assert.match(stderr, /DISK_FULL/);
    assert.equal(read(root), ['# one\nA=old-a\n', '# two\nB=old-b\n']);
    assert.equal(leftovers(root), []);
  } finally {
    execFileSync('umount', [disk]);
  }
});

test.run();
