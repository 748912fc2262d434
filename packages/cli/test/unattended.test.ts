// Uses no service: how a machine sets a product up that has the toolkit installed, by what lies in its repository.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installLine } from '@drydock/kit';
import { testRoot } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('unattended');

test('what a runner installs by is the lockfile of the repository, and none from above it', () => {
  const above = testRoot('unattended');
  writeFileSync(join(above, 'pnpm-lock.yaml'), '');
  const repository = join(above, 'repository');
  const product = join(repository, 'packages/api');
  mkdirSync(product, { recursive: true });
  mkdirSync(join(repository, '.git'));
  assert.is(installLine(product), 'npm install');
  writeFileSync(join(repository, 'package-lock.json'), '{}');
  assert.is(installLine(product), 'npm ci');
  writeFileSync(join(repository, 'yarn.lock'), '__metadata:\n  version: 8\n');
  assert.is(installLine(product), 'corepack enable && yarn install --immutable');
  writeFileSync(join(repository, 'yarn.lock'), '# yarn lockfile v1\n');
  assert.is(installLine(product), 'corepack enable && yarn install --frozen-lockfile');
  writeFileSync(join(repository, 'pnpm-lock.yaml'), '');
  assert.is(installLine(product), 'corepack enable && pnpm install --frozen-lockfile');
});

test.run();
