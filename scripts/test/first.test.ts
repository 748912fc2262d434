// Uses no service: what is said before anything is loaded, and where nothing can be installed.
import '@drydock/kit/testing';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('first contact');
const ROOT = join(import.meta.dirname, '../..');
const TEMPORARY = process.env.DRYDOCK_TEST_ROOT ?? tmpdir();

/** A checkout in which nothing was installed, as far as the first sentence goes. */
function bareCheckout(name = 'plain'): string {
  const root = join(mkdtempSync(join(TEMPORARY, 'drydock-first-')), name);
  mkdirSync(root, { recursive: true });
  for (const path of [
    'package.json',
    'pnpm-lock.yaml',
    'pnpm-workspace.yaml',
    'scripts/bootstrap',
    'scripts/bootstrap.mjs',
    'scripts/first.cjs',
    'scripts/yarn.cjs',
    'packages/kit/package.json',
    'packages/kit/src/process/tools.mjs',
    'packages/kit/src/process/lacking-package.mjs',
    'packages/kit/scripts/env-check.ts',
    'prisma/schema.prisma',
  ])
    cpSync(join(ROOT, path), join(root, path), { recursive: true });
  return root;
}

/** As npm starts a script of package.json: a shell in the checkout. */
function script(root: string, name: string, args: string[] = [], env: NodeJS.ProcessEnv = {}) {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const { PATH, HOME } = process.env;
  const line = `${scripts[name]} "$@"`;
  return spawnSync('/bin/sh', ['-c', line, name, ...args], {
    cwd: root,
    env: { PATH, HOME, ...env },
    encoding: 'utf8',
  });
}

test('a folder that nothing can run in is one sentence, for npm start and for a task', () => {
  for (const [name, reason] of [
    ['node_modules/shop', 'lies in a folder node_modules'],
    ['back\\slash', 'has a backslash in it'],
    ['two\nlines', 'has a new line in it'],
  ] as const)
    for (const task of ['start', 'env:check']) {
      const { status, stderr } = script(bareCheckout(name), task);
      assert.is(status, 2, `${name}: ${stderr}`);
      assert.match(stderr, reason);
      assert.match(stderr, 'Move the checkout');
      assert.is(stderr.trim().split('\n').length, 2, stderr);
    }
  const { status, stderr } = script(bareCheckout('c:shop'), 'start');
  assert.is(status, 2);
  assert.match(stderr, 'has a colon in it');
});

test('a task before anything was installed names the command that does it, in words and as an object', () => {
  const root = bareCheckout();
  const { status, stderr } = script(root, 'env:check');
  assert.is(status, 2);
  assert.is(stderr, 'The packages of this checkout are not installed yet.\n  npm run prepare-machine\n');
  const asked = script(root, 'env:check', ['--json']);
  const { ok, error } = JSON.parse(asked.stdout) as { ok: boolean; error: { code: string; hint: string } };
  assert.equal([ok, error.code, error.hint], [false, 'PACKAGES_MISSING', 'npm run prepare-machine']);
});

test('packages that are older than the checkout, as after git pull, are one sentence; a module of ours that is gone is not', () => {
  const root = bareCheckout("it's 100% ours");
  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  };
  write('node_modules/@drydock/kit/package.json', '{}');
  write(
    'node_modules/old/package.json',
    '{ "type": "module", "exports": { ".": "./index.js", "./gone": "./gone.js" } }',
  );
  write('node_modules/old/index.js', 'export const kept = 1;');
  const says = (text: string, ...argv: string[]) => {
    write('packages/kit/scripts/env-check.ts', text);
    return script(root, 'env:check', argv);
  };
  for (const [text, name] of [
    ["import added from 'added';", 'added'],
    ["await import('@acme/added/door');", '@acme/added'],
    ["import { fresh } from 'old';\nfresh();", 'old'],
    ["import 'old/fresh';", 'old'],
    ["import 'old/gone';", 'old'],
  ] as const) {
    const { status, stderr } = says(text);
    assert.is(status, 2, `${text} ${stderr}`);
    assert.is(
      stderr,
      `The packages of this checkout are older than it is: ${name} is not there as it is wanted.\n  npm run prepare-machine\n`,
    );
  }
  const { stdout } = says("import 'added';", '--json');
  assert.is(JSON.parse(stdout).error.code, 'PACKAGES_STALE');
  const own = says("import './gone.ts';");
  assert.is(own.status, 1);
  assert.match(own.stderr, 'ERR_MODULE_NOT_FOUND');
});

test('yarn comes to the same scripts, and installs nothing itself', () => {
  const root = bareCheckout();
  const yarn = (...args: string[]) =>
    spawnSync(process.execPath, [join(root, 'scripts/yarn.cjs'), ...args], { encoding: 'utf8' });
  for (const words of [['run', 'env:check', '--', '--env', 'staging'], ['env:check']]) {
    const { status, stderr } = yarn(...words);
    assert.is(status, 2);
    assert.match(stderr, 'npm run prepare-machine');
  }
  const added = yarn('add', 'left-pad');
  assert.is(added.status, 2);
  assert.match(added.stderr, 'npx pnpm add left-pad');
});

test('a registry that cannot be reached is told by its cause, first', () => {
  const root = bareCheckout();
  const { status, stderr } = script(root, 'prepare-machine', [], {
    npm_config_registry: 'http://127.0.0.1:9/',
    npm_config_fetch_retries: '0',
    npm_config_cache: join(root, 'cache'),
    npm_config_update_notifier: 'false',
  });
  assert.is(status, 2, stderr);
  assert.match(stderr, /Packages could not be installed: ECONNREFUSED: .*127\.0\.0\.1:9/);
  assert.match(stderr, 'Is the npm registry reachable');
});

test('without a home, and without a folder for temporary files, it says which; a home is made', () => {
  const root = bareCheckout();
  const registry = {
    npm_config_registry: 'http://127.0.0.1:9/',
    npm_config_fetch_retries: '0',
    npm_config_update_notifier: 'false',
  };
  const missing = script(root, 'prepare-machine', [], { ...registry, TMPDIR: '/proc/no-such-folder' });
  assert.is(missing.status, 2);
  assert.match(missing.stderr, 'The folder for temporary files, /proc/no-such-folder, cannot be used (ENOENT)');
  assert.not.ok(existsSync(join(root, 'node_modules')), 'nothing was begun');
  const homeless = script(root, 'prepare-machine', [], { ...registry, HOME: '/proc/no-such-folder' });
  assert.match(homeless.stderr, 'ECONNREFUSED', 'the home is not what it ends at');
  assert.ok(existsSync(join(root, 'node_modules/.home/.npm')), homeless.stderr);
});

test('two that set one checkout up take turns, and a turn of one who died is taken over', () => {
  const root = bareCheckout();
  const turn = join(root, 'node_modules/.drydock-bootstrap.lock');
  mkdirSync(join(root, 'node_modules'));
  writeFileSync(turn, '999999999 1');
  const env = {
    npm_config_registry: 'http://127.0.0.1:9/',
    npm_config_fetch_retries: '0',
    npm_config_cache: join(root, 'c'),
  };
  assert.match(script(root, 'prepare-machine', [], env).stderr, 'ECONNREFUSED');
  assert.not.ok(existsSync(turn), 'given back');
  writeFileSync(turn, `${process.pid} 1`);
  const waits = spawnSync(process.execPath, [join(root, 'scripts/bootstrap.mjs')], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
    timeout: 3_000,
  });
  assert.match(waits.stderr, `Process ${process.pid} is setting this checkout up; waiting for it.`);
  assert.is(readFileSync(turn, 'utf8'), `${process.pid} 1`);
  rmSync(root, { recursive: true });
});

test.run();
