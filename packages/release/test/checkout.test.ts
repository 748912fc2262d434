// Uses git: repositories of its own in temporary folders, one the remote of the others.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OpsError } from '@drydock/kit';
import { makeStrangeProduct } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readCheckout } from '../src/checkout.ts';
import { checkoutQuestions } from '../src/preflight/checkout.ts';

const test = suite('the checkout of a release');
const git = (root: string, ...args: string[]) =>
  execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.test', ...args], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();

function commit(root: string, file = 'file.txt', text = file): string {
  writeFileSync(join(root, file), text);
  git(root, 'add', '-A');
  git(root, 'commit', '-qm', `change ${file}`);
  return git(root, 'rev-parse', 'HEAD');
}

function repository(): string {
  const root = makeStrangeProduct({});
  git(root, 'init', '-q', '-b', 'main');
  commit(root);
  return root;
}

function clone(origin: string, ...args: string[]): string {
  const root = makeStrangeProduct({});
  git(root, 'clone', '-q', ...args, `file://${origin}`, 'clone');
  return join(root, 'clone');
}

/** By what it is about: what was found, or the error's code. */
async function asked(root: string, { allowDirty = false, offline = false } = {}) {
  const warned: string[] = [];
  const questions = checkoutQuestions(() => readCheckout(root), {
    baseBranch: 'main',
    allowDirty,
    offline,
    warn: (text) => warned.push(text),
  });
  const answers = await Promise.all(
    questions.map(async ({ about, ask }) => {
      const answer = await ask(new AbortController().signal).catch((error: OpsError) => {
        assert.is(error.exit, 2, error.message);
        return `${error.code}: ${error.message} ${error.hint}`;
      });
      return [about, answer] as const;
    }),
  );
  return { ...Object.fromEntries(answers), warned: warned.join() } as Record<string, string>;
}

test('a clean checkout on its base branch is fit', async () => {
  const root = repository();
  const head = git(root, 'rev-parse', 'HEAD').slice(0, 10);
  assert.equal(await asked(root), {
    commit: `${head} on main`,
    checkout: 'clean',
    'base branch': `contains main (${head})`,
    warned: '',
  });
});

test('a detached HEAD is fit where its commit is: what is released is the commit', async () => {
  const root = repository();
  git(root, 'checkout', '-q', '--detach');
  const { commit: said, 'base branch': base } = await asked(root);
  assert.match(said ?? '', '(detached HEAD)');
  assert.match(base ?? '', 'contains main');
});

test('changed files are named, whatever their names, and can be allowed; our own state is none', async () => {
  const root = repository();
  mkdirSync(join(root, '.drydock/runs'), { recursive: true });
  mkdirSync(join(root, '.drydock-1000'));
  writeFileSync(join(root, '.drydock/runs/x'), '');
  writeFileSync(join(root, '.drydock-1000/x'), '');
  assert.is((await asked(root)).checkout, 'clean');
  writeFileSync(join(root, 'ärger and\nmore.txt'), 'new');
  git(root, 'mv', 'file.txt', 'renamed.txt');
  const { checkout = '' } = await asked(root);
  assert.match(checkout, 'CHECKOUT_DIRTY');
  assert.match(checkout, 'renamed.txt, ärger and');
  assert.is((await asked(root, { allowDirty: true })).checkout, '2 changed files, not released');
});

test('a branch that lacks the newest of the base branch is refused', async () => {
  const root = repository();
  git(root, 'checkout', '-qb', 'feature');
  git(root, 'checkout', '-q', 'main');
  commit(root, 'newer.txt');
  git(root, 'checkout', '-q', 'feature');
  assert.match((await asked(root))['base branch'] ?? '', /^NOT_REBASED: .* git rebase main$/);
});

test('what others have pushed since the last fetch counts; offline, what was fetched does', async () => {
  const origin = repository();
  const root = clone(origin);
  assert.match((await asked(root))['base branch'] ?? '', 'contains origin/main');
  const newest = commit(origin, 'theirs.txt');
  const refused = (await asked(root))['base branch'] ?? '';
  assert.match(refused, `NOT_REBASED: `);
  assert.match(refused, newest.slice(0, 10));
  assert.match(refused, 'git pull --rebase origin main');
  assert.match((await asked(root, { offline: true }))['base branch'] ?? '', 'as it was fetched last');
  git(root, 'pull', '-q', '--rebase', 'origin', 'main');
  assert.match((await asked(root))['base branch'] ?? '', `contains origin/main (${newest.slice(0, 10)})`);
});

test('a remote that cannot be asked is said, and what was fetched last counts', async () => {
  const root = clone(repository());
  git(root, 'remote', 'set-url', 'origin', 'file:///nowhere/at/all.git');
  const { 'base branch': base, warned } = await asked(root);
  assert.match(base ?? '', 'contains origin/main');
  assert.match(base ?? '', 'as it was fetched last');
  assert.match(warned ?? '', /^origin could not be asked/);
});

test('a shallow clone is fit as long as it can tell, and refused where it cannot', async () => {
  const origin = repository();
  commit(origin, 'second.txt');
  const root = clone(origin, '--depth', '1');
  assert.match((await asked(root))['base branch'] ?? '', 'contains origin/main');
  commit(origin, 'theirs.txt');
  commit(root, 'ours.txt');
  const { 'base branch': base = '' } = await asked(root);
  assert.match(base, 'SHALLOW_CLONE');
  assert.match(base, 'git fetch --unshallow origin');
});

test('no repository, no commit and no base branch are told by name', async () => {
  const none = makeStrangeProduct({});
  assert.match((await asked(none)).commit ?? '', 'NOT_A_REPOSITORY');
  git(none, 'init', '-q');
  assert.match((await asked(none)).commit ?? '', 'NOT_A_REPOSITORY');
  const root = repository();
  git(root, 'branch', '-m', 'trunk');
  assert.match((await asked(root))['base branch'] ?? '', 'BASE_BRANCH_UNKNOWN');
});

test.run();
