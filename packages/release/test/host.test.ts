// Uses git, and files in a temporary folder.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig, loadEnvironment } from '@drydock/kit';
import { makeStrangeProduct } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { releaseConfig } from '../src/config.ts';
import { missedVariables, productEnvironment } from '../src/host/environment.ts';
import { HostFolder } from '../src/host/folder.ts';
import { nodeQuestion } from '../src/host/node.ts';
import { makeProduct } from './product.ts';

const test = suite('what a host knows');
const placed = {
  slot: 'blue',
  version: '0123456789ab',
  commit: 'c',
  digest: 'd',
  ports: [20_000],
  files: 'f',
  placedAt: '',
} as const;

test('a slot that names a folder elsewhere, or cannot be read, is as good as empty', () => {
  const host = join(makeStrangeProduct({}), 'host');
  const slots = new HostFolder(host, 'shop', 'staging');
  slots.put({ ...placed, ports: [20_000] });
  assert.equal(slots.placed('blue'), placed);
  const file = join(host, 'shop-staging/blue.json');
  for (const change of [{ version: '../../x' }, { files: '../../x' }, { ports: [0] }]) {
    writeFileSync(file, JSON.stringify({ ...placed, ...change }));
    assert.is(slots.placed('blue'), undefined, JSON.stringify(change));
  }
  writeFileSync(file, '{');
  assert.is(slots.placed('blue'), undefined);
});

test('of a shell that the product does not get, what its source names and what its runtime goes by is told', async () => {
  const product = makeProduct({}, { env: { IN_FILE: 'x' } });
  product.commit({
    'src/main.js': 'connect(process.env.STRIPE_KEY, process.env.IN_FILE, MY_STRIPE_KEYS);',
    'docs/notes.md': 'EDITOR and TERM',
  });
  const { config } = await product.open();
  const shell = {
    STRIPE_KEY: 'x',
    STRIPE: 'x',
    IN_FILE: 'y',
    NODE_OPTIONS: '--inspect',
    EDITOR: 'vi',
    TERM: 'xterm',
    HOME: '/',
  };
  const environment = loadEnvironment(config, 'staging', shell);
  const { app, artifact } = releaseConfig(config);
  const { left, env } = productEnvironment(config, environment, app, process.execPath);
  assert.equal([env.IN_FILE, env.STRIPE_KEY, left.includes('STRIPE_KEY')], ['y', undefined, true]);
  const missed = await missedVariables(config, { commit: 'HEAD', include: artifact.include ?? ['.'], left });
  assert.equal(missed, ['NODE_OPTIONS', 'STRIPE_KEY']);
});

test('that the product wants another Node than it would run under is a word, with the file that says so', async () => {
  const [major = ''] = process.versions.node.split('.');
  const files: [Record<string, string>, string | undefined][] = [
    [{}, undefined],
    [{ 'package.json': `{ "engines": { "node": ">=${major}" } }`, '.nvmrc': 'lts/*' }, undefined],
    [{ 'package.json': '{ "engines": { "node": "^18.2" } }' }, 'package.json'],
    [{ 'package.json': `{ "engines": { "node": ">=${major}" } }`, '.nvmrc': 'v18\n' }, '.nvmrc'],
    [{ '.node-version': '18.20.1\n', 'package.json': '{}' }, '.node-version'],
  ];
  for (const [written, says] of files) {
    const root = makeStrangeProduct({});
    for (const [name, text] of Object.entries(written)) writeFileSync(join(root, name), text);
    const warned: string[] = [];
    const question = nodeQuestion(await loadConfig(undefined, root), undefined, 'staging', (text) => warned.push(text));
    await question.ask();
    assert.is(warned.length, says ? 1 : 0, warned.join());
    if (says)
      assert.match(
        warned[0] ?? '',
        `(${says}) and would run under ${process.version}, a copy of the toolkit's on staging`,
      );
  }
});

test.run();
