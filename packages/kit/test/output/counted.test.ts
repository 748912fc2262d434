// Uses no service.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { counted } from '../../src/output/counted.ts';

const test = suite('numbers and what they count');

test('one of something is one of it', () => {
  assert.equal(
    [0, 1, 2].map((n) => counted(n, 'thing is', 'things are')),
    ['0 things are', '1 thing is', '2 things are'],
  );
  assert.equal(
    [1, 1_234].map((n) => counted(n, 'row')),
    ['1 row', '1234 rows'],
  );
});

test.run();
