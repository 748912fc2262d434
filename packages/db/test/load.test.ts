// Uses PostgreSQL with pg_stat_statements: statements before and after a deploy.
import { databaseOf, Secret } from '@drydock/kit';
import { hintOf } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { compareStatements, hiddenFindings, readSeen } from '../src/load/statements.ts';
import { query } from './world.ts';

const test = suite('statements under load');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
});
test.after(() => postgres.stop());

test('statements are compared with the numbers before the deploy: new, slower, and reset counters', async () => {
  const was = (id: string, calls: number, totalMs: number) => ({ id, query: `q${id}`, calls, totalMs, rows: 0 });
  const changes = compareStatements(
    [was('same', 100, 200), was('slow', 100, 200), was('reset', 500, 500), was('rare', 10, 10)],
    [was('same', 200, 410), was('slow', 200, 2_200), was('reset', 50, 500), was('rare', 12, 900), was('fresh', 3, 3)],
  );
  assert.equal(
    changes.map(({ id, kind, meanMs }) => [id, kind, meanMs]),
    [
      ['slow', 'slower', 20],
      ['reset', 'slower', 10],
      ['fresh', 'new', 1],
    ],
    'two calls of the rare one say nothing about its mean',
  );
});

test('after a reset of all numbers what came since is compared, however much that is', () => {
  const was = [{ id: 'a', query: 'q', calls: 100, totalMs: 209, rows: 0 }];
  const now = [{ id: 'a', query: 'q', calls: 150, totalMs: 469, rows: 0 }];
  assert.equal(compareStatements(was, now, true), [], 'a mean of 3.13 ms, by half more than 2.09 it is not');
  assert.is(compareStatements(was, now)[0]?.meanMs, 5.2, 'without a word of it they are taken for more of the same');
});

test('that statements of other roles are hidden is said, and when all numbers were reset is known', async () => {
  const url = await postgres.createDatabase();
  await query(url, 'CREATE EXTENSION pg_stat_statements; CREATE TABLE t (n int)');
  await query(postgres.adminUrl, `CREATE ROLE plain LOGIN PASSWORD 'plain-password'`);
  await query(url, 'SELECT n FROM t WHERE n = 1');
  const plain = new Secret(postgres.urlOf(databaseOf(new Secret(url)), { user: 'plain', password: 'plain-password' }));
  const [finding] = hiddenFindings(await readSeen(plain));
  assert.match(finding?.message ?? '', /^\d+ statements? of (an)?other roles? (is|are) not shown to this one/);
  assert.match(hintOf(finding), 'GRANT pg_read_all_stats');
  const all = await readSeen(new Secret(url));
  assert.equal(hiddenFindings(all), []);
  await query(url, 'SELECT pg_stat_statements_reset()');
  assert.ok(((await readSeen(new Secret(url))).resetAt ?? 0) > (all.resetAt ?? 0));
});

test.run();
