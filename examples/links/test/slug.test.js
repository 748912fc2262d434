import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeSlug } from '../dist/slug.js';

test('a slug has six letters', () => assert.match(makeSlug(), /^[a-z2-9]{6}$/));
test('it is as random as what it is given', () =>
  assert.equal(
    makeSlug(() => 0),
    'aaaaaa',
  ));
