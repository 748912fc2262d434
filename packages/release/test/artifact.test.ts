// Uses git: a repository of its own in a temporary folder.
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig, type OpsError } from '@drydock/kit';
import { makeStrangeProduct } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { buildArtifact } from '../src/artifact/build.ts';
import { ArtifactStore } from '../src/artifact/store.ts';
import { releaseConfig } from '../src/config.ts';
import { SlotFile, versionsInUse } from '../src/driver/slots.ts';

const test = suite('artefact');
const git = (root: string, ...args: string[]) =>
  execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.test', ...args], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();

function repository(build: object[] = []): string {
  const root = makeStrangeProduct({ release: { artifact: { include: ['src'], build }, app: { command: ['node'] } } });
  writeFileSync(join(root, '.gitignore'), '.drydock/\n');
  mkdirSync(join(root, 'src'));
  writeFileSync(join(root, 'src/main.txt'), 'one');
  git(root, 'init', '-q', '-b', 'master');
  git(root, 'add', '-A');
  git(root, 'commit', '-qm', 'first');
  return root;
}

async function build(root: string) {
  const config = await loadConfig(undefined, root);
  const store = new ArtifactStore(root);
  const input = {
    config,
    release: releaseConfig(config),
    store,
    commit: git(root, 'rev-parse', 'HEAD'),
    env: { PATH: process.env.PATH ?? '', SITE: 'https://shop.example' },
    signal: new AbortController().signal,
    onLine: () => {},
  };
  return { store, artifact: await buildArtifact(input) };
}
test('the same content is the same artefact, whatever the commit; other content is another', async () => {
  const root = repository();
  const first = await build(root);
  git(root, 'commit', '-qm', 'nothing', '--allow-empty');
  const second = await build(root);
  assert.is(second.artifact.version, first.artifact.version);
  assert.is.not(second.artifact.commit, first.artifact.commit);
  writeFileSync(join(root, 'src/main.txt'), 'two');
  git(root, 'commit', '-qam', 'second');
  assert.is.not((await build(root)).artifact.version, first.artifact.version);
});

test('the artefact is the commit, not the working tree, and what was built in it', async () => {
  const root = repository([{ command: ['node', '-e', 'require("fs").writeFileSync("src/built.txt", "made")'] }]);
  writeFileSync(join(root, 'src/main.txt'), 'not committed');
  const { store, artifact } = await build(root);
  const folder = store.pathOf(artifact.version);
  assert.equal(readdirSync(join(folder, 'src')).sort(), ['built.txt', 'main.txt']);
  assert.is(execFileSync('cat', [join(folder, 'src/main.txt')], { encoding: 'utf8' }), 'one');
});

test('a build knows what it is given, and nothing of the shell', async () => {
  process.env.OPERATORS_OWN = 'not for a build';
  try {
    const write = 'require("fs").writeFileSync("src/env.json", JSON.stringify(process.env))';
    const { store, artifact } = await build(repository([{ command: ['node', '-e', write] }]));
    const env = JSON.parse(readFileSync(join(store.pathOf(artifact.version), 'src/env.json'), 'utf8'));
    assert.equal(
      [env.SITE, env.CI, env.OPERATORS_OWN, env.HOME],
      ['https://shop.example', 'true', undefined, undefined],
    );
  } finally {
    delete process.env.OPERATORS_OWN;
  }
});

test('a build that fails says what it said', async () => {
  const root = repository([{ command: ['node', '-e', 'console.error("no such module"); process.exit(3)'] }]);
  const error = await build(root).then(
    () => undefined,
    (thrown) => thrown as OpsError,
  );
  assert.match(error?.message ?? '', /ended with exit code 3: no such module/);
});

test('an artefact that was changed after it was built is refused', async () => {
  const { store, artifact } = await build(repository());
  await store.verify(artifact);
  appendFileSync(join(store.pathOf(artifact.version), 'src/main.txt'), '!');
  assert.is(
    await store.verify(artifact).then(
      () => 'accepted',
      (error: OpsError) => error.code,
    ),
    'ARTIFACT_CHANGED',
  );
});

test('all but the last two idle artefacts go', async () => {
  const root = repository();
  const versions: string[] = [];
  for (const text of ['a', 'b', 'c', 'd']) {
    writeFileSync(join(root, 'src/main.txt'), text);
    git(root, 'commit', '-qam', text);
    versions.push((await build(root)).artifact.version);
  }
  const store = new ArtifactStore(root);
  const [a = '', b = '', c = '', d = ''] = versions;
  assert.equal(await store.prune(2, new Set([a])), [b]);
  assert.equal(
    [a, b, c, d].map((version) => existsSync(store.pathOf(version))),
    [true, false, true, true],
  );
});

test('the artefact of a version that is live in another environment is in use', () => {
  const root = repository();
  new SlotFile(root, 'production').put({ slot: 'blue', version: 'live', commit: 'c', digest: 'd', port: 1 });
  new SlotFile(root, 'staging').put({ slot: 'green', version: 'other', commit: 'c', digest: 'd', port: 1 });
  assert.equal(versionsInUse(root), new Set(['other', 'live']));
});

test('a record that names anything but its own artefact is set aside, and nothing is deleted by it', async () => {
  const root = repository();
  const { store, artifact } = await build(root);
  const victim = join(root, 'victimdir');
  mkdirSync(victim);
  const records = {
    evil: { ...artifact, version: '../../victimdir', builtAt: '2020-01-01' },
    [`${'0'.repeat(12)}`]: { ...artifact, builtAt: '2020-01-01' },
    broken: '{',
    linked: undefined,
  };
  for (const [name, record] of Object.entries(records))
    if (record)
      writeFileSync(join(store.folder, `${name}.json`), typeof record === 'string' ? record : JSON.stringify(record));
  symlinkSync(join(store.folder, `${artifact.version}.json`), join(store.folder, 'linked.json'));
  assert.equal(
    (await store.list()).map(({ version }) => version),
    [artifact.version],
  );
  assert.equal(await store.prune(0, new Set()), [artifact.version]);
  assert.ok(existsSync(victim));
  const kept = readdirSync(store.folder).filter((name) => name.endsWith('.set-aside'));
  assert.equal(
    kept.sort(),
    Object.keys(records)
      .map((name) => `${name}.json.set-aside`)
      .sort(),
  );
});

test('a slot that names a folder elsewhere, or cannot be read, is as good as empty', () => {
  const root = repository();
  const file = join(root, '.drydock/releases/staging.json');
  const slots = () => new SlotFile(root, 'staging');
  const instance = { slot: 'blue', version: '0123456789ab', commit: 'c', digest: 'd', port: 20_000 } as const;
  slots().put(instance);
  assert.equal(slots().read(), { blue: instance });
  for (const text of ['{', JSON.stringify({ blue: { ...instance, version: '../../x' } }), '{"blue":{"port":0}}']) {
    writeFileSync(file, text);
    assert.equal(slots().read(), {}, text);
    assert.not(existsSync(file), 'it is set aside');
  }
});

test.run();
