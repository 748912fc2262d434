import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { loadConfig, type OpsError } from '@drydock/kit';
import { runTaskForTest } from '@drydock/kit/testing';
import * as assert from 'uvu/assert';
import init from '../../init.ts';

export const schema = (provider = 'postgresql', more = '') =>
  `datasource db {\n  provider = "${provider}"\n  url      = env("DATABASE_URL")\n${more}}\n\nmodel Item {\n  id Int @id\n}\n`;
export const MIGRATION = 'CREATE TABLE "Item" ("id" INTEGER NOT NULL, CONSTRAINT "Item_pkey" PRIMARY KEY ("id"));\n';
export const FIRST = 'prisma/migrations/20240101000000_init/migration.sql';

/** The plainest that there is. */
export const PLAIN: Record<string, string> = {
  'package.json':
    '{\n  "name": "@acme/shop",\n  "type": "commonjs",\n  "scripts": {\n    "start": "node server.js"\n  }\n}\n',
  'prisma/schema.prisma': schema(),
  [FIRST]: MIGRATION,
};

/** A folder of its own, none with the toolkit in it. `git`: a repository, with that branch. */
export function productWith(files: Record<string, string>, { git }: { git?: string } = {}): string {
  const root = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-adopted-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  if (git) execFileSync('git', ['init', '--quiet', '--initial-branch', git], { cwd: root });
  return root;
}

export const read = (root: string, path: string) => readFileSync(join(root, path), 'utf8');
export const run = (root: string, ...argv: string[]) => runTaskForTest(init, root, argv);

export async function refusal(files: Record<string, string>, ...argv: string[]): Promise<OpsError> {
  const root = productWith(files);
  const before = readdirSync(root);
  const { error } = await run(root, '--yes', ...argv);
  assert.equal(
    readdirSync(root).filter((name) => name !== '.drydock'),
    before,
    'nothing is written',
  );
  return error as OpsError;
}

/** As it was written, key by key. */
// biome-ignore lint/suspicious/noExplicitAny: each test knows what it looks for.
type Written = Record<string, any>;

export async function writtenIn(root: string): Promise<Written> {
  return (await loadConfig(undefined, root)).written;
}

/** Of a product that was set up: what its config says. */
export async function configOf(files: Record<string, string>, ...argv: string[]): Promise<Written> {
  const root = productWith(files);
  const { error } = await run(root, '--yes', ...argv);
  assert.is(error, undefined, error?.message);
  return writtenIn(root);
}
