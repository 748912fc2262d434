// Uses no service: what is seen of one secret, with one thing changed.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Generation, Rotation } from '../src/record/types.ts';
import { driftIn, type Seen } from '../src/status/drift.ts';

const test = suite('drift of a secret');
const NOW = new Date('2026-11-26T12:00:00Z');
const [OLD, NOW_VALUE, OTHER] = ['sha256:000000000000', 'sha256:111111111111', 'sha256:222222222222'];

function generation(number: number, state: Generation['state'], value: string): Generation {
  return {
    ...{ env: 'staging', name: 'mail', generation: number, state, fingerprints: { KEY: value } },
    ...{ sealed: null, madeAt: null, currentAt: null, endedAt: null },
  };
}

const ROTATION: Rotation = {
  ...{ id: '01', env: 'staging', name: 'mail', kind: 'generic', generation: 2, phase: 'settle', outcome: 'open' },
  ...{ emergency: false, reverting: false, actor: 'ada', host: 'h', reason: null, startedAt: '2026-11-01T12:00:00Z' },
  ...{ promotedAt: null, settlesAt: '2026-11-02T12:00:00Z', retiredAt: null, endedAt: null, proof: null },
};

/** All of it as it should be. */
function good(): Seen {
  return {
    ...{ name: 'mail', variables: ['KEY'], productVariables: ['KEY'], file: { KEY: NOW_VALUE }, shell: {} },
    stores: { env: { KEY: NOW_VALUE }, vault: { KEY: NOW_VALUE } },
    elsewhere: { production: { KEY: OTHER } },
    others: { zebra: { Z: OTHER } },
    layers: [{ file: '.env.staging', values: { KEY: NOW_VALUE }, openTo: 'owner', foreign: false }],
    atRest: { KEY: NOW_VALUE },
    generations: [generation(0, 'retired', OLD), generation(1, 'current', NOW_VALUE)],
    written: [],
    rotation: undefined,
    instances: [{ instance: 'blue-1', host: 'h', uses: { KEY: NOW_VALUE } }],
    works: { ok: true, says: 'by its command' },
    now: NOW,
  };
}

const layer = (change: Partial<Seen['layers'][number]>): Seen['layers'][number] => ({
  ...{ file: '.env.staging', values: { KEY: NOW_VALUE }, openTo: 'owner', foreign: false },
  ...change,
});

/** One thing that is not as it should be, and how it is called. */
const PLANTED: [code: string, change: Partial<Seen>][] = [
  ['SECRET_MISSING', { file: { KEY: null }, generations: [], stores: {}, layers: [], atRest: {}, instances: [] }],
  ['SHELL_WINS', { shell: { KEY: OTHER } }],
  ['FILE_HOLDS_OLD', { file: { KEY: OLD }, atRest: {}, instances: [] }],
  ['FILE_CHANGED_BY_HAND', { file: { KEY: 'sha256:333333333333' }, atRest: {}, instances: [] }],
  ['STORES_DIFFER', { stores: { env: { KEY: NOW_VALUE }, vault: { KEY: OLD } } }],
  ['HIDDEN_VALUE', { layers: [layer({ file: '.env', values: { KEY: OLD } }), layer({})] }],
  ['FILE_OPEN', { layers: [layer({ openTo: 'group' })] }],
  ['FILE_FOREIGN', { layers: [layer({ foreign: true })] }],
  ['AT_REST_DIFFERS', { atRest: { KEY: OLD } }],
  ['INSTANCE_DIFFERS', { instances: [{ instance: 'blue-2', host: 'h', uses: { KEY: OLD } }] }],
  ['SHARED_WITH_ENVIRONMENT', { elsewhere: { production: { KEY: NOW_VALUE } } }],
  ['SHARED_WITH_SECRET', { others: { zebra: { Z: NOW_VALUE } } }],
  ['ROTATION_FORGOTTEN', { rotation: ROTATION }],
  ['VALUE_REFUSED', { works: { ok: false, says: '401' } }],
];

test('there is none where all is as it should be, or where nothing could be asked', () => {
  assert.equal(driftIn(good()), []);
  const asked = { generations: undefined, instances: undefined, atRest: undefined, works: undefined };
  assert.equal(driftIn({ ...good(), ...asked, stores: { env: { KEY: NOW_VALUE }, vault: undefined } }), []);
});

test('what a rotation wrote on its way is old once that has ended, and where it belongs until then', () => {
  const ring = { KEY: 'sha256:444444444444' };
  const seen = { ...good(), file: ring, atRest: {}, instances: [], stores: {} };
  const written = [{ name: 'mail', generation: 1, fingerprints: ring }];
  const [finding, ...more] = driftIn({ ...seen, written });
  assert.equal([finding?.code, more.length], ['FILE_HOLDS_OLD', 0]);
  assert.match(finding?.message ?? '', 'what the rotation to generation 1 wrote on its way; 1 is in use');
  // One that stages nothing says nothing of what is held.
  const nothing = [{ name: 'mail', generation: 1, fingerprints: {} }];
  assert.is(driftIn({ ...seen, written: nothing })[0]?.code, 'FILE_CHANGED_BY_HAND');
  assert.equal(driftIn({ ...seen, written, rotation: { ...ROTATION, settlesAt: NOW.toISOString() } }), []);
});

test('one that is being rotated differs in nothing: its pending value is known', () => {
  const generations = [...(good().generations ?? []), generation(2, 'pending', OTHER)];
  assert.equal(driftIn({ ...good(), generations, rotation: { ...ROTATION, settlesAt: NOW.toISOString() } }), []);
});

test('one that holds old and new together while it is rotated differs in nothing', () => {
  const [file, rotation] = [{ KEY: 'sha256:333333333333' }, { ...ROTATION, settlesAt: NOW.toISOString() }];
  const instances = [{ instance: 'blue-1', host: 'h', uses: file }];
  const stores = { env: file, vault: file };
  assert.equal(driftIn({ ...good(), file, rotation, instances, stores, atRest: file }), []);
});

for (const [code, change] of PLANTED)
  test(`${code} is found, and nothing else`, () => {
    assert.equal(
      driftIn({ ...good(), ...change }).map((finding) => finding.code),
      [code],
    );
  });

test('no value is in what is said, only which generation it is', () => {
  const [said] = driftIn({ ...good(), instances: [{ instance: 'blue-2', host: 'h', uses: { KEY: OLD } }] });
  assert.match(said?.message ?? '', 'blue-2 on h runs with generation 0 (retired) of KEY');
});

test.run();
