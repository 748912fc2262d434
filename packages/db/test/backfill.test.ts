// Uses PostgreSQL and a standby that streams from it; tasks run as processes and are killed with SIGKILL in the middle.
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeStrangeProduct, sampleRounds, taskProcesses } from '@drydock/kit/testing';
import { startTestPostgres, startTestStandby, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { query, withClient } from './world.ts';

const test = suite('db:backfill');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
  const base = await postgres.createDatabase('base');
  await query(
    base,
    `CREATE TABLE "Users" (id bigint PRIMARY KEY, n int NOT NULL DEFAULT 0, shown text);
     INSERT INTO "Users" SELECT g, 0 FROM generate_series(1, 5000) g; ANALYZE`,
  );
});
test.after(() => postgres.stop());

async function product(sql: string, url?: string) {
  const at = url ?? (await postgres.createDatabase(undefined, 'base'));
  const root = makeStrangeProduct({}, { OPS_DATABASE_URL: at });
  const file = join(root, 'prisma/backfills/fill.sql');
  mkdirSync(dirname(file), { recursive: true });
  const write = (text: string) => writeFileSync(file, text);
  write(sql);
  const made = taskProcesses(root);
  return {
    ...{ ...made, url: at, write },
    fill: (...args: string[]) => made.ask('db:backfill', 'prisma/backfills/fill.sql', '--yes', ...args),
    start: (...args: string[]) => made.start('db:backfill', 'prisma/backfills/fill.sql', '--yes', ...args),
  };
}

async function until<T>(what: () => Promise<T | false>): Promise<T> {
  for (const end = Date.now() + 60_000; Date.now() < end; await sleep(20)) {
    const found = await what();
    if (found) return found;
  }
  throw new Error('it did not come about within a minute');
}

const counts = (url: string) => query(url, 'SELECT n, count(*)::int FROM "Users" GROUP BY 1 ORDER BY 1');
const rowsOf = (url: string) =>
  query(url, 'SELECT rows::int, batches::int, "finishedAt" IS NOT NULL AS done FROM drydock.backfill').catch(() => []);

test('killed again and again, each row is changed once, though the statement is not idempotent', async () => {
  const made = await product('UPDATE "Users" SET n = n + 1 /* all */ WHERE id > 0 -- of them');
  for (const _ of sampleRounds([1, 2, 3, 4, 5, 6], 2)) {
    const before = (await rowsOf(made.url))[0]?.batches ?? 0;
    const child = made.start('--batch', '10', ...(before > 0 ? ['--resume'] : []));
    child.stdout?.resume();
    child.stderr?.resume();
    const ended = once(child, 'close');
    await until(async () => ((await rowsOf(made.url))[0]?.batches ?? 0) > before + 3 || child.exitCode !== null);
    child.kill('SIGKILL');
    await ended;
    const [{ rows }] = await rowsOf(made.url);
    await until(async () => {
      const [one] = await query(made.url, 'SELECT count(*)::int FROM "Users" WHERE n = 1');
      const [now] = await rowsOf(made.url);
      return one.count === now.rows;
    });
    assert.ok(rows < 5_000, 'it was killed in the middle');
  }
  await query(made.url, `INSERT INTO "Users" VALUES (6000, 0)`);
  const ended = await made.ask('db:backfill', '--resume', '--yes');
  assert.is(ended.code, 0, JSON.stringify(ended));
  assert.equal(await counts(made.url), [
    { n: 0, count: 1 },
    { n: 1, count: 5_000 },
  ]);
  assert.is(ended.data.rows, 5_000);
  assert.match(JSON.stringify(ended.findings), 'BACKFILL_NOT_VERIFIED');
  const again = await made.fill();
  assert.equal([again.code, again.data.rows], [0, 5_000], 'done before');
  assert.equal(await counts(made.url), [
    { n: 0, count: 1 },
    { n: 1, count: 5_000 },
  ]);
  assert.is((await made.fill('--again')).code, 0);
  assert.equal(await counts(made.url), [
    { n: 1, count: 1 },
    { n: 2, count: 5_000 },
  ]);
});

test('a DO that commits by itself is counted, keeps FOUND, and its end is verified', async () => {
  const made = await product(
    `DO $$ DECLARE name text := 'x'; BEGIN
  LOOP
    UPDATE "Users" SET shown = 'u' || id WHERE id IN (SELECT id FROM "Users" WHERE shown IS NULL ORDER BY id LIMIT 1000);
    COMMIT;
    EXIT WHEN NOT FOUND;
  END LOOP;
END $$;
SELECT id FROM "Users" WHERE shown IS NULL;`,
  );
  const plan = await made.ask('db:backfill', 'prisma/backfills/fill.sql', '--plan');
  assert.is(plan.code, 0, JSON.stringify(plan));
  assert.match(plan.data.plan.lines.join('\n'), 'a DO block with 1 COMMIT');
  assert.equal(await query(made.url, 'SELECT FROM "Users" WHERE shown IS NOT NULL'), [], 'a plan changes nothing');
  const { code, data, findings } = await made.fill();
  assert.is(code, 0, JSON.stringify({ data, findings }));
  assert.equal([data.batches, data.checks, findings], [6, 1, []]);
  assert.is((await made.fill()).data.batches, 6, 'what is done is not begun again');
  made.write(
    'UPDATE "Users" SET shown = NULL WHERE shown IS NOT NULL AND id < 10;\nSELECT id FROM "Users" WHERE shown IS NULL;',
  );
  const wrong = await made.fill('--again');
  assert.equal([wrong.code, wrong.error.code], [1, 'BACKFILL_LEFT']);
  assert.match(wrong.error.message, 'the query of prisma/backfills/fill.sql:2 gives 9 rows');
});

test('a DO that was killed in the middle ends on the server as well, and goes on with what its conditions leave', async () => {
  const made = await product(
    `DO $$ BEGIN
  LOOP
    UPDATE "Users" SET n = n + 1 WHERE id IN (SELECT id FROM "Users" WHERE n = 0 ORDER BY id LIMIT 10);
    EXIT WHEN NOT FOUND;
    COMMIT;
    PERFORM pg_sleep(0.01);
  END LOOP;
END $$;
SELECT id FROM "Users" WHERE n <> 1;`,
  );
  const child = made.start();
  child.stdout?.resume();
  child.stderr?.resume();
  const ended = once(child, 'close');
  await until(async () => ((await rowsOf(made.url))[0]?.batches ?? 0) > 5 || child.exitCode !== null);
  child.kill('SIGKILL');
  await ended;
  await until(async () => {
    const [{ n }] = await query(
      made.url,
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'drydock db:backfill' AND datname = current_database()`,
    );
    return n === 0;
  });
  const [{ batches, done }] = await rowsOf(made.url);
  const [{ count }] = await query(made.url, 'SELECT count(*)::int FROM "Users" WHERE n = 1');
  assert.equal([count, done], [batches * 10, false], 'a batch and its count commit together');
  assert.ok(count < 5_000, 'it was killed in the middle');
  const resumed = await made.ask('db:backfill', '--resume', '--yes');
  assert.is(resumed.code, 0, JSON.stringify(resumed));
  assert.equal([resumed.data.batches, resumed.data.checks], [500, 1]);
  assert.equal(await counts(made.url), [{ n: 1, count: 5_000 }]);
});

test('it waits while the statements of others are slow, and goes on when they are not', async () => {
  // Ten seconds by itself: it cannot have ended before the statements were looked at twice.
  const made = await product('UPDATE "Users" SET n = (SELECT count(pg_sleep(0.02))) WHERE n = 0');
  await query(made.url, 'CREATE EXTENSION pg_stat_statements');
  let slow = true;
  const customers = Array.from({ length: 8 }, () =>
    withClient(made.url, async (client) => {
      while (slow) await client.query('SELECT pg_sleep(0.25)');
    }),
  );
  const child = made.start('--batch', '10', '--max-p95', '100ms');
  let said = '';
  child.stderr?.on('data', (chunk) => (said += chunk));
  child.stdout?.on('data', (chunk) => (said += chunk));
  const ended = once(child, 'close');
  try {
    await until(async () => said.includes('is held back: 95 of 100 statements') || child.exitCode !== null);
    assert.match(said, /is held back: 95 of 100 statements take up to \d+ ms \(at most 100 ms\)/);
    const [held] = await rowsOf(made.url);
    assert.ok(held.rows < 5_000, 'not all of it was done');
    await sleep(1_500);
    assert.is((await rowsOf(made.url))[0].rows, held.rows, 'nothing is changed meanwhile');
  } finally {
    slow = false;
    await Promise.all(customers);
  }
  assert.is((await ended)[0], 0, said);
  assert.equal(await counts(made.url), [{ n: 1, count: 5_000 }]);
});

test('it waits while a standby lies behind, and a deploy meanwhile is told', async () => {
  const standby = await startTestStandby(postgres);
  try {
    const made = await product('UPDATE "Users" SET n = 1 WHERE n = 0');
    const there = standby.urlOf(made.url);
    await until(() =>
      query(there, 'SELECT 1').then(
        () => true,
        () => false,
      ),
    );
    await query(there, 'SELECT pg_wal_replay_pause()');
    // So small that it cannot have ended before the standby lies so far behind.
    const child = made.start('--batch', '10', '--max-lag', '200ms');
    let said = '';
    child.stderr?.on('data', (chunk) => (said += chunk));
    child.stdout?.on('data', (chunk) => (said += chunk));
    const ended = once(child, 'close');
    await until(async () => said.includes('is held back: the standby') || child.exitCode !== null);
    assert.match(said, 'is held back: the standby');
    const [held] = await rowsOf(made.url);
    assert.ok(held.rows < 5_000, 'not all of it was done');
    const deploy = await made.ask('db:backfill', 'prisma/backfills/fill.sql', '--yes');
    assert.equal([deploy.code, deploy.error.code], [5, 'LOCKED']);
    assert.match(deploy.error.message, 'db:backfill');
    await query(there, 'SELECT pg_wal_replay_resume()');
    assert.is((await ended)[0], 0, said);
    assert.match(said, '5,000 rows');
    assert.equal(await counts(made.url), [{ n: 1, count: 5_000 }]);
  } finally {
    await standby.stop();
  }
});

test('a row that somebody holds is waited for, and said; nothing of a wrong file is run', async () => {
  const made = await product(
    'UPDATE "Users" AS u SET shown = v.t FROM (VALUES (7, \'seven\')) AS v(id, t) WHERE u.id = v.id AND shown IS DISTINCT FROM v.t',
  );
  await withClient(made.url, async (other) => {
    await other.query(`SET application_name = 'the clerk'; BEGIN; UPDATE "Users" SET n = 5 WHERE id = 7`);
    const child = made.start();
    let said = '';
    child.stderr?.on('data', (chunk) => (said += chunk));
    child.stdout?.on('data', (chunk) => (said += chunk));
    const ended = once(child, 'close');
    await until(async () => said.includes('is tried again in') || child.exitCode !== null);
    await other.query('COMMIT');
    assert.is((await ended)[0], 0, said);
  });
  assert.equal(await query(made.url, 'SELECT n, shown FROM "Users" WHERE id = 7'), [{ n: 5, shown: 'seven' }]);
  for (const [sql, code] of [
    ['UPDATE "Users" SET id = id + 1', 'BACKFILL_MOVES_KEY'],
    ['UPDATE "Users" SET nope = 1', 'BACKFILL_UNFIT'],
    ['UPDATE "Nobody" SET n = 1', 'BACKFILL_UNFIT'],
    ['DO $$ BEGIN UPDATE "Users" SET n = 1; END $$', 'BACKFILL_UNFIT'],
    ['UPDATE "Users" SET n = 1; DELETE FROM "Users"', 'READ_ONLY_ONLY'],
    ['DROP TABLE "Users"', 'BACKFILL_UNFIT'],
  ] as const) {
    made.write(sql);
    const { code: exit, error } = await made.fill('--again');
    assert.equal([exit, error.code], [2, code], sql);
  }
  assert.is((await made.ask('db:backfill', 'nowhere.sql')).error.code, 'BACKFILL_MISSING');
  await query(made.url, `CREATE ROLE reads_nothing LOGIN PASSWORD 'p'`);
  const narrow = new URL(await postgres.createDatabase(undefined, 'base'));
  Object.assign(narrow, { username: 'reads_nothing', password: 'p' });
  const { code, error } = await (await product('UPDATE "Users" SET n = 1', narrow.href)).fill('--plan');
  assert.equal([code, error.code], [2, 'BACKFILL_UNFIT']);
  assert.match(error.message, 'permission denied for table Users');
  assert.match(error.hint, 'GRANT SELECT, UPDATE');
});

test('a role that may not use the schema drydock is told so in one sentence', async () => {
  const url = await postgres.createDatabase(undefined, 'base');
  // By the owner, so that all of it is there.
  assert.is((await (await product('UPDATE "Users" SET n = 1 WHERE n = 0', url)).fill()).code, 0);
  await query(url, `CREATE ROLE narrow_fill LOGIN PASSWORD 'p'; GRANT SELECT, UPDATE ON "Users" TO narrow_fill`);
  const narrow = new URL(url);
  Object.assign(narrow, { username: 'narrow_fill', password: 'p' });
  const made = await product('UPDATE "Users" SET n = 1', narrow.href);
  const ask = async () => {
    const { code, error } = await made.fill();
    return `${code} ${error.code} ${error.message} ${error.hint}`;
  };
  for (const wanted of [
    /permission denied for schema drydock\. .*GRANT USAGE ON SCHEMA drydock/,
    /permission denied for table \w+\. .*ALL TABLES IN/,
  ]) {
    const said = await ask();
    assert.ok(said.startsWith('1 RIGHT_LACKING This role lacks a right on the database: ') && wanted.test(said), said);
    await query(url, 'GRANT USAGE ON SCHEMA drydock TO narrow_fill');
  }
});

test.run();
