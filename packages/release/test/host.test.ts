// Uses files in a temporary folder.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeStrangeProduct } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HostFolder } from '../src/host/folder.ts';

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

test.run();
