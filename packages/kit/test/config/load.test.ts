// Uses no service: config files in temporary folders.
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../src/config/load.ts';
import type { OpsError } from '../../src/errors.ts';
import { makeProduct } from '../product.ts';

const test = suite('config');

const refusal = (file: string | undefined, cwd: string) =>
  loadConfig(file, cwd).then(
    () => assert.unreachable('was accepted'),
    (error) => error as OpsError,
  ) as Promise<OpsError>;

test('a product without the toolkit is found from any folder below its config', async () => {
  const root = makeProduct();
  mkdirSync(join(root, 'deep/inside'), { recursive: true });
  const config = await loadConfig(undefined, join(root, 'deep/inside'));
  assert.is(config.root, root);
  assert.is(config.product, 'strange');
  assert.is(config.path('x/y'), join(root, 'x/y'));
});

test('a wrong type names the path of the key', async () => {
  const root = makeProduct({}, { envDirs: 'everywhere', database: { lockTimeoutMs: 'long' } });
  const error = await refusal(undefined, root);
  assert.is(error.exit, 2);
  assert.match(error.message, 'envDirs: ');
  assert.match(error.message, 'database.lockTimeoutMs: ');
});

test('an unknown key is refused by its path', async () => {
  const error = await refusal(undefined, makeProduct({}, { database: { migration: 'x' } }));
  assert.match(error.message, 'database.migration is not a known key');
});

test('a missing config says where it was looked for', async () => {
  const empty = mkdtempSync(join(tmpdir(), 'drydock-empty-'));
  const error = await refusal(undefined, empty);
  assert.is(error.exit, 2);
  assert.match(error.message, `No drydock.config.ts in ${empty} or any folder above it.`);
  assert.match((await refusal('nowhere.ts', empty)).message, 'nowhere.ts does not exist');
});

test('a config that does not load, or exports nothing, is one sentence', async () => {
  const root = makeProduct();
  writeFileSync(join(root, 'broken.ts'), 'export default {');
  writeFileSync(join(root, 'silent.ts'), 'export const x = 1;');
  assert.match((await refusal('broken.ts', root)).message, 'cannot be loaded');
  assert.match((await refusal('silent.ts', root)).message, 'has no default export');
});

test.run();
