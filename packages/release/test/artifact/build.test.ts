// Uses git and GNU tar: repositories of its own in temporary folders.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Artifact } from '../../src/artifact/types.ts';
import { cloneOf, makeProduct, type Product, refusal, signal } from '../product.ts';

const test = suite('building an artefact');
const node = (code: string) => ({ command: ['node', '-e', code] });

/** Where its files are then. */
async function unpacked(product: Product, artifact: Artifact): Promise<string> {
  const into = join(product.root, '.drydock/unpacked', artifact.version);
  await (await product.open()).artifacts.unpack(artifact, into, signal);
  return into;
}

test('the artefact is the commit, not the working tree, and what was built in it', async () => {
  const product = makeProduct({ build: [node('require("fs").writeFileSync("src/built.txt", "made")')] });
  const artifact = await product.build();
  const folder = await unpacked(product, artifact);
  assert.equal([artifact.files, artifact.bytes], [2, 7]);
  assert.is(readFileSync(join(folder, 'src/main.txt'), 'utf8'), 'one');
  assert.is(readFileSync(join(folder, 'src/built.txt'), 'utf8'), 'made');
});

test('two checkouts build the same, to the byte, although builds write down where, when and how', async () => {
  // What package managers, compilers and frameworks leave behind: times, their own folder, addresses of a registry, absolute links.
  const noise = `
    const { mkdirSync, writeFileSync, symlinkSync, chmodSync } = require('node:fs');
    const write = (file, text) => { mkdirSync(require('node:path').dirname(file), { recursive: true }); writeFileSync(file, text); };
    for (const file of ['.modules.yaml', '.pnpm-workspace-state-v1.json', '.package-lock.json', '.yarn-integrity', '.cache/x/y',
      'x/build/config.gypi', 'x/build/Release/.deps/z.d', '.pnpm/x@1/node_modules/x/build/Makefile'])
      write('node_modules/' + file, String(process.hrtime.bigint()));
    write('.turbo/log', String(process.hrtime.bigint()));
    write('src/tsconfig.tsbuildinfo', String(process.hrtime.bigint()));
    write('src/where.json', process.cwd());
    write('src/epoch.json', process.env.SOURCE_DATE_EPOCH + process.env.TZ);
    write('node_modules/x/package.json', '{"name":"x","version":"1.0.0"}');
    write('package.json', '{"name":"own","dependencies":{"x":"1"}}');
    symlinkSync(process.cwd() + '/src', 'node_modules/x/absolute');
    write('src/run.sh', 'true');
    chmodSync('src/run.sh', process.env.LOOSE ? 0o777 : 0o700);`;
  const product = makeProduct({ build: [node(noise)] });
  const clone = cloneOf(product);
  const first = await product.build();
  const umask = process.umask(0o077);
  try {
    assert.is((await clone.build()).digest, first.digest);
  } finally {
    process.umask(umask);
  }
  const folder = await unpacked(product, first);
  assert.not(existsSync(join(folder, 'node_modules/.cache')));
  assert.ok(existsSync(join(folder, 'node_modules/x/absolute/main.txt')), 'it leads to where it is now');
});

test('installed dependencies are part of the digest', async () => {
  const version = (n: number) =>
    makeProduct({
      build: [
        node(`const fs = require('fs'); fs.mkdirSync('node_modules/x', { recursive: true });
          fs.writeFileSync('package.json', '{"dependencies":{"x":"1"}}');
          fs.writeFileSync('node_modules/x/package.json', '{"name":"x","version":"1.0.0"}');
          fs.writeFileSync('node_modules/x/index.js', 'module.exports = ${n}')`),
      ],
    }).build();
  assert.is.not((await version(1)).digest, (await version(2)).digest);
});

test('what no package of the product asks for goes: optional peers of the workspace, their dependencies, dead links to them', async () => {
  // As pnpm lays it out: a store of links, a client whose optional peer is the CLI, a dependency that both have, a scope.
  const layout = `
    const { mkdirSync, writeFileSync, symlinkSync } = require('node:fs');
    const { dirname, relative } = require('node:path');
    const lay = (id, name, manifest) => {
      const folder = 'node_modules/.pnpm/' + id + '/node_modules/' + name;
      mkdirSync(folder, { recursive: true });
      writeFileSync(folder + '/package.json', JSON.stringify({ name, version: '1.0.0', ...manifest }));
      writeFileSync(folder + '/index.js', name);
    };
    const link = (from, id, name) => {
      mkdirSync(dirname(from), { recursive: true });
      symlinkSync(relative(dirname(from), 'node_modules/.pnpm/' + id + '/node_modules/' + name), from);
    };
    writeFileSync('package.json', JSON.stringify({ dependencies: { '@db/client': '1' }, devDependencies: { linter: '1' } }));
    lay('client@1', '@db/client', { dependencies: { shared: '1' }, peerDependencies: { cli: '1', driver: '1' },
      peerDependenciesMeta: { cli: { optional: true } } });
    lay('cli@1', 'cli', { dependencies: { shared: '1', react: '1' }, bin: { cli: 'index.js' } });
    lay('react@1', 'react'); lay('shared@1', 'shared'); lay('driver@1', 'driver'); lay('linter@1', 'linter');
    link('node_modules/@db/client', 'client@1', '@db/client');
    for (const name of ['shared', 'cli', 'driver']) link('node_modules/.pnpm/client@1/node_modules/' + name, name + '@1', name);
    for (const name of ['shared', 'react']) link('node_modules/.pnpm/cli@1/node_modules/' + name, name + '@1', name);
    for (const name of ['shared', 'react', 'cli']) link('node_modules/.pnpm/node_modules/' + name, name + '@1', name);
    mkdirSync('node_modules/.bin'); symlinkSync('../.pnpm/cli@1/node_modules/cli/index.js', 'node_modules/.bin/cli');`;
  const product = makeProduct({ build: [node(layout)] });
  const artifact = await product.build();
  const folder = await unpacked(product, artifact);
  const there = (path: string) => existsSync(join(folder, 'node_modules', path));
  assert.equal(
    ['.pnpm/client@1', '.pnpm/shared@1', '.pnpm/driver@1', '@db/client/index.js', '.pnpm/node_modules/shared'].map(
      there,
    ),
    [true, true, true, true, true],
  );
  assert.equal(['.pnpm/cli@1', '.pnpm/react@1', '.pnpm/linter@1', '.pnpm/node_modules/react', '.bin'].map(there), [
    false,
    false,
    false,
    false,
    false,
  ]);
  const bom = JSON.parse(await (await product.open()).artifacts.bomOf(artifact));
  assert.equal(
    bom.components.map(({ purl }: { purl: string }) => purl),
    ['pkg:npm/%40db/client@1.0.0', 'pkg:npm/driver@1.0.0', 'pkg:npm/shared@1.0.0'],
  );

  const all = makeProduct({ build: [node(layout)], dependencies: 'installed' });
  assert.ok(existsSync(join(await unpacked(all, await all.build()), 'node_modules/.pnpm/react@1')));
});

test('what a product has installed for itself stays: in flat folders, nested ones, for development as well', async () => {
  const layout = `
    const { mkdirSync, writeFileSync } = require('node:fs');
    const lay = (folder, manifest) => {
      mkdirSync(folder, { recursive: true });
      writeFileSync(folder + '/package.json', JSON.stringify({ version: '1.0.0', name: folder.split('node_modules/').at(-1), ...manifest }));
    };
    writeFileSync('package.json', JSON.stringify({ dependencies: { a: '1' }, devDependencies: { tsx: '1' } }));
    lay('node_modules/a', { dependencies: { b: '1' }, optionalDependencies: { c: '1' } });
    lay('node_modules/a/node_modules/b', {});
    lay('node_modules/b', { version: '2.0.0' });
    lay('node_modules/c', {});
    lay('node_modules/c/dist/node_modules/vendored', {});
    lay('node_modules/tsx', { dependencies: { b: '2' } });`;
  const product = makeProduct({ build: [node(layout)] });
  const artifact = await product.build();
  const bom = JSON.parse(await (await product.open()).artifacts.bomOf(artifact));
  assert.equal(
    bom.components.map(({ name, version }: { name: string; version: string }) => `${name}@${version}`),
    ['a@1.0.0', 'b@1.0.0', 'b@2.0.0', 'c@1.0.0', 'tsx@1.0.0', 'vendored@1.0.0'],
  );
});

test('globs of the config go, also below folders whose names begin with a dot', async () => {
  const build = [
    node(
      'fs.mkdirSync("node_modules/.pnpm/x", { recursive: true }); fs.writeFileSync("node_modules/.pnpm/x/a.map", "")',
    ),
  ];
  const product = makeProduct({ build, exclude: ['**/*.map', 'src/main.*'] });
  assert.is((await product.build()).files, 0);
});

test('the build may not be what versions run on, and a folder that is named must be a package', async () => {
  const elsewhere = await refusal(makeProduct({ platform: 'sunos-sparc' }).build());
  assert.equal([elsewhere.code, elsewhere.exit], ['ARTIFACT_PLATFORM', 2]);
  const unknown = await refusal(makeProduct({ packages: ['packages/none'] }).build());
  assert.equal([unknown.code, unknown.exit], ['ARTIFACT_PACKAGE_UNKNOWN', 2]);
});

test('a build knows what it is given, and nothing of the shell', async () => {
  process.env.OPERATORS_OWN = 'not for a build';
  try {
    const variables = { SITE: { for: 'build', example: 'x', about: 'x' } };
    const product = makeProduct(
      { build: [node('require("fs").writeFileSync("src/env.json", JSON.stringify(process.env))')] },
      { env: { SITE: 'https://shop.example' }, config: { variables } },
    );
    const env = JSON.parse(readFileSync(join(await unpacked(product, await product.build()), 'src/env.json'), 'utf8'));
    assert.equal([env.SITE, env.CI, env.OPERATORS_OWN], ['https://shop.example', 'true', undefined]);
  } finally {
    delete process.env.OPERATORS_OWN;
  }
});

test('a build that fails says what it said', async () => {
  const error = await refusal(
    makeProduct({ build: [node('console.error("no such module"); process.exit(3)')] }).build(),
  );
  assert.match(error.message, /ended with exit code 3: no such module/);
});

test('a shallow clone, and one of a commit that is on no branch, build the same', async () => {
  const product = makeProduct();
  product.commit({ 'src/two.txt': 'two' });
  const { digest } = await product.build();
  const shallow = cloneOf(product, '--depth', '1');
  assert.is((await shallow.build()).digest, digest);
});

test.run();
