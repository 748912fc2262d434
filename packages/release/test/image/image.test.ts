// Uses git, skopeo and Debian's docker-registry; runs what is in an image in a root of its own.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadEnvironment } from '@drydock/kit';
import { runTaskForTest } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import imageTask from '../../scripts/image.ts';
import type { Artifact } from '../../src/artifact/types.ts';
import { type Image, makeImage } from '../../src/image/image.ts';
import { findImage, imageQuestions, pushedImage } from '../../src/image/push.ts';
import { makeProduct, type Product, refusal, signal } from '../product.ts';
import { startTestRegistry, type TestRegistry } from './registry.ts';

const test = suite('images');
let registry: TestRegistry;
test.before(async () => {
  registry = await startTestRegistry();
});
test.after(() => registry.stop());

/** Says who it is, and where it may write. */
const MAIN = `
  import { lookup } from 'node:dns/promises';
  import { writeFileSync } from 'node:fs';
  import { createHash } from 'node:crypto';
  const tried = (file) => { try { writeFileSync(file, ''); return 'written'; } catch ({ code }) { return code; } };
  const { address } = await lookup('localhost').catch(({ code }) => ({ address: code }));
  console.log(JSON.stringify({ uid: process.getuid(), here: tried('/app/x'), tmp: tried('/tmp/x'), node: process.version,
    version: process.env.APP_VERSION, installed: (await import('x')).default, address, sum: createHash('sha256').update('').digest('hex').length }));
`;
const installed = `fs.mkdirSync('node_modules/x', { recursive: true });
  fs.writeFileSync('package.json', '{"dependencies":{"x":"1"}}');
  fs.writeFileSync('node_modules/x/package.json', '{"name":"x","version":"1.0.0","main":"i.js"}');
  fs.writeFileSync('node_modules/x/i.js', 'module.exports = "x"')`;

function product(image: object = {}, env: Record<string, string> = {}): Product {
  const artifact = { include: ['src'], build: [{ command: ['node', '-e', installed] }] };
  const made = makeProduct({}, { env });
  const release = {
    artifact: { ...artifact, store: { kind: 'file', path: made.store } },
    app: { command: ['node', 'src/main.mjs'] },
    image,
  };
  const config = readFileSync(join(made.root, 'drydock.config.ts'), 'utf8').replace(/^export default (.*);\n$/, '$1');
  writeFileSync(
    join(made.root, 'drydock.config.ts'),
    `export default ${JSON.stringify({ ...JSON.parse(config), release })};\n`,
  );
  made.commit({ 'src/main.mjs': MAIN });
  return made;
}
async function inputOf(of: Product, artifact: Artifact) {
  const { config } = await of.open();
  const lines: string[] = [];
  const environment = loadEnvironment(config, 'staging', process.env);
  return { config, environment, artifact, signal, lines, onLine: (line: string) => lines.push(line) };
}

function read({ folder }: Image, digest: string) {
  return JSON.parse(readFileSync(join(folder, 'blobs', digest.replace(':', '/')), 'utf8'));
}

/** Unpacks its layers as an engine would, and runs its command as its user, in that root alone. */
function run(image: Image): Record<string, unknown> {
  const root = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-root-'));
  chmodSync(root, 0o755);
  const { layers, config } = read(image, image.digest);
  for (const { digest } of layers)
    execFileSync('tar', ['-xpzf', join(image.folder, 'blobs', digest.replace(':', '/')), '-C', root]);
  const { User, Env, Cmd, WorkingDir } = read(image, config.digest).config;
  const [program, ...args] = Cmd.map((word: string) => (word.startsWith('src/') ? `${WorkingDir}/${word}` : word));
  const enter = process.getuid?.() === 0 ? ['chroot'] : ['unshare', '--map-root-user', 'chroot'];
  const command = [...enter, ...(process.getuid?.() === 0 ? [`--userspec=${User}`] : []), root, program, ...args];
  const said = execFileSync(
    'env',
    ['-i', ...Env, 'LD_LIBRARY_PATH=', '/usr/bin/env', `PATH=${process.env.PATH}`, ...command],
    { encoding: 'utf8' },
  );
  return JSON.parse(said);
}

test('an image runs by itself: its own Node and libraries, not as root, nothing of it can be written; the same one twice', async () => {
  const shop = product();
  const artifact = await shop.build();
  const input = await inputOf(shop, artifact);
  const image = await makeImage(input);
  const { uid, here, tmp, node, version, installed: x, sum } = run(image);
  if (process.getuid?.() === 0) assert.equal([uid, here], [10_001, 'EACCES']);
  assert.equal([tmp, node, version, x, sum], ['written', process.version, artifact.version, 'x', 64]);
  const { config, layers } = read(image, image.digest);
  const { created, config: settings } = read(image, config.digest);
  assert.equal(
    [settings.User, settings.WorkingDir, settings.Cmd],
    ['10001:10001', '/app', ['/usr/local/bin/node', 'src/main.mjs']],
  );
  assert.is(settings.Labels['org.opencontainers.image.revision'], artifact.commit);
  assert.ok(Math.abs(Date.parse(created) - Date.now()) < 3_600_000, 'the time of the commit');
  assert.is((await makeImage(input)).digest, image.digest);

  // Another version shares what lies below, and what is installed.
  shop.commit({ 'src/more.txt': 'more' });
  const next = await makeImage(await inputOf(shop, await shop.build()));
  const blobs = read(next, next.digest).layers.map(({ digest }: { digest: string }) => digest);
  const before = layers.map(({ digest }: { digest: string }) => digest);
  assert.equal(
    blobs.slice(0, 3).map((digest: string, n: number) => digest === before[n]),
    [true, true, true],
  );
  assert.is.not(blobs[3], before[3]);
});

test('it is pushed by digest, once, and found again', async () => {
  const shop = product({ repository: `${registry.host}/team/shop`, insecure: true });
  const artifact = await shop.build();
  const input = await inputOf(shop, artifact);
  const [question] = imageQuestions(input.config);
  assert.is(await question?.ask(signal), `${registry.host} answers`);
  assert.is(await findImage(input), undefined);
  const reference = await pushedImage(input);
  assert.match(reference, new RegExp(`^${registry.host}/team/shop:${artifact.version}@sha256:[0-9a-f]{64}$`));
  assert.ok(input.lines.length > 0);
  const again = await inputOf(shop, artifact);
  assert.is(await pushedImage(again), reference);
  assert.equal(again.lines, [], 'nothing was made');
  // The task pushes the very same one, of whatever name the artefact has.
  const { outcome, error } = await runTaskForTest(imageTask, shop.root, [
    '--env',
    'staging',
    '--yes',
    '--push',
    '--of',
    artifact.commit.slice(0, 8),
  ]);
  assert.is(error, undefined);
  assert.is((outcome?.data as { reference?: string } | undefined)?.reference, reference);

  // With an image below that brings Node: its layers are there once, and ours on top.
  const digest = reference.split('@')[1];
  const onBase = product({
    repository: `${registry.host}/team/other`,
    insecure: true,
    base: `${registry.host}/team/shop@${digest}`,
  });
  const image = await makeImage(await inputOf(onBase, await onBase.build()));
  const { layers, config } = read(image, image.digest);
  const { rootfs, config: settings } = read(image, config.digest);
  assert.equal([layers.length, rootfs.diff_ids.length, settings.Cmd[0]], [6, 6, 'node']);
  assert.is(run({ ...image, digest: image.digest }).installed, 'x');
});

test('the registry wants to know who we are; the password never stands on a command line', async () => {
  const image = { repository: `${registry.guarded}/shop`, insecure: true };
  const shop = product(image, { REGISTRY_USER: 'captain', REGISTRY_PASSWORD: 'ahoy' });
  const reference = await pushedImage(await inputOf(shop, await shop.build()));
  assert.match(reference, `${registry.guarded}/shop:`);
  for (const env of [{ REGISTRY_USER: 'captain', REGISTRY_PASSWORD: 'mutiny' }, {}]) {
    const stranger = product(image, env as Record<string, string>);
    const error = await refusal(findImage(await inputOf(stranger, await stranger.build())));
    assert.is(error.code, 'REGISTRY_REFUSED', error.message);
  }
});

test('no repository, a registry that is away, and a version that nobody knows', async () => {
  const none = product();
  const missing = await runTaskForTest(imageTask, none.root, ['--env', 'staging', '--yes', '--push']);
  assert.equal([missing.error?.code, missing.error?.exit], ['IMAGE_REPOSITORY_MISSING', 2]);
  const unknown = await runTaskForTest(imageTask, none.root, ['--env', 'staging', '--yes', '--of', 'v9.9.9']);
  assert.equal([unknown.error?.code, unknown.error?.exit], ['VERSION_UNKNOWN', 2]);
  const away = product({ repository: '127.0.0.1:1/shop', insecure: true });
  const input = await inputOf(away, await away.build());
  const [question] = imageQuestions(input.config);
  assert.is((await refusal(question?.ask(signal) ?? Promise.resolve())).code, 'REGISTRY_UNREACHABLE');
  assert.is((await refusal(pushedImage(input))).code, 'REGISTRY_FAILED');
});

test.run();
