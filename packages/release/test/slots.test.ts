import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeStrangeProduct } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SlotFile, versionsInUse } from '../src/driver/slots.ts';

const test = suite('slots');
const repository = () => makeStrangeProduct({});

test('the artefact of a version that is live in another environment is in use', () => {
  const root = repository();
  new SlotFile(root, 'production').put({ slot: 'blue', version: 'live', commit: 'c', digest: 'd', port: 1 });
  new SlotFile(root, 'staging').put({ slot: 'green', version: 'other', commit: 'c', digest: 'd', port: 1 });
  assert.equal(versionsInUse(root), new Set(['other', 'live']));
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
