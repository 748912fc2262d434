// Uses git, GNU tar and ssh-keygen: a store in a temporary folder that several checkouts share.
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Artifact } from '../../src/artifact/types.ts';
import { cloneOf, makeProduct, type Product, refusal, signal } from '../product.ts';

const test = suite('the store of artefacts');
const modules = {
  command: [
    'node',
    '-e',
    'fs.mkdirSync("node_modules/x", { recursive: true }); fs.writeFileSync("node_modules/x/index.js", "module.exports = 1")',
  ],
};

function treeOf({ store }: Product, { digest }: Artifact): string {
  return join(store, 'artifacts/strange', digest, 'tree.tar.zst');
}
function newFolder(): string {
  return mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-into-'));
}

test('what one checkout built every other finds: by commit, version, digest and their beginnings', async () => {
  const product = makeProduct();
  const artifact = await product.build();
  const { artifacts } = await cloneOf(product).open();
  assert.equal(await artifacts.byCommit(artifact.commit), artifact);
  for (const name of [
    artifact.version,
    artifact.digest,
    artifact.commit,
    artifact.commit.slice(0, 8),
    artifact.digest.slice(0, 5),
  ])
    assert.equal(await artifacts.find(name), artifact, name);
  assert.equal(
    [await artifacts.find('v1.0.0'), await artifacts.find(artifact.digest.slice(0, 2))],
    [undefined, undefined],
  );
  const into = join(newFolder(), 'version');
  await artifacts.unpack(artifact, into, signal);
  assert.is(readFileSync(join(into, 'src/main.txt'), 'utf8'), 'one');
  // Servers make their ETags of it: that of the commit, not of 1970.
  assert.ok(Math.abs(statSync(join(into, 'src/main.txt')).mtimeMs - Date.now()) < 3_600_000);
  const [question] = artifacts.questions();
  assert.match((await question?.ask(signal)) ?? '', /^file:.*, 1 there$/);
});

test('a tree that is at hand is used, as it would be unpacked, only while it is what was built', async () => {
  const product = makeProduct();
  const artifact = await product.build();
  const { artifacts } = await product.open();
  const folder = newFolder();
  const [first, second, third] = ['first', 'second', 'third'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  await artifacts.unpack(artifact, first, signal);
  await artifacts.unpack(artifact, second, signal);
  const [one, other] = [first, second].map((each) => statSync(join(each, 'src/main.txt')));
  assert.equal([other?.ino, other?.mode], [one?.ino, one?.mode], 'linked');
  // Whoever runs from it writes into it.
  appendFileSync(join(second, 'src/main.txt'), ' and more');
  await artifacts.unpack(artifact, third, signal);
  assert.is(readFileSync(join(third, 'src/main.txt'), 'utf8'), 'one');
  rmSync(treeOf(product, artifact));
  assert.is((await refusal(artifacts.unpack(artifact, join(folder, 'fourth'), signal))).code, 'ARTIFACT_MISSING');
});

test('one byte in node_modules is another one: refused, and mended by building it again', async () => {
  const product = makeProduct({ build: [modules], dependencies: 'installed' });
  const artifact = await product.build();
  const { artifacts } = await product.open();
  await artifacts.verify(artifact, signal);
  const tree = treeOf(product, artifact);
  const bytes = zstdDecompressSync(readFileSync(tree));
  bytes[bytes.indexOf('module.exports = 1') + 17] = '2'.charCodeAt(0);
  writeFileSync(tree, zstdCompressSync(bytes));
  const into = join(newFolder(), 'version');
  for (const work of [() => artifacts.verify(artifact, signal), () => artifacts.unpack(artifact, into, signal)]) {
    const error = await refusal(work());
    assert.equal([error.code, error.exit], ['ARTIFACT_CHANGED', 4]);
  }
  assert.not(existsSync(into), 'nothing of it lies there');
  assert.equal(readdirSync(join(into, '..')), []);
  await product.build();
  await artifacts.verify(artifact, signal);
});

test('an archive that is cut, that is none, or that is gone is told as what it is', async () => {
  const product = makeProduct();
  const artifact = await product.build();
  const { artifacts } = await product.open();
  const tree = treeOf(product, artifact);
  const whole = readFileSync(tree);
  for (const bytes of [
    whole.subarray(0, -20),
    Buffer.from('none'),
    Buffer.alloc(0),
    zstdCompressSync(Buffer.from('no tar'.repeat(200))),
  ]) {
    writeFileSync(tree, bytes);
    const error = await refusal(artifacts.verify(artifact, signal));
    assert.equal([error.code, error.exit], ['ARTIFACT_CHANGED', 4], error.message);
  }
  rmSync(tree);
  for (const work of [
    () => artifacts.verify(artifact, signal),
    () => artifacts.unpack(artifact, join(newFolder(), 'v'), signal),
  ]) {
    const error = await refusal(work());
    assert.equal([error.code, error.exit], ['ARTIFACT_MISSING', 4]);
  }
});

test('an archive never leads out of the folder that it is unpacked into', async () => {
  const product = makeProduct();
  const artifact = await product.build();
  const outside = newFolder();
  const evil = newFolder();
  execFileSync(
    'sh',
    [
      '-c',
      `ln -s ${outside} link && tar -cf a.tar link && rm link && mkdir link && echo x > link/planted && tar -rf a.tar link/planted`,
    ],
    { cwd: evil },
  );
  writeFileSync(treeOf(product, artifact), zstdCompressSync(readFileSync(join(evil, 'a.tar'))));
  const { artifacts } = await product.open();
  assert.is((await refusal(artifacts.unpack(artifact, join(newFolder(), 'v'), signal))).code, 'ARTIFACT_CHANGED');
  assert.equal(readdirSync(outside), []);
});

test('the same content of two commits is one artefact with two records, and none is written over', async () => {
  const product = makeProduct();
  const first = await product.build();
  product.commit();
  const second = await product.build();
  const { artifacts } = await product.open();
  assert.is(second.digest, first.digest);
  assert.equal([await artifacts.byCommit(first.commit), await artifacts.byCommit(second.commit)], [first, second]);
  assert.equal(await artifacts.find(first.version), second);
  assert.equal(await product.build(), second, 'built again it is the one that was there');
});

test('other variables for the build, or another way of building, make another artefact of the commit', async () => {
  const build = [{ command: ['node', '-e', 'fs.writeFileSync("src/site.txt", process.env.SITE)'] }];
  const config = { variables: { SITE: { for: 'build', example: 'x', about: 'x' } } };
  const product = makeProduct({ build }, { env: { SITE: 'one' }, config });
  const one = await product.build();
  writeFileSync(join(product.root, '.env.staging'), 'SITE=two\n');
  const { artifacts } = await product.open();
  assert.is(await artifacts.byCommit(one.commit), undefined);
  const two = await product.build();
  assert.is.not(two.digest, one.digest);
  assert.equal(await artifacts.byCommit(one.commit), two);
});

test('a beginning that two artefacts share is refused', async () => {
  const product = makeProduct();
  const made: Artifact[] = [];
  // Of some dozens of commits two share four digits seldom: a record is planted that does.
  made.push(await product.build());
  product.commit({ 'src/main.txt': 'two' });
  made.push(await product.build());
  const [one, two] = made as [Artifact, Artifact];
  const { artifacts } = await product.open();
  const near = `${one.commit.slice(0, 6)}${two.commit.slice(6)}`;
  const record = { ...two, commit: near };
  writeFileSync(
    join(product.store, 'artifacts/strange', two.digest, `${near}.${two.inputs.slice(0, 12)}.json`),
    JSON.stringify(record),
  );
  const error = await refusal(artifacts.find(one.commit.slice(0, 6)));
  assert.equal([error.code, error.exit], ['ARTIFACT_AMBIGUOUS', 2]);
  assert.match(error.message, one.version);
  assert.match(error.message, two.version);
});

test('a tag is a name of the artefact from then on', async () => {
  const product = makeProduct();
  const artifact = await product.build();
  const { artifacts } = await product.open();
  await artifacts.tagged(artifact, 'release/v1.0.0', '- first', signal);
  const found = await artifacts.find('release/v1.0.0');
  assert.equal([found?.digest, found?.tag, found?.changelog], [artifact.digest, 'release/v1.0.0', '- first']);
});

test('what is kept stays, what is young stays, the rest goes with all that belongs to it', async () => {
  const product = makeProduct();
  const made: Artifact[] = [];
  for (const text of ['a', 'b', 'c', 'd']) {
    product.commit({ 'src/main.txt': text });
    made.push(await product.build());
  }
  const [a, b, c, d] = made.map(({ version }) => version) as [string, string, string, string];
  const { artifacts } = await product.open();
  assert.equal((await artifacts.prune(new Set([a, made[3]?.digest ?? '']))).sort(), [b, c].sort());
  assert.equal(
    (await artifacts.list()).map(({ version }) => version),
    [d, a],
  );
  assert.equal(readdirSync(join(product.store, 'artifacts/strange')).length, 2);
  const careful = makeProduct({ graceHours: 1 });
  await careful.build();
  assert.equal(await (await careful.open()).artifacts.prune(new Set()), []);
});

test('a record that is none, or of another place, counts for nothing', async () => {
  const product = makeProduct();
  const artifact = await product.build();
  const folder = join(product.store, 'artifacts/strange', artifact.digest);
  const other = { ...artifact, version: '../../victim' };
  for (const [name, text] of Object.entries({
    [`${'0'.repeat(40)}.x.json`]: JSON.stringify(other),
    'x.json': '{',
    'y.json': JSON.stringify(artifact),
  }))
    writeFileSync(join(folder, name), text);
  const { artifacts } = await product.open();
  assert.equal(await artifacts.list(), [artifact]);
});

test('with signers, only what one of them signed is unpacked', async () => {
  const keys = newFolder();
  const make = (name: string) => {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'a comment', '-f', join(keys, name)]);
    return readFileSync(join(keys, `${name}.pub`), 'utf8').trim();
  };
  const [ci, stranger] = [make('ci'), make('stranger')];
  const signers = [
    { name: 'laptop', key: stranger },
    { name: 'ci', variable: 'CI_KEY' },
  ];
  const env = (path: string) => ({ ARTIFACT_SIGNING_KEY: path, CI_KEY: ci });
  const product = makeProduct({ signers: signers.slice(1) }, { env: env(join(keys, 'ci')) });
  const artifact = await product.build();
  const { artifacts } = await product.open();
  const into = join(newFolder(), 'v');
  await artifacts.unpack(artifact, into, signal);
  await artifacts.verify(artifact, signal);
  // Any other tool reads it.
  const record = join(
    product.store,
    'artifacts/strange',
    artifact.digest,
    `${artifact.commit}.${artifact.inputs.slice(0, 12)}.json`,
  );
  writeFileSync(join(keys, 'allowed'), `ci ${ci}\n`);
  const verify = `ssh-keygen -Y verify -f ${join(keys, 'allowed')} -I ci -n drydock-artifact -s ${record}.sig < ${record}`;
  assert.match(execFileSync('sh', ['-c', verify], { encoding: 'utf8' }), 'Good');

  const refused = async (why: string) => {
    for (const work of [() => artifacts.verify(artifact, signal), () => artifacts.unpack(artifact, into, signal)]) {
      const error = await refusal(work());
      assert.equal([error.code, error.exit], ['ARTIFACT_UNSIGNED', 4], why);
      assert.match(error.message, 'signed by ci');
    }
  };
  const [text, signature] = [readFileSync(record, 'utf8'), readFileSync(`${record}.sig`, 'utf8')];
  writeFileSync(record, text.replace('"files": 1', '"files": 2'));
  await refused('the record was changed');
  writeFileSync(record, text);
  execFileSync('ssh-keygen', ['-q', '-Y', 'sign', '-n', 'git', '-f', join(keys, 'ci'), record], { input: 'y\n' });
  await refused('signed for something else');
  rmSync(`${record}.sig`);
  execFileSync('ssh-keygen', ['-q', '-Y', 'sign', '-n', 'drydock-artifact', '-f', join(keys, 'stranger'), record]);
  await refused('signed by a stranger');
  writeFileSync(`${record}.sig`, 'nonsense');
  await refused('no signature');
  rmSync(`${record}.sig`);
  await refused('none at all');
  writeFileSync(`${record}.sig`, signature);
  await artifacts.verify(artifact, signal);
});

test('the key may be the variable itself, and one that cannot sign is told before anything counts as built', async () => {
  const keys = newFolder();
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(keys, 'k')]);
  const key = readFileSync(join(keys, 'k'), 'utf8').trim().replaceAll('\n', '\\n');
  const product = makeProduct(
    { signers: [{ name: 'ci', key: readFileSync(join(keys, 'k.pub'), 'utf8').trim() }] },
    { env: { ARTIFACT_SIGNING_KEY: key } },
  );
  await (await product.open()).artifacts.verify(await product.build(), signal);
  const broken = makeProduct({}, { env: { ARTIFACT_SIGNING_KEY: join(keys, 'none') } });
  const error = await refusal(broken.build());
  assert.equal([error.code, error.exit], ['ARTIFACT_KEY_UNUSABLE', 2]);
  assert.equal(await (await broken.open()).artifacts.list(), []);
});

test('two stores: both have it, and one is enough', async () => {
  const second = newFolder();
  const config = {
    backups: {
      stores: [
        { kind: 'file', path: 'one' },
        { kind: 'file', path: second },
      ],
    },
  };
  const product = makeProduct({ store: undefined }, { config });
  const artifact = await product.build();
  rmSync(join(product.root, 'one'), { recursive: true });
  const { artifacts } = await product.open();
  await artifacts.unpack(artifact, join(newFolder(), 'v'), signal);
  appendFileSync(join(second, 'artifacts/strange', artifact.digest, 'tree.tar.zst'), 'x');
  const error = await refusal(artifacts.verify(artifact, signal));
  assert.match(error.message, second);
  await product.build();
  await artifacts.verify(artifact, signal);
  assert.ok(existsSync(join(product.root, 'one/artifacts/strange', artifact.digest)));
});

test('environments with stores of their own: built once, it is in all of them, with its signature', async () => {
  const keys = newFolder();
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(keys, 'k')]);
  const key = readFileSync(join(keys, 'k.pub'), 'utf8').trim();
  const from = makeProduct({ signers: [{ name: 'ci', key }] }, { env: { ARTIFACT_SIGNING_KEY: join(keys, 'k') } });
  const artifact = await from.build();
  const to = makeProduct({ signers: [{ name: 'ci', key }] });
  const [there, here] = [(await from.open()).artifacts, (await to.open()).artifacts];
  await here.copyFrom(there, artifact, signal);
  await here.copyFrom(there, artifact, signal);
  assert.equal(await here.list(), [artifact]);
  await here.verify(artifact, signal);
});

test.run();
