// Uses no service.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { describePace, shownBytes } from '../src/pace.ts';

const test = suite('sizes and paces');

test('a size is told in the unit in which it has a digit before the point', () => {
  const told = [0, 0.4, 812, 1_024, 9_626, 26_000, 1_048_575, 1_048_576, 429_916_160, 3 * 2 ** 30, 2 ** 50].map(
    shownBytes,
  );
  assert.equal(told, [
    '0 B',
    '0 B',
    '812 B',
    '1.0 KiB',
    '9.4 KiB',
    '25 KiB',
    '1024 KiB',
    '1.0 MiB',
    '410 MiB',
    '3.0 GiB',
    '1024 TiB',
  ]);
  assert.is(describePace(6_000, 0, 1), '5.9 KiB, 5.9 KiB/s');
});

test.run();
