// Uses PostgreSQL behind PgBouncer, a standby, and a role that owns nothing: what each task says there.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { startTestPgBouncer, startTestPostgres, startTestStandby, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeProduct } from './product.ts';
import { query } from './world.ts';

const test = suite('where a database is not as a task would have it');
let postgres: TestPostgres;
let url: string;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
  url = await postgres.createDatabase('shop');
  assert.is((await product(url, { '1_t': FIRST }).ask('db:deploy', '--yes')).code, 0);
});
test.after(() => postgres.stop());

const SCHEMA = 'model T {\n  id BigInt @id\n  n  Int?\n}\n';
const FIRST = 'CREATE TABLE "T" ("id" BIGINT NOT NULL, CONSTRAINT "T_pkey" PRIMARY KEY ("id"));';
const ALL = { '1_t': FIRST, '2_n': 'ALTER TABLE "T" ADD COLUMN "n" INTEGER;' };

function product(at: string, migrations: Record<string, string> = ALL) {
  const made = makeProduct(at, migrations === ALL ? SCHEMA : SCHEMA.replace('  n  Int?\n', ''), migrations);
  const file = join(made.root, 'prisma/backfills/fill.sql');
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, 'UPDATE "T" SET id = id WHERE id < 0');
  writeFileSync(join(made.root, 'prisma/migrations/1_t/down.sql'), 'DROP TABLE "T";');
  return made;
}

const TASKS = [
  ['db:status'],
  ['db:drift'],
  ['db:dry-run'],
  ['db:verify'],
  ['db:slow'],
  ['db:baseline', '--check'],
  ['db:down', '--for', '2_n'],
  ['db:deploy', '--plan'],
  ['db:deploy', '--yes'],
  ['db:backfill', 'prisma/backfills/fill.sql', '--yes'],
  ['db:resolve', '--applied', '2_n', '--yes'],
  ['db:rollback', '--steps', '1', '--yes'],
];

/** Exit and code of each, with what is said. */
async function answers(at: string): Promise<Record<string, string>> {
  const made = product(at);
  const said: Record<string, string> = {};
  for (const [task = '', ...args] of TASKS) {
    const { code, error, findings = [] } = await made.ask(task, ...args);
    const codes = findings.map((found: { code: string }) => found.code).join();
    said[[task, ...args].join(' ')] = `${code} ${error ? `${error.code}: ${error.message}` : codes}`;
  }
  return said;
}

const POOLED = '2 POOLED_CONNECTION: OPS_DATABASE_URL leads to a pooler that shares its sessions between transactions';

test('through a pooler that shares its sessions what only looks is done, and no lock stays behind in it', async () => {
  const { hostname: host, port, username: user, password } = new URL(url);
  const pooler = await startTestPgBouncer({ host, port: Number(port), user, password }, 'transaction');
  try {
    const said = await answers(Object.assign(new URL(url), { port: String(pooler.port) }).href);
    assert.is(said['db:status'], '3 ');
    assert.is(said['db:deploy --plan'], '0 ');
    for (const [task, answer] of Object.entries(said))
      if (!/^db:(status|drift|slow|verify|baseline|deploy --plan)/.test(task))
        assert.ok(answer.startsWith(POOLED), `${task}: ${answer}`);
    assert.match(said['db:verify'] ?? '', 'PROMISE_UNKNOWN');
    assert.equal(await query(postgres.adminUrl, `SELECT objid FROM pg_locks WHERE locktype = 'advisory'`), []);
    assert.equal(await query(postgres.adminUrl, `SELECT FROM pg_database WHERE datname LIKE 'drydock%'`), []);
  } finally {
    await pooler.stop();
  }
});

test('on a standby what only looks is done, and the rest is one sentence', async () => {
  const standby = await startTestStandby(postgres);
  try {
    const said = await answers(standby.urlOf(url));
    assert.is(said['db:status'], '3 ');
    for (const [task, answer] of Object.entries(said))
      if (!/^db:(status|drift|slow|verify|baseline|deploy --plan)/.test(task))
        assert.ok(/^1 DATABASE_READ_ONLY: .* is a standby/.test(answer), `${task}: ${answer}`);
    assert.match(said['db:verify'] ?? '', 'PROMISE_UNKNOWN');
  } finally {
    await standby.stop();
  }
});

test('a role that owns nothing is told what it lacks, whatever it asks for', async () => {
  await query(postgres.adminUrl, `CREATE ROLE nobody_much LOGIN PASSWORD 'p'`);
  const said = await answers(Object.assign(new URL(url), { username: 'nobody_much', password: 'p' }).href);
  for (const [task, answer] of Object.entries(said))
    assert.ok(
      /^(1 RIGHT_LACKING: This role lacks a right|2 NO_CREATEDB: |1 STATEMENTS_UNKNOWN: )/.test(answer),
      `${task}: ${answer}`,
    );
});

test('a role that does not own the database deploys what it may, once schema drydock is there', async () => {
  await query(postgres.adminUrl, `CREATE ROLE deploys LOGIN CREATEDB PASSWORD 'p'`);
  await query(
    url,
    `GRANT CREATE, USAGE ON SCHEMA public TO deploys; GRANT ALL ON ALL TABLES IN SCHEMA public TO deploys;
     GRANT USAGE ON SCHEMA drydock TO deploys; GRANT ALL ON ALL TABLES IN SCHEMA drydock TO deploys`,
  );
  const made = product(Object.assign(new URL(url), { username: 'deploys', password: 'p' }).href, {
    '1_t': FIRST,
    '2_own': 'CREATE TABLE own (id INT);',
  });
  // Nobody is connected, and a copy of the files is the owner's alone: it is made otherwise.
  assert.is((await made.ask('db:dry-run')).data.copy, 'full');
  const { code, error } = await made.ask('db:deploy', '--yes', '--accept', 'DRIFT');
  assert.is(code, 0, JSON.stringify(error));
  assert.equal(await query(url, `SELECT tableowner FROM pg_tables WHERE tablename = 'own'`), [
    { tableowner: 'deploys' },
  ]);
});

test.run();
