// Uses PostgreSQL and its own tools; artefacts are opened again with Debian's age, zstd and pg_restore.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type OpsError, requireTool, Secret } from '@drydock/kit';
import { runStepsForTest } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { ulid } from 'ulid';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backupStep } from '../src/backup.ts';
import { listBackups } from '../src/catalogue.ts';
import { readManifest, writeManifest } from '../src/manifest.ts';
import { DUMP, GLOBALS, MANIFEST, newBackupId, timeOf } from '../src/names.ts';
import { describePace } from '../src/pace.ts';
import { openSigner } from '../src/signature.ts';
import { FileStore } from '../src/store/file.ts';
import type { BackupTarget } from '../src/target.ts';
import { type Keys, keyOf, makeKeys, makeTarget, query, readFinished, SHELF, temporaryFolder } from './world.ts';

const test = suite('backup');
let postgres: TestPostgres;
let keys: Keys;
test.before(async () => {
  postgres = await startTestPostgres();
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

test.run();
