// Uses PostgreSQL; tasks run as processes and are stopped while a statement of theirs holds a lock, or waits for one.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { databaseOf, Secret } from '@drydock/kit';
import { outlives, THOROUGH } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { applyMigration } from '../src/migrations/apply.ts';
import { readMigration } from '../src/migrations/folder.ts';
import { makeProduct } from './product.ts';
import { makeTarget, query, withClient } from './world.ts';

const test = suite('interrupted');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
  const base = await postgres.createDatabase('base');
  await applyMigration(new Secret(base), readMigration(makeTarget(base, FIRST).migrationsDir, '1_job'), {
    lockTimeoutMs: 200,
  });
  // One that is analysed need not be counted, which would wait as well.
  await query(base, 'INSERT INTO "Job" VALUES (1); ANALYZE "Job"');
});
test.after(() => postgres.stop());

const ROUNDS = THOROUGH ? 10 : 1;
/** From our exit until a session of ours is gone. */
const WITHIN_MS = 1_000;
const SCHEMA = 'model Job {\n  id Int @id\n  n  Int?\n}\n';
const FIRST = { '1_job': 'CREATE TABLE "Job" ("id" INTEGER NOT NULL, CONSTRAINT "Job_pkey" PRIMARY KEY ("id"));' };

async function until<T>(what: () => Promise<T | false>): Promise<T> {
  for (const end = Date.now() + 60_000; Date.now() < end; await sleep(20)) {
    const found = await what();
    if (found) return found;
  }
  throw new Error('it did not come about within a minute');
}

/** A migration that holds a lock for 45 s, on the target alone and while `slow` says so. */
const holding = (database: string) => `LOCK TABLE "Job" IN ACCESS EXCLUSIVE MODE;
SELECT pg_sleep(45) WHERE current_database() = '${database}' AND shobj_description((SELECT oid FROM pg_database WHERE datname = current_database()), 'pg_database') = 'slow';
ALTER TABLE "Job" ADD COLUMN "n" INTEGER;`;

async function product(config: object = {}) {
  const url = await postgres.createDatabase(undefined, 'base');
  const name = databaseOf(new Secret(url));
  await query(url, `COMMENT ON DATABASE ${name} IS 'slow'`);
  return { url, name, made: makeProduct(url, SCHEMA, FIRST, config) };
}

const loseLock = (database: string) =>
  query(
    postgres.adminUrl,
    `SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
      WHERE locktype = 'advisory' AND classid = ${0x44525944} AND datname = '${database}'`,
  );

async function endingOf(child: ChildProcess): Promise<{ code: number | null; stdout: string }> {
  let stdout = '';
  child.stdout?.on('data', (chunk) => (stdout += chunk));
  child.stderr?.resume();
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout };
}

for (const how of ['SIGINT', 'SIGTERM', 'a lost lock'] as const)
  test(`${how} while a migration holds a lock: its session is gone at once, and --resume goes on`, async () => {
    const took: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const { url, name, made } = await product();
      made.write('2_n', holding(name), '');
      const child = made.start('db:deploy', '--yes');
      const ended = endingOf(child);
      const begun = async () => {
        if (how === 'a lost lock') await loseLock(name);
        else child.kill(how);
      };
      const sleeping = `datname = '${name}' AND state = 'active' AND query LIKE '%pg_sleep(45)%' AND wait_event = 'PgSleep'`;
      took.push(await outlives(postgres.adminUrl, sleeping, { begun, ended }));
      const { code, stdout } = await ended;
      assert.is(code, how === 'a lost lock' ? 1 : 130, stdout);
      await query(url, `COMMENT ON DATABASE ${name} IS NULL`);
      const resumed = await made.run('db:deploy', '--resume', '--yes');
      assert.is(resumed.code, 0, resumed.stdout);
    }
    if (THOROUGH) console.log(`${how}: at most ${Math.round(Math.max(...took))} ms after the exit, ${ROUNDS} rounds`);
    assert.ok(Math.max(...took) < WITHIN_MS, `a session went on for ${took.map(Math.round)} ms`);
  });

/** What waits for a table, of the catalogue's, that somebody else holds. */
const WAITING = {
  'pg_dump of a rehearsal': {
    task: 'db:dry-run',
    table: 'pg_catalog.pg_ts_parser',
    session: `application_name LIKE 'drydock pg_dump%'`,
  },
  "Prisma's engine": {
    task: 'db:drift',
    table: 'pg_catalog.pg_enum',
    session: `application_name = 'drydock schema engine'`,
  },
};

for (const [what, { task, table, session }] of Object.entries(WAITING))
  test(`SIGTERM while ${what} waits for a lock: its session is gone at once`, async () => {
    const took: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const { url, name, made } = await product();
      made.write('2_n', 'ALTER TABLE "Job" ADD COLUMN "n" INTEGER;', '');
      await withClient(url, async (other) => {
        await other.query(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
        const child = made.start(task);
        const ended = endingOf(child);
        const waits = `datname = '${name}' AND wait_event_type = 'Lock' AND ${session}`;
        took.push(await outlives(postgres.adminUrl, waits, { begun: () => void child.kill('SIGTERM'), ended }));
        assert.is((await ended).code, 130);
        await other.query('ROLLBACK');
      });
    }
    if (THOROUGH) console.log(`${what}: at most ${Math.round(Math.max(...took))} ms after the exit, ${ROUNDS} rounds`);
    assert.ok(Math.max(...took) < WITHIN_MS, `a session went on for ${took.map(Math.round)} ms`);
  });

test('whom a migration waits for is said within three seconds, again after that, without the values; Ctrl-C leaves nothing', async () => {
  const { url, name, made } = await product({ database: { lockTimeoutMs: 60_000 } });
  made.write('2_n', 'ALTER TABLE "Job" ADD COLUMN "n" INTEGER;', '');
  await withClient(url, async (other) => {
    await other.query(`SET application_name = 'the importer'; BEGIN`);
    await other.query(`UPDATE "Job" SET id = id WHERE 'ada@shop.example' <> '4111111111111111'`);
    const child = made.start('db:deploy', '--yes', '--data', 'schema');
    let said = '';
    const told: number[] = [];
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk) => {
        said += chunk;
        if (String(chunk).includes('waits for pid')) told.push(Date.now());
      });
    const ended = once(child, 'close');
    const [since] = await until(() =>
      query(
        postgres.adminUrl,
        `SELECT extract(epoch FROM query_start)::float8 * 1000 AS at FROM pg_stat_activity WHERE datname = '${name}' AND wait_event_type = 'Lock' AND query LIKE '%ADD COLUMN%'`,
      ).then((rows) => rows.length > 0 && rows),
    );
    await until(async () => told.length >= 2);
    child.kill('SIGINT');
    assert.is((await ended)[0], 130, said);
    assert.match(
      said,
      /2_n waits for pid \d+ \(the importer, drydock, idle in transaction, for \d+ s\): UPDATE "Job" SET id = id WHERE … <> …/,
    );
    assert.not.match(said, 'ada@shop');
    // A loaded machine is late.
    assert.ok((told[0] ?? 0) - since.at < 3_000 + (THOROUGH ? 0 : 2_000), `after ${(told[0] ?? 0) - since.at} ms`);
    const left = `SELECT application_name FROM pg_stat_activity WHERE datname = '${name}' AND application_name LIKE 'drydock%'`;
    await until(() => query(postgres.adminUrl, left).then(({ length }) => length === 0));
    await other.query('COMMIT');
  });
  const locks = `SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE datname = '${name}' AND locktype = 'advisory'`;
  assert.equal(await query(postgres.adminUrl, locks), []);
  assert.equal(
    await query(postgres.adminUrl, `SELECT datname FROM pg_database WHERE datname LIKE 'drydock_scratch_%'`),
    [],
  );
  const resumed = await made.run('db:deploy', '--resume', '--yes');
  assert.is(resumed.code, 0, resumed.stdout);
});

test.run();
