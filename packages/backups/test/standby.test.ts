// Uses PostgreSQL and a standby that streams from it, and a database that takes no writes.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Secret, withPostgres } from '@drydock/kit';
import { taskProcesses } from '@drydock/kit/testing';
import { startTestPostgres, startTestStandby, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Keys, makeKeys, makeProduct, query } from './world.ts';

const test = suite('a database that takes no writes');
let postgres: TestPostgres;
let standby: Awaited<ReturnType<typeof startTestStandby>>;
let keys: Keys;
let url: string;
test.before(async () => {
  [postgres, keys] = await Promise.all([startTestPostgres({ own: true }), makeKeys()]);
  url = await postgres.createDatabase('shop');
  await query(url, 'CREATE TABLE t (n int PRIMARY KEY); INSERT INTO t VALUES (1), (2), (3)');
  standby = await startTestStandby(postgres);
});
test.after(async () => {
  await standby.stop();
  await postgres.stop();
});

test('a standby is looked at and backed up; its word reaches the log with the next run on the primary', async () => {
  const made = makeProduct(standby.urlOf(url), keys);
  mkdirSync(join(made.root, 'prisma/migrations'), { recursive: true });
  writeFileSync(
    join(made.root, 'prisma/schema.prisma'),
    'datasource db {\n  provider = "postgresql"\n}\nmodel t {\n  n Int @id\n}\n',
  );
  const status = await made.run('db:status');
  assert.is(status.code, 0, status.stdout);
  const { code, data, stderr } = await made.ask('db:backup', '--yes');
  assert.is(code, 0, stderr);
  assert.is(data.tables.find(({ name }: { name: string }) => name.endsWith('t')).rows, 3);
  assert.match(stderr, 'waits beside the journal: the database of staging is away, or takes no writes');
  assert.is((await made.run('backup:verify')).code, 0);
  // Another run of this checkout, whose shell leads to the primary.
  const moved = taskProcesses(made.root, { OPS_DATABASE_URL: url });
  assert.is((await moved.run('db:backup', '--yes')).code, 0);
  const events = await query(url, `SELECT event FROM drydock."AuditEvent" WHERE event = 'db:backup'`);
  assert.is(events.length, 2);
});

test('a task that changes something is refused in one sentence, on a standby and on a frozen database', async () => {
  const frozen = await postgres.createDatabase('frozen', 'template1');
  await query(frozen, 'CREATE TABLE t (n int)');
  await query(postgres.adminUrl, 'ALTER DATABASE frozen SET default_transaction_read_only = on');
  for (const [address, why] of [
    [standby.urlOf(url), 'it is a standby'],
    [frozen, 'it has default_transaction_read_only on'],
  ] as const) {
    const made = makeProduct(address, keys);
    const { code, error } = await made.ask('ops:lock', '--reason', 'a freeze', '--for', '1s', '--yes');
    assert.equal([code, error.code], [1, 'DATABASE_READ_ONLY']);
    assert.match(error.message, `The database of staging takes no writes: ${why}. Nothing was changed.`);
    assert.is((await made.run('db:backup', '--yes')).code, 0, 'what only reads does without');
  }
});

test('two backups of a standby at once: the second is told of the first', async () => {
  const address = standby.urlOf(url);
  const made = makeProduct(address, keys);
  await withPostgres(new Secret(address), 'drydock lock 01J0000000000000000000RUN1', async (client) => {
    await client.query(`SELECT pg_advisory_lock(${0x44525944}, 1)`);
    const { code, error } = await made.ask('db:backup', '--yes');
    assert.equal([code, error.code], [5, 'LOCKED']);
    assert.match(error.message, /^staging is locked by run 01J0000000000000000000RUN1, since /);
  });
});

test.run();
