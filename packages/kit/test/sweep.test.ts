import '../src/testing/alone.ts';
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { sweepState } from '../src/state/sweep.ts';

const test = suite('what a killed process was about to write');
/** Above what a system gives. */
const NOBODY = 2 ** 30;

test('is taken away in every folder of small files; of one that runs, and what only looks like it, stays', () => {
  const root = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-sweep-'));
  const folders = ['.', 'outbox/staging', 'runs/01K', 'secrets/previous/staging', 'backups'];
  for (const folder of folders) {
    mkdirSync(join(root, '.drydock', folder), { recursive: true });
    for (const name of [`a.json.${NOBODY}.new`, `b.json.${process.ppid}.new`, `c.json.${process.pid}.new`, 'd.new'])
      writeFileSync(join(root, '.drydock', folder, name), 'x');
  }
  sweepState(root);
  for (const folder of folders) {
    const left = readdirSync(join(root, '.drydock', folder)).filter((name) => name.endsWith('.new'));
    assert.equal(left.length, folder === 'backups' ? 4 : 2, folder);
    assert.ok(left.includes(`b.json.${process.ppid}.new`) && left.includes('d.new'), folder);
  }
});

test.run();
