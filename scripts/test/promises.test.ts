// Uses oxlint on files of its own, with this repository's rules.
import '@drydock/kit/testing';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CHECKS } from '../check/suites.ts';

const test = suite('promises');
const ROOT = join(import.meta.dirname, '../..');

/** For each piece of code, which may `load()` a promise: the rules that it breaks. */
function lint(pieces: string[]): string[][] {
  const root = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-promises-'));
  for (const file of ['.oxlintrc.json', 'tsconfig.json']) cpSync(join(ROOT, file), join(root, file));
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(root, 'load.ts'), "export async function load(): Promise<string> {\n  return '';\n}\n");
  const files = pieces.map((code, i) => {
    writeFileSync(join(root, `${i}.ts`), `import { load } from './load.ts';\n${code}\n`);
    return `${i}.ts`;
  });
  const [program = '', ...args] = checkOf('promises');
  const { stdout, stderr } = spawnSync(join(ROOT, 'node_modules/.bin', program), [...args, '--format=json', ...files], {
    cwd: root,
    encoding: 'utf8',
  });
  assert.ok(stdout.startsWith('{'), stderr || stdout);
  const { diagnostics } = JSON.parse(stdout) as { diagnostics: { code: string; filename: string }[] };
  return files.map((file) =>
    diagnostics.filter(({ filename }) => filename === file).map(({ code }) => code.replace(/.*\((.*)\)/, '$1')),
  );
}

/** As `npm test` runs it. */
function checkOf(name: string): string[] {
  const check = CHECKS.find((suite) => suite.name === name);
  return check ? [check.command, ...check.args] : [];
}

test('promises that are awaited, handed on or put aside on purpose are well', () => {
  const pieces = [
    "export async function f() { try { return [await load(), await load().catch(() => '')]; } finally { void load(); } }",
    'export function handOn(): Promise<string> { return load(); }',
    'export const later = () => { load().catch(() => {}); };',
  ];
  assert.equal(lint(pieces), [[], [], []]);
});

const PLANTED = {
  'return-await': [
    'export async function f() { try { return load(); } catch { return undefined; } }',
    'export async function f() { try { return load(); } finally { f; } }',
    'export async function f() { try { return await load(); } catch { return load(); } finally { f; } }',
  ],
  'no-floating-promises': [
    'export async function f() { load(); }',
    'export function f() { load().then(() => {}); }',
    'export function f(object: { load: typeof load }) { object.load(); }',
    'export function f(client: { query(): PromiseLike<number> }) { client.query(); load; }',
    'export function f(list: string[]) { list.map(async () => { await load(); }); }',
  ],
  'no-misused-promises': [
    'export function f(list: string[]) { list.forEach(async () => { await load(); }); }',
    "process.on('SIGTERM', async () => { await load(); });",
    'setTimeout(load, 5);',
    'export const handler: { done(): void } = { done: async () => { await load(); } };',
    "export const f = () => (load() ? 'a' : 'b');",
    'export function f() { if (!load()) throw new Error(); }',
    'export const f = (list: string[]) => list.filter(async (name) => name === (await load()));',
    'export const f = () => ({ ...load() });',
  ],
  'await-thenable': ['export async function f() { await load; }'],
};

test('each that is lost, late, or in the place of its value is found', () => {
  const planted = Object.entries(PLANTED).flatMap(([rule, pieces]) => pieces.map((code) => ({ rule, code })));
  const found = lint(planted.map(({ code }) => code));
  assert.equal(
    planted.map(({ code }, i) => [code, found[i]]),
    planted.map(({ code, rule }) => [code, [rule]]),
  );
});

test.run();
