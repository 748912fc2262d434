// Uses PostgreSQL 15 and 18 and its own tools; artefacts are opened again with Debian's age, zstd and pg_restore.
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type OpsError, requireTool, Secret, withPostgres } from '@drydock/kit';
import { hintOf, runStepsForTest } from '@drydock/kit/testing';
import { postgresOf, startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { ulid } from 'ulid';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backupStep } from '../src/backup.ts';
import { listBackups } from '../src/catalogue.ts';
import { Snapshot } from '../src/dump/snapshot.ts';
import { readManifest, writeManifest } from '../src/manifest.ts';
import { DUMP, GLOBALS, MANIFEST, newBackupId, timeOf } from '../src/names.ts';
import { describePace } from '../src/pace.ts';
import { compareRestored } from '../src/restore/compare.ts';
import { openSigner } from '../src/signature.ts';
import { FileStore } from '../src/store/file.ts';
import { S3Store } from '../src/store/s3.ts';
import type { BackupTarget } from '../src/target.ts';
import { type Keys, keyOf, makeKeys, makeTarget, query, readFinished, SHELF, temporaryFolder } from './world.ts';

const test = suite('backup');
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
/** Its name. The same `run` again is that run resumed. */
async function backup(of: BackupTarget, { run, at }: { run?: string; at?: Date } = {}): Promise<string> {
  const step = backupStep(of, at && (() => at));
  const { results } = await runStepsForTest([step], 'keep', run);
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
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const finished = async (store: FileStore) =>
  (await listBackups(store, SHELF)).filter((one) => one.finished).map(({ id }) => id);

test('a backup opens with nothing but age, zstd and pg_restore', async () => {
  const of = await target(
    `CREATE TABLE t (n int, s text); INSERT INTO t SELECT n, repeat('x', n % 100) FROM generate_series(1, 5000) n`,
  );
  const id = await backup(of);
  const manifest = await readFinished(of.store, 'staging', id);
  const key = join(temporaryFolder(), 'key');
  writeFileSync(key, keys.identity, { mode: 0o600 });
  const copy = await postgres.createDatabase();
  const line = `age -d -i "$KEY" "$FILE" | zstd -d | pg_restore -d "$DATABASE"`;
  const PATH = `${requireTool('pg_restore').replace(/\/[^/]+$/, '')}:${process.env.PATH}`;
  const file = of.store.pathOf(keyOf('staging', id, DUMP));
  execFileSync('bash', ['--norc', '-o', 'pipefail', '-c', line], {
    env: { PATH, KEY: key, FILE: file, DATABASE: copy },
  });
  assert.equal(await query(copy, 'SELECT count(*)::int AS rows, sum(length(s))::int AS letters FROM t'), [
    { rows: 5000, letters: 247_500 },
  ]);
  const plain = execFileSync('bash', ['--norc', '-c', 'age -d -i "$KEY" "$FILE" | zstd -d'], {
    env: { PATH, KEY: key, FILE: file },
  });
  assert.is(sha256(plain), manifest?.plain.sha256);
  assert.is(plain.length, manifest?.plain.bytes);
  for (const { name, sha256: kept, bytes } of manifest?.objects ?? []) {
    const stored = readFileSync(of.store.pathOf(keyOf('staging', id, name)));
    assert.equal([sha256(stored), stored.length], [kept, bytes]);
  }
  const globals = execFileSync('bash', ['--norc', '-c', 'age -d -i "$KEY" "$FILE" | zstd -d'], {
    env: { PATH, KEY: key, FILE: of.store.pathOf(keyOf('staging', id, GLOBALS)) },
    encoding: 'utf8',
  });
  assert.match(globals, 'CREATE ROLE drydock');
  assert.not.match(globals, 'PASSWORD', 'roles are kept without their passwords');
});

test('the manifest says what, when, by whom, and from which snapshot', async () => {
  const of = await target(
    'CREATE TABLE "Odd ""t""" (n int); INSERT INTO "Odd ""t""" VALUES (1), (2); CREATE EXTENSION citext',
  );
  const id = await backup({ ...of, reason: 'before the hotfix' });
  const manifest = await readFinished(of.store, 'staging', id);
  assert.is(manifest?.actor, 'test');
  assert.is(manifest?.reason, 'before the hotfix');
  assert.equal(manifest?.extensions, ['citext']);
  assert.equal(
    manifest?.tables?.map(({ name, rows }) => [name, rows]),
    [['public."Odd ""t"""', 2]],
  );
  assert.is(manifest?.structure.tables, 1);
  assert.match(manifest?.serverVersion ?? '', /^15/);
  assert.is(timeOf(id)?.getTime(), Math.floor(Date.parse(manifest?.startedAt ?? '') / 1_000) * 1_000);
});

test('nothing readable is stored, and nobody else may read it', async () => {
  const of = await target(`CREATE TABLE t (s text); INSERT INTO t VALUES ('very-private-text')`);
  const id = await backup(of);
  for (const name of [DUMP, GLOBALS, MANIFEST]) {
    const file = of.store.pathOf(keyOf('staging', id, name));
    assert.not.match(readFileSync(file, 'latin1'), 'very-private-text');
    assert.is(statSync(file).mode & 0o077, 0);
  }
});

test('several people can open it, and nobody else', async () => {
  const [other, stranger] = [await makeKeys(), await makeKeys()];
  const of = await target('CREATE TABLE t (n int)', { recipients: [keys.recipient, other.recipient] });
  const id = await backup(of);
  const open = (identity: string) => {
    const key = join(temporaryFolder(), 'key');
    writeFileSync(key, identity);
    return execFileSync('age', ['-d', '-i', key, of.store.pathOf(keyOf('staging', id, DUMP))], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  };
  assert.ok(open(keys.identity).equals(open(other.identity)));
  assert.throws(() => open(stranger.identity));
});

test('backups are listed newest first, and one without a manifest is none', async () => {
  const of = await target();
  const first = await backup(of, { at: new Date(Date.now() - 60_000) });
  const second = await backup(of);
  const third = newBackupId(new Date(Date.now() + 60_000));
  await of.store.write(keyOf('staging', third, DUMP), bytes('half'), { signal: new AbortController().signal });
  assert.equal(await finished(of.store), [second, first]);
});

test('a database that is written to all the while is backed up as of one moment, counts and checksums included', async () => {
  const of = await target(
    `CREATE TABLE a (id serial PRIMARY KEY, n int); CREATE TABLE b (id serial PRIMARY KEY, a int); INSERT INTO a (n) SELECT n FROM generate_series(1, 20000) n; INSERT INTO b (a) SELECT n FROM generate_series(1, 20000) n`,
  );
  const url = of.url.reveal();
  let writing = true;
  const writers = [1, 2, 3].map(async () => {
    for (let n = 0; writing; n++)
      await query(
        url,
        // Both tables in one transaction: a snapshot has as many of the one as of the other.
        `WITH x AS (INSERT INTO a (n) VALUES (${n}) RETURNING id) INSERT INTO b (a) SELECT id FROM x; UPDATE a SET n = n + 1 WHERE id = ${(n % 20_000) + 1}`,
      );
  });
  const ids = [await backup(of), await backup(of), await backup(of)];
  writing = false;
  await Promise.all(writers);
  for (const id of ids) {
    const manifest = await readFinished(of.store, 'staging', id);
    if (!manifest) throw new Error('a manifest');
    const [a, b] = manifest.tables ?? [];
    assert.is(a?.rows, b?.rows);
    const copy = await restored(of, id);
    const { findings } = await compareRestored(new Secret(copy), manifest, { jobs: 2 });
    assert.equal(findings, []);
  }
});

test('what differs from the manifest is found: a row, a value, a table, an index, a sequence', async () => {
  const of = await target(
    `CREATE TABLE t (id serial PRIMARY KEY, s text); INSERT INTO t (s) SELECT 'x' || n FROM generate_series(1, 100) n; CREATE INDEX i ON t (s); CREATE TABLE u (n numeric)`,
  );
  const id = await backup(of);
  const manifest = await readFinished(of.store, 'staging', id);
  if (!manifest) throw new Error('a manifest');
  const codes = async (change: string) => {
    const copy = await restored(of, id);
    await query(copy, change);
    return (await compareRestored(new Secret(copy), manifest, { jobs: 1 })).findings.map(({ code }) => code);
  };
  assert.equal(await codes('SELECT 1'), []);
  assert.equal(await codes('DELETE FROM t WHERE id = 7'), ['ROWS_DIFFER']);
  assert.equal(await codes(`UPDATE t SET s = 'y' WHERE id = 7`), ['CHECKSUM_DIFFERS']);
  assert.equal(await codes(`UPDATE t SET s = NULL WHERE id = 7`), ['CHECKSUM_DIFFERS']);
  assert.equal(
    await codes(
      `WITH x AS (SELECT s FROM t WHERE id = 1) UPDATE t SET s = (SELECT s FROM t WHERE id = 2) WHERE id = 1`,
    ),
    ['CHECKSUM_DIFFERS'],
  );
  assert.equal(await codes(`UPDATE t SET id = id + 100 WHERE id = 1`), ['CHECKSUM_DIFFERS']);
  assert.equal(await codes(`SELECT setval('t_id_seq', 99)`), ['SEQUENCE_DIFFERS']);
  assert.equal(await codes(`SELECT setval('t_id_seq', 100, false)`), ['SEQUENCE_DIFFERS']);
  assert.equal(await codes('ALTER TABLE t ALTER id DROP DEFAULT; DROP SEQUENCE t_id_seq'), [
    'OBJECTS_DIFFER',
    'SEQUENCE_DIFFERS',
  ]);
  assert.equal(await codes('DROP TABLE u'), ['TABLE_MISSING', 'OBJECTS_DIFFER']);
  assert.equal(await codes('DROP INDEX i'), ['OBJECTS_DIFFER']);
  // As many of each kind, and others: a restore that lost one of these would have passed.
  for (const change of [
    'DROP INDEX i; CREATE INDEX i ON t (s DESC)',
    'ALTER TABLE t ENABLE ROW LEVEL SECURITY',
    'GRANT SELECT ON t TO PUBLIC',
  ])
    assert.equal(await codes(change), ['OBJECTS_DIFFER'], change);
});

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

test('two stores get the same bytes; where one fails the other keeps its backup, and a second try copies it', async () => {
  const [first, second] = [new FileStore(temporaryFolder()), new FileStore(temporaryFolder())];
  const of = await target('CREATE TABLE t AS SELECT generate_series(1, 1000) n', { stores: [first, second] });
  const both = await backup(of);
  for (const name of [DUMP, GLOBALS, MANIFEST]) {
    const key = keyOf('staging', both, name);
    assert.ok(readFileSync(first.pathOf(key)).equals(readFileSync(second.pathOf(key))));
  }
  const run = ulid();
  const lost = second.pathOf('strange/staging');
  renameSync(lost, `${lost}.away`);
  writeFileSync(lost, 'in the way');
  const error = await refusal(backup(of, { run }));
  assert.is(error?.code, 'STORE_BEHIND');
  assert.match(error?.message ?? '', `is in ${first.label}, and not in ${second.label}`);
  rmSync(lost);
  renameSync(`${lost}.away`, lost);
  const before = await finished(first);
  const id = await backup(of, { run });
  assert.equal(await finished(first), before, 'it is copied, not made again');
  assert.ok(
    readFileSync(first.pathOf(keyOf('staging', id, DUMP))).equals(
      readFileSync(second.pathOf(keyOf('staging', id, DUMP))),
    ),
  );
});

test('what is copied to a store that was behind is what this run wrote: names that lead out, another hand, other bytes', async () => {
  const root = temporaryFolder();
  const [first, second] = [new FileStore(join(root, 'a/store')), new FileStore(join(root, 'b/store'))];
  const of = await target('CREATE TABLE t (n int)', { stores: [first, second] });
  const behind = async () => {
    const run = ulid();
    const id = await backup(of, { run });
    rmSync(second.pathOf(`strange/staging/${id}`), { recursive: true });
    return { run, id, manifest: first.pathOf(keyOf('staging', id, MANIFEST)) };
  };
  const names = () => [readdirSync(root).sort(), readdirSync(join(root, 'a')), readdirSync(join(root, 'b'))];

  const hostile = await behind();
  const { seal: _, signature: __, ...content } = JSON.parse(readFileSync(hostile.manifest, 'utf8'));
  const leading = {
    ...content,
    objects: content.objects.map((object: object) => ({ ...object, name: '../../../evil' })),
  };
  const seal = sha256(Buffer.from(JSON.stringify(leading, null, 2)));
  writeFileSync(hostile.manifest, `${JSON.stringify({ ...leading, seal }, null, 2)}\n`);
  const signersOf = (id: string) =>
    [first, second].map((store) => {
      const written = readManifest(readFileSync(store.pathOf(keyOf('staging', id, MANIFEST)), 'utf8'));
      return written.ok ? written.signedBy : written.why;
    });
  // It is made again; within the same second under the same name.
  const both = [keys.signing.key, keys.signing.key];
  assert.equal(signersOf(await backup(of, { run: hostile.run })), both);
  assert.equal(names(), [['a', 'b'], ['store'], ['store']]);

  const stranger = await behind();
  const text = readFileSync(stranger.manifest, 'utf8');
  const other = openSigner(new Secret((await makeKeys()).signing.secret));
  const read = readManifest(text);
  if (!read.ok) throw new Error(read.why);
  writeFileSync(stranger.manifest, writeManifest(read.manifest, other));
  assert.equal(signersOf(await backup(of, { run: stranger.run })), both);

  const changed = await behind();
  writeFileSync(first.pathOf(keyOf('staging', changed.id, DUMP)), 'other bytes');
  assert.is((await refusal(backup(of, { run: changed.run })))?.code, 'BACKUP_DAMAGED');
  assert.is(await readFinished(second, 'staging', changed.id), undefined);
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

test('a server older than pg_dump is backed up', async () => {
  const binaries = postgresOf(14);
  if (!binaries) return;
  const older = await startTestPostgres({ binaries, settings: { shared_preload_libraries: '' } });
  try {
    const url = await older.createDatabase();
    await query(url, 'CREATE TABLE t AS SELECT generate_series(1, 10) n');
    const of = makeTarget(url, keys);
    const id = await backup(of);
    assert.is((await readFinished(of.store, 'staging', id))?.tables?.[0]?.rows, 10);
  } finally {
    await older.stop();
  }
});

test('without the age program the same format is written by its package', async () => {
  const of = await target('CREATE TABLE t AS SELECT generate_series(1, 1000) n');
  const path = process.env.PATH;
  // Nothing but PostgreSQL's own programs, which are found by their folders.
  process.env.PATH = temporaryFolder();
  let id: string;
  try {
    id = await backup(of);
  } finally {
    process.env.PATH = path;
  }
  const key = join(temporaryFolder(), 'key');
  writeFileSync(key, keys.identity);
  assert.ok(execFileSync('age', ['-d', '-i', key, of.store.pathOf(keyOf('staging', id, DUMP))]).length > 0);
});

test('progress tells share, rate and what is left', () => {
  assert.is(
    describePace(100 * 1_048_576, 400 * 1_048_576, 2),
    '█████░░░░░░░░░░░░░░░ 25 %  100 MiB of about 400 MiB, 50 MiB/s, 6 s left',
  );
  assert.is(describePace(500 * 1_048_576, 400 * 1_048_576, 10), '500 MiB, 50 MiB/s', 'an estimate that was too low');
});

async function* bytes(text: string) {
  yield Buffer.from(text);
}

/** With stock tools, so that only the comparison is under test. */
async function restored(of: BackupTarget & { store: FileStore }, id: string): Promise<string> {
  const key = join(temporaryFolder(), 'key');
  writeFileSync(key, keys.identity);
  const copy = await postgres.createDatabase();
  const PATH = `${requireTool('pg_restore').replace(/\/[^/]+$/, '')}:${process.env.PATH}`;
  const child = spawn(
    'bash',
    ['--norc', '-o', 'pipefail', '-c', 'age -d -i "$KEY" "$FILE" | zstd -d | pg_restore -d "$DATABASE"'],
    {
      env: { PATH, KEY: key, FILE: of.store.pathOf(keyOf('staging', id, DUMP)), DATABASE: copy },
      stdio: 'ignore',
    },
  );
  const code = await new Promise((done) => child.once('close', done));
  if (code !== 0) throw new Error(`restore ended with ${code}`);
  assert.ok(existsSync(key));
  return copy;
}

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

test.run();
