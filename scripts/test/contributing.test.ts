// Uses PostgreSQL, npm's scripts and the linter, in a copy of the toolkit: "A task in ten minutes" is done as it is printed.
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { testRoot } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('contributing');
const ROOT = join(import.meta.dirname, '../..');
const LINKED = new Set(['node_modules', '.git', '.drydock']);

/** The toolkit's own files, with its installed packages by links. */
function copyToolkit(): string {
  const copy = testRoot('contributing');
  for (const name of readdirSync(ROOT)) if (!LINKED.has(name)) copyLinked(join(ROOT, name), join(copy, name));
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

function copyLinked(from: string, to: string): void {
  cpSync(from, to, { recursive: true, filter: (path) => !path.endsWith('/node_modules') });
  if (!from.endsWith('/packages')) return;
  for (const name of readdirSync(from)) {
    // Links among the packages lead into the copy.
    const scope = join(from, name, 'node_modules');
    cpSync(scope, join(to, name, 'node_modules'), { recursive: true, verbatimSymlinks: true });
  }
}

const run = (cwd: string, program: string, ...args: string[]) =>
  new Promise<string>((done, fail) =>
    execFile(program, args, { cwd, env: { ...process.env, NO_COLOR: '1' } }, (error, stdout, stderr) =>
      error ? fail(new Error(`${program} ${args.join(' ')}: ${stdout}${stderr}`)) : done(stdout),
    ),
  );

test('"A task in ten minutes" works as it is printed: written, wired, linted, checked, and run against a real server', async () => {
  const text = readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8');
  const section = text.slice(text.indexOf('## A task in ten minutes'), text.indexOf('## Conventions'));
  const files = [
    ...section.matchAll(/\*\*.*?\*\*[\s\S]*?`(packages\/[^`]+\.ts)`[\s\S]*?```ts\n([\s\S]*?)\n {3}```/g),
  ].map(([, file = '', code = '']) => ({ file, code: `${code.replaceAll(/^ {3}/gm, '')}\n` }));
  assert.equal(
    files.map(({ file }) => file),
    ['packages/db/scripts/sizes.ts', 'packages/db/test/sizes.test.ts'],
  );
  const copy = copyToolkit();
  for (const { file, code } of files) {
    mkdirSync(join(copy, file, '..'), { recursive: true });
    writeFileSync(join(copy, file), code);
  }
  const bin = join(copy, 'node_modules/.bin');
  await run(copy, join(bin, 'biome'), 'check', ...files.map(({ file }) => file));
  await run(copy, process.execPath, 'packages/cli/scripts/wire.ts');
  assert.match(readFileSync(join(copy, 'docs/COMMANDS.md'), 'utf8'), '### db:sizes');
  assert.match(
    await run(copy, process.execPath, 'packages/cli/bin/drydock.ts', 'db:sizes', '-h'),
    'Lists the largest tables.',
  );
  assert.match(await run(copy, process.execPath, 'packages/db/test/sizes.test.ts'), /Passed: +1/);
});

test.run();
