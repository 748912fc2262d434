// Uses PostgreSQL: whoever keeps a migration, or a look at the target, waiting is named.
import { command } from '@drydock/kit';
import { hintOf } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { diffToSchema } from '../src/drift.ts';
import { readState } from '../src/index.ts';
import { applyMigration } from '../src/migrations/apply.ts';
import { inventoryOf } from '../src/schema/inventory.ts';
import { first, history, indexes, refusal, worldOn } from './one-migration.ts';
import { withClient } from './world.ts';

const test = suite('whom a migration waits for');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
});
test.after(() => postgres.stop());

const world = (sql: string) => worldOn(postgres, sql);

test('whoever keeps a migration waiting is named, and CONCURRENTLY waits as long as it is given', async () => {
  const { target, url, apply } = await world('SELECT 1;\nCREATE INDEX CONCURRENTLY i ON users(email);');
  await withClient(url, async (snapshot) => {
    await snapshot.query(`SET application_name = 'the long report'`);
    await snapshot.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM users');
    const { rows } = await snapshot.query('SELECT pg_backend_pid() AS pid');
    const said: string[] = [];
    const error = await refusal(
      apply({
        concurrentlyWaitMs: 6_000,
        onWait: (text) => said.push(text),
        again: command('db:deploy', { resume: '01' }),
      }),
    );
    assert.is(error.code, 'LOCK_NOT_AVAILABLE');
    const whom = new RegExp(
      `pid ${rows[0].pid} \\(the long report, drydock, idle in transaction, for \\d+ s\\): SELECT pg_backend_pid`,
    );
    assert.match(error.message, whom);
    assert.match(
      error.message,
      'Its first statement is in effect, the rest is not. The index i is left INVALID; the next attempt drops it',
    );
    assert.match(hintOf(error), 'go on: npm run db:deploy -- --resume 01');
    assert.is(said.length, 1);
    assert.match(said[0] ?? '', whom);
    await snapshot.query('COMMIT');
  });
  await applyMigration(target.url, first(target), {
    lockTimeoutMs: 500,
  });
  assert.equal(await indexes(url), [{ name: 'i', valid: true }]);
  assert.equal(await history(url), [{ name: '1_m', steps: 1, done: true }]);
});

test('who holds the table is named while it is asked for again, and who holds the lock of Prisma', async () => {
  const { target, url, apply } = await world('ALTER TABLE users ADD COLUMN a INT;');
  await withClient(url, async (other) => {
    await other.query(`SET application_name = 'the reader'; BEGIN; SELECT FROM users`);
    let whom: string | undefined;
    const applied = apply({
      onRetry(_, __, text) {
        whom ??= text;
        void other.query('COMMIT');
      },
    });
    await applied;
    assert.match(whom ?? '', 'the reader, drydock, idle in transaction');
    await other.query('SELECT pg_advisory_lock(72707369)');
    const error = await refusal(applyMigration(target.url, first(target), target));
    assert.is(error.exit, 5);
    assert.match(error.message, /held by pid \d+ \(the reader/);
  });
});

test('looking waits for nobody for ever, and names who holds a table altogether', async () => {
  const { target, url, apply } = await world('SELECT 1;');
  await apply();
  await withClient(url, async (other) => {
    await other.query(`SET application_name = 'the holder'; BEGIN; LOCK TABLE users, _prisma_migrations`);
    const work = [readState(target), inventoryOf(target.url), diffToSchema(target.url, target.schemaFile)];
    for (const error of await Promise.all(work.map(refusal))) {
      assert.equal([error.code, error.exit], ['LOCK_NOT_AVAILABLE', 5], error.message);
      assert.match(error.message, /locked altogether, by pid \d+ \(the holder, drydock, idle in transaction/);
    }
  });
});

test.run();
