// Uses PostgreSQL 14, 15 and 18: what goes wrong while a backup is made.
import { execFileSync } from 'node:child_process';
import { chmodSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type OpsError, Secret, withPostgres } from '@drydock/kit';
import { hintOf, runStepsForTest } from '@drydock/kit/testing';
import { postgresOf, startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backupStep } from '../src/backup.ts';
import { listBackups } from '../src/catalogue.ts';
import { Snapshot } from '../src/dump/snapshot.ts';
import { FileStore } from '../src/store/file.ts';
import { S3Store } from '../src/store/s3.ts';
import type { BackupTarget } from '../src/target.ts';
import { type Keys, makeKeys, makeTarget, query, readFinished, SHELF, temporaryFolder } from './world.ts';

const test = suite('a backup that fails');
let postgres: TestPostgres;
let keys: Keys;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
  keys = await makeKeys();
});
test.after(() => postgres.stop());

async function target(sql = '', more: Partial<BackupTarget> = {}) {
  const url = await postgres.createDatabase();
  if (sql) await query(url, sql);
  return makeTarget(url, keys, more);
}
/** Its name. */
async function backup(of: BackupTarget): Promise<string> {
  const step = backupStep(of);
  const { results } = await runStepsForTest([step]);
  return results.of(step).id;
}
const refusal = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error) => error as OpsError,
  );
/** Tries again and again until it is done, or the work has ended without it. */
async function until(work: Promise<unknown>, isDone: () => Promise<boolean>): Promise<void> {
  let ended = false;
  void work.then(() => {
    ended = true;
  });
  while (!ended && !(await isDone())) await new Promise((done) => setTimeout(done, 5));
}
const finished = async (store: FileStore) =>
  (await listBackups(store, SHELF)).filter((one) => one.finished).map(({ id }) => id);

test('a dump that fails says why, leaves nothing, and leaves the backup before it alone', async () => {
  const of = await target();
  const good = await backup(of);
  const broken = { ...of, url: new Secret(of.url.reveal().replace(/:[^:@/]+@/, ':wrong-password@')) };
  assert.match((await refusal(backup(broken)))?.message ?? '', /refuses the connection/);
  assert.equal(readdirSync(of.store.pathOf('strange/staging')), [good]);
});

test('a table that may not be read fails the backup loudly', async () => {
  const of = await target('CREATE TABLE secret_table (n int); CREATE ROLE weak LOGIN PASSWORD $$weak-password$$');
  const weak = { ...of, url: new Secret(of.url.reveal().replace(/\/\/[^@]+@/, '//weak:weak-password@')) };
  const error = await refusal(backup(weak));
  assert.is(error?.code, 'DUMP_FAILED');
  assert.match(error?.message ?? '', 'permission denied for table secret_table');
  assert.equal(readdirSync(of.store.pathOf('')), []);
  // Without checksums it is pg_dump that meets it.
  assert.match(
    (await refusal(backup({ ...weak, checksums: false })))?.message ?? '',
    'permission denied for table secret_table',
  );
});

test('a pg_dump that is killed, or ends early, makes no backup', async () => {
  const of = await target(
    `CREATE TABLE t (s text); INSERT INTO t SELECT repeat(md5(n::text), 30) FROM generate_series(1, 60000) n`,
  );
  const good = await backup(of);
  const killed = refusal(backup(of));
  await until(killed, async () => {
    const pids = execFileSync('bash', ['--norc', '-c', `pgrep -P ${process.pid} -x pg_dump || true`], {
      encoding: 'utf8',
    }).trim();
    return pids !== '' && process.kill(Number(pids.split('\n')[0]), 'SIGKILL');
  });
  assert.match((await killed)?.message ?? '', 'pg_dump failed: it was ended by SIGKILL');
  assert.equal(await finished(of.store), [good]);
  assert.equal(readdirSync(of.store.pathOf('strange/staging')), [good], 'nothing is left behind');
});

test('an age that is killed in the middle makes no backup', async () => {
  const of = await target(
    `CREATE TABLE t (s text); INSERT INTO t SELECT repeat(md5(n::text), 30) FROM generate_series(1, 3000) n`,
  );
  const good = await backup(of);
  const dies = join(temporaryFolder(), 'age');
  // It takes some of what comes, and hands nothing on.
  writeFileSync(dies, '#!/bin/sh\nhead -c 20000 > /dev/null\nkill -9 $$\n', { mode: 0o700 });
  process.env.AGE_PATH = dies;
  const error = await refusal(backup(of)).finally(() => delete process.env.AGE_PATH);
  assert.is(error?.code, 'ENCRYPT_FAILED', error?.message);
  assert.match(error?.message ?? '', 'age, which encrypts the dump, failed: it ended with SIGKILL.');
  assert.equal(await finished(of.store), [good]);
  assert.equal(readdirSync(of.store.pathOf('strange/staging')), [good], 'nothing is left behind');
});

test('the server going away in the middle makes no backup', async () => {
  const of = await target(
    `CREATE TABLE t (s text); INSERT INTO t SELECT repeat(md5(n::text), 30) FROM generate_series(1, 60000) n`,
  );
  const working = refusal(backup(of));
  await until(working, async () => {
    const rows = await query(
      postgres.adminUrl,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'drydock pg_dump%'`,
    );
    return rows.length > 0;
  });
  const error = await working;
  assert.is(error?.code, 'DUMP_FAILED', error?.message);
  assert.equal(await finished(of.store), []);
});

test('a full disk is one sentence, and nothing is left on it', async () => {
  const folder = temporaryFolder();
  if (process.getuid?.() !== 0) return;
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=700', 'tmpfs', folder]);
  try {
    const of = await target(
      `CREATE TABLE t (s text); INSERT INTO t SELECT md5(n::text) FROM generate_series(1, 100000) n`,
      {
        stores: [new FileStore(folder)],
      },
    );
    const error = await refusal(backup(of));
    assert.is(error?.code, 'STORE_FULL');
    assert.match(hintOf(error), 'backup:prune');
    assert.equal(await new FileStore(folder).list(''), []);
    assert.equal(
      await new FileStore(folder).sweep('', new Date(Date.now() + 1_000)),
      [],
      'no half-written file either',
    );
  } finally {
    execFileSync('umount', [folder]);
  }
});

test('a store that stops answering fails the backup, and is named', async () => {
  const sockets: import('node:net').Socket[] = [];
  const silent = createServer((socket) => void sockets.push(socket.on('error', () => {})));
  await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done));
  const { port } = silent.address() as { port: number };
  const store = new S3Store({
    bucket: 'gone',
    prefix: '',
    pathStyle: true,
    region: 'us-east-1',
    endpoint: `http://127.0.0.1:${port}`,
    credentials: { accessKeyId: 'x', secretAccessKey: 'y' },
    serverSideEncryption: undefined,
    kmsKeyId: undefined,
    conditionalWrites: false,
    silenceMs: 500,
  });
  const of = await target('CREATE TABLE t (n int)', { stores: [store] });
  const error = await refusal(backup(of));
  assert.is(error?.code, 'STORE_UNREACHABLE');
  assert.match(error?.message ?? '', 's3:gone does not answer');
  for (const socket of sockets) socket.destroy();
  silent.close();
});

test('a store that cannot be written is one sentence', async () => {
  const of = await target();
  writeFileSync(of.store.pathOf('strange'), 'a file where the folder should be');
  assert.is((await refusal(backup(of)))?.code, 'STORE_NOT_WRITABLE');
  chmodSync(of.store.pathOf(''), 0o700);
});

test('a server newer than pg_dump is told as such', async () => {
  const binaries = postgresOf(18);
  if (!binaries) return;
  const newer = await startTestPostgres({ binaries, settings: { shared_preload_libraries: '' } });
  try {
    const error = await refusal(backup(makeTarget(await newer.createDatabase(), keys)));
    assert.is(error?.code, 'PG_DUMP_TOO_OLD');
    assert.match(error?.message ?? '', /pg_dump(all)? 15[.\d]+ cannot read a server of version 18/);
    assert.match(hintOf(error), 'postgresql-client-18');
  } finally {
    await newer.stop();
  }
});

test('a server older than pg_dump is backed up; where its locks are few, its own advice is told', async () => {
  const binaries = postgresOf(14);
  if (!binaries) return;
  const few = { max_locks_per_transaction: '10', max_connections: '20' };
  const older = await startTestPostgres({ binaries, settings: { shared_preload_libraries: '', ...few } });
  try {
    const url = await older.createDatabase();
    await query(url, 'CREATE TABLE t AS SELECT generate_series(1, 10) n');
    const of = makeTarget(url, keys);
    const id = await backup(of);
    assert.is((await readFinished(of.store, 'staging', id))?.tables?.[0]?.rows, 10);
    // More tables than one transaction may hold there: what PostgreSQL advises is handed on.
    for (let n = 0; n < 10; n++)
      await query(
        url,
        `DO $$ BEGIN FOR i IN 1..200 LOOP EXECUTE format('CREATE TABLE many_${n}_%s ()', i); END LOOP; END $$`,
      );
    const error = await refusal(backup(of));
    assert.is(error?.code, 'DUMP_FAILED');
    assert.match(`${error?.message} ${hintOf(error)}`, /out of shared memory.*max_locks_per_transaction/);
  } finally {
    await older.stop();
  }
});

test('a table that somebody holds for himself is waited for within a bound, and told who holds it', async () => {
  const url = new Secret(await postgres.createDatabase());
  await query(url.reveal(), 'CREATE TABLE held (n int)');
  await withPostgres(url, 'the holder', async (holder) => {
    await holder.query('BEGIN; LOCK TABLE held IN ACCESS EXCLUSIVE MODE');
    const error = await Snapshot.open(url, 1_000).then(
      () => undefined,
      (thrown) => thrown as OpsError,
    );
    assert.is(error?.code, 'TABLE_LOCKED');
    assert.match(error?.message ?? '', /held by session \d+ \(the holder, idle in transaction: .*LOCK TABLE held/);
    await holder.query('ROLLBACK');
  });
  await (await Snapshot.open(url, 1_000)).close();
});

test('a store that has fewer bytes than were written is told, and there is no success', async () => {
  const store = new FileStore(temporaryFolder());
  const list = store.list.bind(store);
  store.list = async (prefix) => (await list(prefix)).map((one) => ({ ...one, bytes: Math.max(0, one.bytes - 1) }));
  const error = await refusal(backup(await target('CREATE TABLE t (n int)', { stores: [store] })));
  assert.is(error?.code, 'BACKUP_SHORT');
  assert.match(error?.message ?? '', /has \d+ of the \d+ bytes of database\.dump\.zst\.age/);
});

test.run();
