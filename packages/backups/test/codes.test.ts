// Reads the sources: no code of an error or a finding is without a test that names it.
import '@drydock/kit/testing';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('codes');
const PACKAGE = resolve(import.meta.dirname, '..');
const ROOT = resolve(PACKAGE, '../..');

const textOf = (folder: string, name: RegExp) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && name.test(entry.name) && !entry.parentPath.includes('node_modules'))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
    .join('\n');

/** As an error or a finding carries it, or is given it: `code: 'X'`, `usageError('X'`, `bad('X'`, `differs('X'`, `warn('X'`. */
const CODE = /(?:\bcode: |\bcode === [^?]*\? |\b(?:usageError|bad|differs|warn)\(\s*)'([A-Z][A-Z\d]*(?:_[A-Z\d]+)*)'/g;

test('each is named by a test that brings it about', () => {
  const sources = [join(PACKAGE, 'src'), join(PACKAGE, 'scripts')].map((folder) => textOf(folder, /\.ts$/)).join('\n');
  const codes = new Set([...sources.matchAll(CODE)].map(([, code = '']) => code));
  assert.ok(codes.size > 80, `${codes.size} were found`);
  const tests = ['packages/backups/test', 'packages/release/test', 'scripts/test']
    .map((folder) => textOf(join(ROOT, folder), /\.ts$/))
    .join('\n');
  assert.equal([...codes].filter((code) => !new RegExp(`\\b${code}\\b`).test(tests)).sort(), []);
});

test.run();
