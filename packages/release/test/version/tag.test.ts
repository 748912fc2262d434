// Uses git, one repository the remote of others, and git-cliff.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runTaskForTest } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import build from '../../scripts/build.ts';
import { cloneOf, git, makeProduct, type Product } from '../product.ts';

const test = suite('version tags');

/** A clone whose remote is bare, as those of teams are. */
function clonedProduct(): { product: Product; remote: string } {
  const origin = makeProduct();
  const remote = join(origin.root, '.drydock-remote');
  git(origin.root, 'clone', '-q', '--bare', '.', remote);
  const product = cloneOf({ ...origin, root: remote });
  git(product.root, 'config', 'user.name', 'nobody');
  return { product, remote };
}
const bump = (product: Product, ...args: string[]) =>
  runTaskForTest(build, product.root, ['--env', 'staging', '--yes', '--bump', ...args]);

test('a version is tagged with what is new in it, pushed, and a name of its artefact', async () => {
  const { product, remote } = clonedProduct();
  const first = await bump(product, 'minor');
  assert.is(first.error, undefined);
  product.commit({ 'src/main.txt': 'two' });
  git(product.root, 'commit', '-q', '--allow-empty', '-m', 'fix: mend the sums', '-m', '# no heading');
  const { outcome, error } = await bump(product, 'patch');
  assert.is(error, undefined);
  assert.match(outcome?.verdict ?? '', ', v0.1.1, is version ');
  const head = git(product.root, 'rev-parse', 'HEAD');
  for (const root of [product.root, remote]) assert.is(git(root, 'rev-parse', 'v0.1.1^{commit}'), head);
  const message = git(remote, 'tag', '--list', '--format=%(contents)', 'v0.1.1');
  assert.match(message, '### Mended\n\n- Mend the sums (');
  assert.match(message, '- With src/main.txt (');
  assert.not.match(message, 'with nothing');
  const { artifacts } = await product.open();
  const found = await artifacts.find('v0.1.1');
  assert.equal([found?.commit, found?.tag], [head, 'v0.1.1']);
  assert.match(found?.changelog ?? '', 'Mend the sums');
  assert.equal((await artifacts.byCommit(head))?.tag, 'v0.1.1');
  assert.is((await artifacts.list()).length, 2, 'once each');
});

test('each part, a version of its own, and what the commits ask for', async () => {
  const { product } = clonedProduct();
  for (const [asked, tag] of [
    ['major', 'v1.0.0'],
    ['minor', 'v1.1.0'],
    ['patch', 'v1.1.1'],
    ['2.0.0-rc.1', 'v2.0.0-rc.1'],
    ['patch', 'v2.0.0'],
  ] as const) {
    product.commit();
    const { error } = await bump(product, asked);
    assert.is(error, undefined);
    assert.is(git(product.root, 'describe', '--exact-match'), tag);
  }
  git(product.root, 'commit', '-q', '--allow-empty', '-m', 'feat: something new');
  await bump(product, 'auto');
  assert.is(git(product.root, 'describe', '--exact-match'), 'v2.1.0');
  for (const [message, tag] of [
    ['mend a word', 'v2.1.1'],
    ['fix(api)!: answer otherwise', 'v3.0.0'],
    ['fix: mend', 'v3.0.1'],
  ] as const) {
    git(product.root, 'commit', '-q', '--allow-empty', '-m', message);
    await bump(product, 'auto');
    assert.is(git(product.root, 'describe', '--exact-match'), tag, message);
  }
});

test('a tag that exists is refused, here, at the remote, and under this very commit; nothing is built', async () => {
  const { product, remote } = clonedProduct();
  const other = cloneOf({ ...product, root: remote });
  await bump(product, '1.0.0');
  const again = await bump(product, '1.0.1');
  assert.equal([again.error?.code, again.error?.exit], ['COMMIT_TAGGED', 2]);
  product.commit();
  const same = await bump(product, '1.0.0');
  assert.equal([same.error?.code, same.error?.exit], ['TAG_EXISTS', 2]);
  // That clone has never fetched it.
  git(other.root, 'commit', '-q', '--allow-empty', '-m', 'on its own');
  const unseen = await bump(other, '1.0.0');
  assert.equal([unseen.error?.code, unseen.error?.exit], ['TAG_EXISTS', 2]);
  assert.is(git(other.root, 'tag'), '');
  assert.is(await (await other.open()).artifacts.byCommit(git(other.root, 'rev-parse', 'HEAD')), undefined);
  // Here it is another commit than there.
  git(other.root, 'tag', 'v1.0.0');
  const differs = await bump(other, '1.0.1');
  assert.equal([differs.error?.code, differs.error?.exit], ['TAG_DIFFERS', 2]);
});

test('somebody pushes the same tag meanwhile: told, and the tag of the clone goes again', async () => {
  const { product, remote } = clonedProduct();
  const hook = join(remote, 'hooks/pre-receive');
  mkdirSync(join(remote, 'hooks'), { recursive: true });
  writeFileSync(hook, '#!/bin/sh\necho "tag already exists" >&2\nexit 1\n', { mode: 0o755 });
  const { error } = await bump(product, '1.0.0');
  assert.is(error?.code, 'TAG_EXISTS');
  assert.match(error?.message ?? '', 'Undone: "tag the commit"');
  assert.is(git(product.root, 'tag'), '');
});

test('a shallow clone cannot tell what came before: refused for a tag, and builds as any other', async () => {
  const { product, remote } = clonedProduct();
  product.commit();
  git(product.root, 'push', '-q', 'origin', 'HEAD');
  const shallow = cloneOf({ ...product, root: remote }, '--depth', '1');
  const { error } = await bump(shallow, 'minor');
  assert.equal([error?.code, error?.exit], ['SHALLOW_CLONE', 2]);
  assert.match(String(error?.hint), 'git fetch --unshallow');
  const built = await runTaskForTest(build, shallow.root, ['--env', 'staging', '--yes']);
  assert.is(built.error, undefined);
});

test('a commit on no branch is built and tagged like any other', async () => {
  const { product, remote } = clonedProduct();
  product.commit();
  git(product.root, 'checkout', '-q', '--detach');
  const { error } = await bump(product, 'minor');
  assert.is(error, undefined);
  assert.is(git(remote, 'rev-parse', 'v0.1.0^{commit}'), git(product.root, 'rev-parse', 'HEAD'));
});

test('a remote that is away is told before anything is built; without one the tag stays here', async () => {
  const { product } = clonedProduct();
  git(product.root, 'remote', 'set-url', 'origin', '/nowhere');
  const { error } = await bump(product, 'minor');
  assert.equal([error?.code, error?.exit], ['REMOTE_UNREACHABLE', 2]);
  git(product.root, 'remote', 'remove', 'origin');
  assert.is((await bump(product, 'minor')).error, undefined);
  assert.is(git(product.root, 'tag'), 'v0.1.0');
});

test('what is no version is refused as such', async () => {
  const { product } = clonedProduct();
  const { error } = await runTaskForTest(build, product.root, ['--yes', '--bump', 'huge']).catch((thrown) => ({
    error: thrown,
  }));
  assert.is(error?.exit, 2);
  assert.match(error?.message ?? '', 'major, minor, patch, auto or a version');
});

test('--twice names what is another one each time', async () => {
  const command = ['node', '-e', 'fs.writeFileSync("src/when.txt", String(process.hrtime.bigint()))'];
  const { outcome } = await runTaskForTest(build, makeProduct({ build: [{ command }] }).root, [
    '--env',
    'staging',
    '--yes',
    '--twice',
  ]);
  const [finding] = outcome?.findings ?? [];
  assert.equal([finding?.code, finding?.level], ['NOT_REPRODUCIBLE', 'error']);
  assert.match(finding?.message ?? '', 'one file is another: src/when.txt.');
  const same = await runTaskForTest(build, makeProduct().root, ['--env', 'staging', '--yes', '--twice']);
  assert.equal(same.outcome?.findings ?? [], []);
});

test.run();
