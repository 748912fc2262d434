// Uses dependency-cruiser on a tree of its own, with this repository's rules.
import '@drydock/kit/testing';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('arrows');
const ROOT = join(import.meta.dirname, '../..');

/** Rules that a tree of files breaks; each file imports the others given. */
function broken(files: Record<string, string[]>): string[] {
  const root = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-arrows-'));
  cpSync(join(ROOT, '.dependency-cruiser.cjs'), join(root, '.dependency-cruiser.cjs'));
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  for (const [file, imports] of Object.entries(files)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    const lines = imports.map(
      (to, i) => `import * as m${i} from '${'../'.repeat(file.split('/').length - 1)}${to}';\nm${i};`,
    );
    writeFileSync(join(root, file), `${lines.join('\n')}\nexport const x = 1;\n`);
  }
  const { stdout } = spawnSync(
    join(ROOT, 'node_modules/.bin/depcruise'),
    ['--config', '.dependency-cruiser.cjs', '--output-type', 'json', 'packages'],
    { cwd: root, encoding: 'utf8', maxBuffer: 1e8 },
  );
  const { summary } = JSON.parse(stdout) as { summary: { violations: { rule: { name: string } }[] } };
  return [...new Set(summary.violations.map(({ rule }) => rule.name))];
}

const A = (name: string) => `packages/${name}/src/a.ts`;

test('imports that run downward are allowed', () => {
  assert.equal(broken({ [A('kit')]: [], [A('db')]: [A('kit')], [A('release')]: [A('db'), A('kit')] }), []);
});

test('each forbidden arrow is found', () => {
  const kit = (folder: string) => `packages/kit/src/${folder}/a.ts`;
  assert.equal(broken({ [kit('sql')]: [kit('lock')], [kit('lock')]: [] }), ['kit-has-a-ground-floor']);
  for (const floor of ['lock', 'journal', 'audit', 'env'])
    assert.equal(broken({ [kit(floor)]: [kit('task')], [kit('task')]: [] }), ['kit-locks-below-steps']);
  assert.equal(broken({ [kit('steps')]: [kit('task')], [kit('task')]: [kit('journal')], [kit('journal')]: [] }), [
    'kit-steps-below-tasks',
  ]);
  assert.equal(broken({ [A('kit')]: [A('db')], [A('db')]: [] }), ['kit-stands-alone']);
  assert.equal(broken({ [A('db')]: [A('health')], [A('health')]: [] }), ['features-do-not-meet']);
  const script = 'packages/db/scripts/s.ts';
  assert.equal(broken({ [script]: [A('backups')], [A('backups')]: [] }), ['features-do-not-meet']);
  assert.equal(broken({ [A('kit')]: [A('cli')], [A('cli')]: [] }).sort(), ['kit-stands-alone', 'one-door']);
  assert.equal(broken({ [A('release')]: [A('sandbox')], [A('sandbox')]: [] }), ['world-is-for-tests']);
  assert.equal(broken({ [A('marketplace')]: [A('kit')], [A('kit')]: [] }), ['product-knows-no-toolkit']);
  assert.equal(broken({ [A('db')]: ['packages/db/scripts/s.ts'], 'packages/db/scripts/s.ts': [] }), [
    'src-is-a-library',
  ]);
  assert.equal(broken({ [A('kit')]: ['packages/kit/src/b.ts'], 'packages/kit/src/b.ts': [A('kit')] }), ['no-circles']);
});

test('a package needs what stands below it and nothing else', () => {
  const features = ['db', 'backups', 'secrets', 'escrow', 'health', 'incident'];
  const below: Record<string, string[]> = {
    kit: [],
    cli: ['kit'],
    ...Object.fromEntries(features.map((name) => [name, ['kit']])),
    release: ['kit', ...features],
    sandbox: ['kit', 'escrow'],
    marketplace: ['escrow'],
  };
  for (const name of readdirSync(join(ROOT, 'packages'))) {
    const { dependencies = {} } = JSON.parse(readFileSync(join(ROOT, 'packages', name, 'package.json'), 'utf8'));
    const ours = Object.keys(dependencies).filter((one) => one.startsWith('@drydock/'));
    const wrong = ours.filter((one) => !below[name]?.includes(one.slice('@drydock/'.length)));
    assert.equal(wrong, [], `packages/${name}/package.json`);
  }
});

test.run();
