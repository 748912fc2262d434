// Uses PostgreSQL, npm's scripts, the linter and the type checker, in copies of the toolkit: recipes of CONTRIBUTING.md are done as they are printed.
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

interface RecipeFile {
  file: string;
  code: string;
}

/** The files of a recipe, as they are printed. */
function filesOf(title: string): RecipeFile[] {
  const text = readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8');
  const begin = text.indexOf(`## ${title}`);
  const recipe = text.slice(begin, text.indexOf('\n## ', begin));
  return [...recipe.matchAll(/\*\*.*?\*\*[\s\S]*?`(packages\/[^`]+)`[\s\S]*?```(?:ts|json)\n([\s\S]*?)\n {3}```/g)].map(
    ([, file = '', code = '']) => ({ file, code: `${code.replaceAll(/^ {3}/gm, '')}\n` }),
  );
}

/** Written into a copy, and as the formatter and the linter want them. */
async function write(copy: string, files: RecipeFile[]): Promise<void> {
  for (const { file, code } of files) {
    mkdirSync(join(copy, file, '..'), { recursive: true });
    writeFileSync(join(copy, file), code);
  }
  await run(copy, join(copy, 'node_modules/.bin/biome'), 'check', ...files.map(({ file }) => file));
}

const wire = (copy: string) => run(copy, process.execPath, 'packages/cli/scripts/wire.ts');
const drydock = (copy: string, ...args: string[]) =>
  run(copy, process.execPath, 'packages/cli/bin/drydock.ts', ...args);

test('"A task in ten minutes" works as it is printed: written, wired, linted, checked, and run against a real server', async () => {
  const files = filesOf('A task in ten minutes');
  assert.equal(
    files.map(({ file }) => file),
    ['packages/db/scripts/sizes.ts', 'packages/db/test/sizes.test.ts'],
  );
  const copy = copyToolkit();
  await write(copy, files);
  await wire(copy);
  assert.match(readFileSync(join(copy, 'docs/COMMANDS.md'), 'utf8'), '### db:sizes');
  assert.match(await drydock(copy, 'db:sizes', '-h'), 'Lists the largest tables.');
  assert.match(await run(copy, process.execPath, 'packages/db/test/sizes.test.ts'), /Passed: +1/);
});

test('"A change that can be undone" works as it is printed: listed, linted, and run against a real server', async () => {
  const files = filesOf('A change that can be undone');
  assert.equal(
    files.map(({ file }) => file),
    ['src/comment.ts', 'scripts/comment.ts', 'test/comment.test.ts'].map((file) => `packages/db/${file}`),
  );
  const copy = copyToolkit();
  await write(copy, files);
  await wire(copy);
  assert.match(await drydock(copy, 'help'), 'db:comment');
  assert.match(await run(copy, process.execPath, 'packages/db/test/comment.test.ts'), /Passed: +2/);
});

test('"A section of the config" works as it is printed: typed, documented, refused by the path of its bad key, and kit is not touched', async () => {
  const files = filesOf('A section of the config');
  assert.equal(
    files.map(({ file }) => file),
    ['package.json', 'src/config.ts', 'scripts/show.ts'].map((file) => `packages/notices/${file}`),
  );
  const copy = copyToolkit();
  await write(copy, files);
  // As pnpm links a package of the workspace.
  mkdirSync(join(copy, 'packages/notices/node_modules/@drydock'), { recursive: true });
  symlinkSync('../../../kit', join(copy, 'packages/notices/node_modules/@drydock/kit'));
  symlinkSync(join(ROOT, 'packages/kit/node_modules/zod'), join(copy, 'packages/notices/node_modules/zod'));
  // Below the package, to be typed by the copy's kit.
  const shop = join(copy, 'packages/notices/shop');
  mkdirSync(shop);
  const config = (notices: string) => {
    const file = join(shop, 'drydock.config.ts');
    writeFileSync(
      file,
      `import { defineConfig } from '@drydock/kit';\nexport default defineConfig({ product: 'shop', notices: ${notices} });\n`,
    );
  };
  const said = (...args: string[]) =>
    drydock(copy, ...args, '--config', join(shop, 'drydock.config.ts')).catch((error: Error) => error.message);

  config("{ chanel: '#ops', hook: 7, environments: ['moon'] }");
  const unwired = await said('env:check');
  await wire(copy);
  assert.match(readFileSync(join(copy, 'sections.json'), 'utf8'), 'packages/notices/src/config.ts');
  assert.match(
    readFileSync(join(copy, 'docs/CONFIG.md'), 'utf8'),
    /^\| `channel` .*The channel that they are shown in/m,
  );
  // A task of another package, before and after it is wired.
  for (const refused of [unwired, await said('env:check')])
    for (const part of [
      'notices.chanel is not a known key (did you mean channel?)',
      'notices.channel is missing (string)',
      'notices.hook: Invalid input: expected string, received number',
      'notices.environments.0: "moon" is no environment of this config (development, staging, production)',
    ])
      assert.ok(refused.includes(part), `${part} is in ${refused}`);

  config("{ channel: '#ops', environments: ['production'] }");
  assert.match(await said('notices:show'), 'Told in #ops, by NOTICES_HOOK.');

  writeFileSync(
    join(copy, 'tsconfig.json'),
    JSON.stringify({
      ...JSON.parse(readFileSync(join(ROOT, 'tsconfig.json'), 'utf8')),
      include: ['packages/notices/shop/*.ts', 'packages/notices/src/*.ts', 'packages/kit/src/pgpass.d.ts'],
    }),
  );
  const tsc = () => run(copy, join(copy, 'node_modules/.bin/tsc'), '--noEmit').catch((error: Error) => error.message);
  assert.is(await tsc(), '', 'a good config is well typed');
  config('{ channel: 7 }');
  assert.match(await tsc(), "Type 'number' is not assignable to type 'string'");
});

test.run();
