// Uses git: what an artefact is made by, where the config does not say it.
import { loadConfig } from '@drydock/kit';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { recipeOf } from '../../src/artifact/recipe.ts';
import { releaseConfig } from '../../src/config.ts';
import { makeProduct, refusal } from '../product.ts';

const test = suite('recipe of an artefact');

/** A commit with these files, under a config that says no more than that there are releases. */
async function recipe(files: Record<string, string | object>, release: object = {}) {
  const product = makeProduct({}, { config: { release } });
  const texts = Object.entries(files).map(([file, text]) => [
    file,
    typeof text === 'string' ? text : JSON.stringify(text),
  ]);
  const commit = product.commit(Object.fromEntries(texts));
  const config = await loadConfig(undefined, product.root);
  return recipeOf(config, releaseConfig(config), commit);
}
const lines = async (...args: Parameters<typeof recipe>) =>
  (await recipe(...args)).build.map(({ command }) => command.join(' '));
const PRISMA = { dependencies: { '@prisma/client': '7' }, devDependencies: { prisma: '7' } };

test('the lockfile says who installs, and what there is to build is built', async () => {
  const build = { ...PRISMA, scripts: { build: 'tsc', start: 'node dist/main.js' } };
  for (const [lockfile, expected] of [
    ['package-lock.json', ['npm ci', 'npx prisma generate', 'npm run build']],
    ['pnpm-lock.yaml', ['pnpm install --frozen-lockfile', 'pnpm exec prisma generate', 'pnpm run build']],
    ['yarn.lock', ['yarn install --frozen-lockfile', 'yarn run prisma generate', 'yarn run build']],
    ['bun.lock', ['bun install --frozen-lockfile', 'bunx prisma generate', 'bun run build']],
  ] as const)
    assert.equal(await lines({ 'package.json': build, [lockfile]: '' }), expected);
  assert.equal(
    (await lines({ 'package.json': build, 'yarn.lock': '', '.yarnrc.yml': '' }))[0],
    'yarn install --immutable',
  );
});

test('what the product does by itself is not done twice, and what it has not is not asked for', async () => {
  const own = { ...PRISMA, scripts: { build: 'prisma generate && tsc' } };
  assert.equal(await lines({ 'package.json': own, 'package-lock.json': '' }), ['npm ci', 'npm run build']);
  const after = { ...PRISMA, scripts: { postinstall: 'prisma generate' } };
  assert.equal(await lines({ 'package.json': after, 'package-lock.json': '' }), ['npm ci']);
  assert.equal(await lines({ 'package.json': { scripts: { start: 'node main.js' } } }), []);
  assert.equal(await lines({ 'main.py': '' }), []);
});

test('packages of development go again, but for those that it is started with', async () => {
  const of = async (start: string) =>
    (await recipe({ 'package.json': { ...PRISMA, scripts: { start } }, 'package-lock.json': '' })).dependencies;
  assert.is(await of('node src/main.js'), 'production');
  assert.is(await of('prisma migrate deploy && node src/main.js'), 'asked-for');
});

test('packages without a lockfile are refused; whoever says what is included or how it is built is believed', async () => {
  const error = await refusal(recipe({ 'package.json': PRISMA }));
  assert.equal([error.code, error.exit], ['BUILD_UNKNOWN', 2]);
  const files = { 'package.json': PRISMA, 'package-lock.json': '' };
  const included = await recipe(files, { artifact: { include: ['src'] } });
  assert.equal(included, { include: ['src'], build: [], dependencies: 'asked-for' });
  const built = await recipe(files, { artifact: { build: [{ command: ['make'] }] } });
  assert.equal(built, { include: ['.'], build: [{ command: ['make'], cwd: 'artifact' }], dependencies: 'asked-for' });
});

test.run();
