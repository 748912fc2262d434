// Uses PostgreSQL and its own tools; artefacts are opened again with age, zstd and pg_restore.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { connectPostgres, type OpsError, requireTool, Secret } from '@drydock/kit';
import { runStepsForTest } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { Decrypter, generateIdentity, identityToRecipient } from 'age-encryption';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type BackupTarget, backupStep, newBackupId } from '../src/steps.ts';
import { FileStore } from '../src/store.ts';

const test = suite('backup');
let postgres: TestPostgres;
let identity: string;
test.before(async () => {
  postgres = await startTestPostgres();
  identity = await generateIdentity();
});
test.after(() => postgres.stop());

async function makeTarget(sql = ''): Promise<BackupTarget & { folder: string }> {
  const url = await postgres.createDatabase();
  const client = await connectPostgres(new Secret(url), 'test');
  if (sql) await client.query(sql);
  await client.end();
  const folder = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-backup-'));
  return {
    env: 'staging',
    url: new Secret(url),
    recipients: [await identityToRecipient(identity)],
    store: new FileStore(folder),
    folder,
  };
}

async function backup(target: BackupTarget, id = newBackupId()) {
  await runStepsForTest([backupStep(target, id)]);
  return id;
}
const refusal = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error) => error as OpsError,
  );
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

test('a backup opens with age, zstd and pg_restore, and holds the data', async () => {
  const target = await makeTarget(
    `CREATE TABLE t (n int, s text); INSERT INTO t SELECT n, repeat('x', n % 100) FROM generate_series(1, 5000) n`,
  );
  const id = await backup(target);
  const manifest = await target.store.read('staging', id);
  const stored = readFileSync(target.store.pathOf('staging', id, manifest?.stored.name ?? ''));
  assert.is(sha256(stored), manifest?.stored.sha256);
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  const plain = zstdDecompressSync(await decrypter.decrypt(stored));
  assert.is(sha256(plain), manifest?.plain.sha256);
  const url = await postgres.createDatabase();
  execFileSync(requireTool('pg_restore'), ['-d', url], { input: plain });
  const client = await connectPostgres(new Secret(url), 'test');
  const { rows } = await client.query('SELECT count(*)::int AS rows, sum(length(s))::int AS letters FROM t');
  await client.end();
  assert.equal(rows, [{ rows: 5000, letters: 247_500 }]);
});

test('nothing readable is stored, and nobody else may read it', async () => {
  const target = await makeTarget(`CREATE TABLE t (s text); INSERT INTO t VALUES ('very-private-text')`);
  const id = await backup(target);
  for (const name of readdirSync(join(target.folder, 'staging', id))) {
    const file = target.store.pathOf('staging', id, name);
    assert.not.match(readFileSync(file, 'latin1'), 'very-private-text');
    assert.is(statSync(file).mode & 0o077, 0);
  }
});

test('backups are listed newest first, and one without a manifest is none', async () => {
  const target = await makeTarget();
  const first = await backup(target, newBackupId(new Date(Date.now() - 60_000)));
  const second = await backup(target);
  await (await target.store.write('staging', '20990101T000000Z-unfinished', 'database.dump.zst.age')).close();
  assert.equal(
    (await target.store.list('staging')).map(({ id }) => id),
    [second, first],
  );
});

test('a dump that fails says why, leaves nothing, and leaves the backup before it alone', async () => {
  const target = await makeTarget();
  const good = await backup(target);
  const broken = { ...target, url: new Secret(target.url.reveal().replace(/:[^:@/]+@/, ':wrong-password@')) };
  const error = await refusal(backup(broken));
  assert.match(error?.message ?? '', /refuses the connection/);
  assert.equal(readdirSync(join(target.folder, 'staging')), [good]);
});

test('a table that may not be read fails the backup loudly', async () => {
  const target = await makeTarget(`CREATE TABLE secret_table (n int)`);
  const admin = await connectPostgres(target.url, 'test');
  await admin.query(
    `DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'weak') THEN CREATE ROLE weak LOGIN PASSWORD 'weak-password'; END IF; END $$`,
  );
  await admin.end();
  const weak = { ...target, url: new Secret(target.url.reveal().replace(/\/\/[^@]+@/, '//weak:weak-password@')) };
  const error = await refusal(backup(weak));
  assert.match(error?.message ?? '', /pg_dump failed: .*permission denied|Step "backup" failed: pg_dump failed/);
  assert.equal(await target.store.list('staging'), []);
});

test('a store that cannot be written is one sentence', async () => {
  const target = await makeTarget();
  writeFileSync(join(target.folder, 'staging'), 'a file where the folder should be');
  const error = await refusal(backup(target));
  assert.is(error?.code, 'STORE_NOT_WRITABLE');
  chmodSync(target.folder, 0o700);
});

test.run();
