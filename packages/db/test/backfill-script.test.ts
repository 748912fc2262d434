// Uses PostgreSQL's parser.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeStrangeProduct } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readBackfill } from '../src/backfill/script.ts';
import { loadBetween } from '../src/load/p95.ts';

const test = suite('scripts of db:backfill');

test('where its own words are, whatever stands inside of it', async () => {
  const root = makeStrangeProduct({});
  const change = async (sql: string) => {
    const file = join(root, 'one.sql');
    writeFileSync(file, sql);
    const { change: made } = await readBackfill(file);
    if (made.kind !== 'rows') throw new Error('no UPDATE');
    return made;
  };
  const one = await change(
    `WITH w AS (SELECT 'ü' AS x FROM t WHERE y) UPDATE t SET a = (SELECT 1 FROM b WHERE c), d = e IS DISTINCT FROM f FROM w, z WHERE t.id = z.id;`,
  );
  assert.equal([one.ahead.slice(0, 8), one.others.trim(), one.condition?.trim()], ['WITH w A', 'w, z', 't.id = z.id']);
  assert.equal(
    [one.writes, one.reads],
    [
      ['a', 'd'],
      ['id', 'id'],
    ],
  );
  const two = await change('DELETE FROM t AS x USING y WHERE x.id = y.id');
  assert.equal([two.verb, two.others.trim(), two.relation.alias], ['DELETE', 'y', 'x']);
});

test('95 of 100 calls, in the order of the means, since the last look; what was reset counts from there', () => {
  const now = new Map([
    ['a', { calls: 190, totalMs: 190 }],
    ['b', { calls: 10, totalMs: 9_000 }],
    ['c', { calls: 5, totalMs: 10 }],
  ]);
  assert.equal(loadBetween(new Map(), now), { calls: 205, p95Ms: 2 });
  assert.equal(loadBetween(new Map([['a', { calls: 180, totalMs: 180 }]]), now), { calls: 25, p95Ms: 900 });
  assert.equal(loadBetween(now, now), { calls: 0, p95Ms: 0 });
  assert.equal(
    loadBetween(new Map([['b', { calls: 99, totalMs: 1 }]]), new Map([['b', { calls: 10, totalMs: 9_000 }]])),
    { calls: 10, p95Ms: 900 },
  );
});

test.run();
