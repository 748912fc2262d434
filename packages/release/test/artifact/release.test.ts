// Uses PostgreSQL and HAProxy: what a release does with an artefact that is not what was built.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeWorld, type World } from '../world.ts';

const test = suite('a release and its artefact');
let world: World;
test.before(async () => {
  world = await makeWorld();
});
test.after(() => world.stop());

test('changed in the store since it was released: refused before anything is done, and the live version stays', async () => {
  assert.is((await world.release()).error, undefined);
  const live = await (await fetch(world.url)).text();
  const folder = join(world.root, '.drydock/backups/artifacts/strange');
  const [digest = ''] = readdirSync(folder);
  const tree = join(folder, digest, 'tree.tar.zst');
  const bytes = readFileSync(tree);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  writeFileSync(tree, bytes);
  const { error, said } = await world.release();
  assert.equal([error?.code, error?.exit], ['ARTIFACT_CHANGED', 4], error?.message);
  assert.match(String(error?.hint), 'release:build');
  assert.not.match(said.join('\n'), 'backup');
  assert.is(await (await fetch(world.url)).text(), live);
});

test.run();
