// Uses PostgreSQL: what only looks changes nothing, whatever it holds.
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import type { Client } from 'pg';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Secret, withPostgres } from '../../src/index.ts';
import { queryReadOnly, runReadQueries } from '../../src/sql/index.ts';

const test = suite('read only');
let postgres: TestPostgres;
let url: Secret;
test.before(async () => {
  postgres = await startTestPostgres();
  url = new Secret(await postgres.createDatabase());
  await connected((client) =>
    client.query(`CREATE TABLE victim AS SELECT n FROM generate_series(1, 5) n;
      CREATE FUNCTION sly() RETURNS int LANGUAGE plpgsql AS $$BEGIN
        SET TRANSACTION READ WRITE; DELETE FROM victim; RETURN 1; END$$`),
  );
});
test.after(() => postgres.stop());

const connected = <T>(use: (client: Client) => Promise<T>) => withPostgres(url, 'test', use);
const rows = () => connected(async (client) => (await client.query('SELECT FROM victim')).rowCount);
const refusal = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error) => error as Error & { code: string },
  );

const WRITES = [
  '/* a /* b */ SELECT 1; -- */ DELETE FROM victim; SELECT 1;',
  'COMMIT; BEGIN READ WRITE; DELETE FROM victim; COMMIT; SELECT 1;',
  'SET TRANSACTION READ WRITE; DELETE FROM victim; COMMIT; SELECT 1;',
  'SELECT 1; DELETE FROM victim',
  'WITH gone AS (DELETE FROM victim RETURNING n) SELECT count(*) FROM gone',
  'EXPLAIN ANALYZE DELETE FROM victim',
  'SELECT sly()',
  `SELECT set_config('transaction_read_only', 'off', false), sly()`,
  `SELECT set_config('transaction_read_only', 'off', false); WITH gone AS (DELETE FROM victim RETURNING n) SELECT count(*) FROM gone`,
  'DO $$BEGIN SET TRANSACTION READ WRITE; DELETE FROM victim; END$$',
  'SELECT * INTO kept FROM victim',
  'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
  `COPY victim TO PROGRAM 'cat'`,
];
for (const sql of WRITES)
  test(`a file that only looks cannot hold: ${sql}`, async () => {
    const error = await connected((client) => refusal(runReadQueries(client, sql, 'q.sql')));
    assert.match(error?.code ?? 'nothing refused', /^(READ_ONLY_ONLY|25006|25001)$/);
    assert.is(await rows(), 5);
  });

test('one statement is one statement', async () => {
  const error = await connected((client) =>
    refusal(queryReadOnly(client, 'EXPLAIN /* a /* b */ */ SELECT 1; DELETE FROM victim; -- ')),
  );
  assert.is(error?.code, '42601');
  assert.is(await rows(), 5);
});

test('the statements of a file run on one snapshot, and the last one answers', async () => {
  const result = await connected((client) => runReadQueries(client, 'SELECT 1;\nSELECT n FROM victim', 'q.sql'));
  assert.is(result?.rowCount, 5);
});

test('a query that takes too long is ended, though it puts the time-out off', async () => {
  const began = performance.now();
  const error = await connected((client) =>
    refusal(
      runReadQueries(client, `SELECT set_config('statement_timeout', '0', false); SELECT pg_sleep(60)`, 'q.sql', {
        timeoutMs: 300,
      }),
    ),
  );
  assert.is(error?.code, '57014');
  assert.ok(performance.now() - began < 30_000);
});

test('the session can be used afterwards, and keeps none of it', async () => {
  const shown = await connected(async (client) => {
    await queryReadOnly(client, 'SELECT 1', { settings: { enable_seqscan: 'off' } });
    await client.query('CREATE TABLE after_it (n int)');
    return (await client.query('SHOW enable_seqscan')).rows[0].enable_seqscan;
  });
  assert.is(shown, 'on');
});

test.run();
