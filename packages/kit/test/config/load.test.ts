// Uses no service: config files in temporary folders.
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, lchownSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../src/config/load.ts';
import { definedSections } from '../../src/config/section.ts';
import type { OpsError } from '../../src/errors.ts';
import { hintOf } from '../../src/testing/index.ts';
import { makeProduct } from '../product.ts';

const test = suite('config');

const refusal = (file: string | undefined, cwd: string) =>
  loadConfig(file, cwd).then(
    () => assert.unreachable('was accepted'),
    (error) => error as OpsError,
  ) as Promise<OpsError>;

// First: what is loaded stays loaded.
test('of a section that the config leaves out nothing is loaded; its defaults and its variables are known all the same', async () => {
  const config = await loadConfig(undefined, makeProduct({}, { database: { url: 'OWNER_URL' } }));
  assert.not.ok(definedSections().some(({ key }) => key === 'health'));
  assert.ok(config.named.has('PROMETHEUS_URL'));
  assert.equal(
    [...config.operators].filter((name) => /OWNER_URL|OPS_|IDENTITY/.test(name)),
    ['OWNER_URL', 'BACKUP_IDENTITY'],
  );
  const { healthSection } = await import('../../../health/src/config/health.ts');
  assert.is(healthSection.of(config).timeoutMs, 5_000);
});

test('a product without the toolkit is found from any folder below its config', async () => {
  const root = makeProduct();
  mkdirSync(join(root, 'deep/inside'), { recursive: true });
  const config = await loadConfig(undefined, join(root, 'deep/inside'));
  assert.is(config.root, root);
  assert.is(config.product, 'strange');
  assert.is(config.path('x/y'), join(root, 'x/y'));
});

test('its folder names a config as well', async () => {
  const root = makeProduct();
  assert.is((await loadConfig(root, '/')).file, join(root, 'drydock.config.ts'));
});

test('whatever its package.json says of modules, a config is one, and nothing is said of that', async () => {
  for (const manifest of ['{ "type": "commonjs" }', '{}', '{ "type": "module" }']) {
    const root = makeProduct();
    writeFileSync(join(root, 'package.json'), manifest);
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [join(import.meta.dirname, '../../scripts/env-check.ts'), '--env', 'staging', '--json'],
      { cwd: root, encoding: 'utf8' },
    );
    assert.is(JSON.parse(stdout).task, 'env:check');
    assert.not.match(stderr, /warning/i, manifest);
  }
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

test('a key that is none is refused by name, with the one that was probably meant, in and above the sections', async () => {
  const bad = { bakups: {}, backups: { retention: { dayz: 3 }, signers: [{ name: 'x', variable: 'lower' }] }, zzz: 1 };
  const { message, exit } = await refusal(undefined, makeProduct({}, { ...bad, release: { flow: {} }, chain: [] }));
  assert.is(exit, 2);
  for (const part of [
    'bakups is not a known key (did you mean backups?)',
    'zzz is not a known key;',
    'backups.retention.dayz is not a known key (did you mean days?)',
    'backups.signers.0.variable: must be UPPER_SNAKE_CASE',
    'release.flow.command is missing (array)',
    'chain: must be an object',
  ])
    assert.ok(message.includes(part), `${part} is in ${message}`);
});

test('two packages read one key: each its own part of it, and what is nobody’s is refused once', async () => {
  const root = makeProduct({}, { database: { url: 'OWNER_URL', lockTimeoutMs: 5, plans: 7, lockTimeout: 5 } });
  const { message } = await refusal(undefined, root);
  assert.match(message, 'database.plans: ');
  assert.is(message.split('database.lockTimeout is not a known key (did you mean lockTimeoutMs?)').length, 2);
  assert.not.match(message, 'database.url');
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

test("the search ends at the repository's root, or at the home", async () => {
  const outer = makeProduct();
  mkdirSync(join(outer, 'clone/.git'), { recursive: true });
  mkdirSync(join(outer, 'clone/inside'));
  assert.is((await refusal(undefined, join(outer, 'clone/inside'))).code, 'CONFIG_MISSING');
  mkdirSync(join(outer, 'home/inside'), { recursive: true });
  const { HOME } = process.env;
  process.env.HOME = join(outer, 'home');
  try {
    assert.is((await refusal(undefined, join(outer, 'home/inside'))).code, 'CONFIG_MISSING');
  } finally {
    process.env.HOME = HOME;
  }
});

/** A config that says so when it is run. */
function loud(): { root: string; file: string; ran: () => boolean } {
  const root = makeProduct();
  const file = join(root, 'drydock.config.ts');
  const word = `ran${root}`;
  writeFileSync(file, `globalThis[${JSON.stringify(word)}] = true;\nexport default {};\n`);
  return { root, file, ran: () => word in globalThis };
}

const OPEN: [string, (made: ReturnType<typeof loud>) => void, RegExp][] = [
  ['that everybody may write', ({ file }) => chmodSync(file, 0o666), /Everybody may write .*config\.ts/],
  ['in a folder that everybody may write', ({ root }) => chmodSync(root, 0o777), /Everybody may put files into/],
];
for (const [name, open, sentence] of OPEN)
  test(`a config ${name} is not run`, async () => {
    const made = loud();
    open(made);
    for (const explicit of [undefined, made.file]) {
      const error = await refusal(explicit, made.root);
      assert.is(error.exit, 2);
      assert.match(error.message, sentence);
      assert.match(hintOf(error), /ch(mod|own)/);
    }
    assert.is(made.ran(), false);
  });

const asRoot = process.getuid?.() === 0 ? test : test.skip;
asRoot(
  "a config of another user, or that a group may write, is not run, nor one behind another user's link; who called sudo is believed",
  async () => {
    const made = loud();
    mkdirSync(join(made.root, 'x/y'), { recursive: true });
    chmodSync(made.file, 0o664);
    chownSync(made.file, 0, 12_345);
    assert.match((await refusal(undefined, made.root)).message, 'The group 12345 may write');
    chownSync(made.file, 65_534, 65_534);
    assert.match((await refusal(undefined, join(made.root, 'x/y'))).message, 'belongs to another user (uid 65534)');
    process.env.SUDO_UID = '65534';
    try {
      assert.is((await refusal(undefined, made.root)).code, 'CONFIG_INVALID', 'it was loaded');
    } finally {
      delete process.env.SUDO_UID;
    }
    const linked = loud();
    const elsewhere = mkdtempSync(join(tmpdir(), 'drydock-link-'));
    symlinkSync(linked.file, join(elsewhere, 'drydock.config.ts'));
    lchownSync(join(elsewhere, 'drydock.config.ts'), 65_534, 65_534);
    assert.match((await refusal(undefined, elsewhere)).message, 'belongs to another user (uid 65534)');
    assert.is(linked.ran(), false);
  },
);

test.run();
