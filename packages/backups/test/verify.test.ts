// Uses PostgreSQL and an S3 endpoint; some tasks run as processes.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireTool, Secret } from '@drydock/kit';
import { runStepsForTest } from '@drydock/kit/testing';
import { startTestPostgres, startTestS3, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backupStep } from '../src/backup.ts';
import { readManifest, writeManifest } from '../src/manifest.ts';
import { DUMP, GLOBALS, MANIFEST } from '../src/names.ts';
import type { FileStore } from '../src/store/file.ts';
import type { BackupTarget } from '../src/target.ts';
import { checkBackup } from '../src/verify/check.ts';
import { type Keys, keyOf, makeKeys, makeProduct, makeTarget, query } from './world.ts';

const test = suite('backup verify');
let postgres: TestPostgres;
let keys: Keys;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
  keys = await makeKeys();
});
test.after(() => postgres.stop());

const ROWS = `CREATE TABLE t AS SELECT n, md5(n::text) AS s FROM generate_series(1, 2000) n`;

async function backup(of: BackupTarget): Promise<string> {
  const step = backupStep(of);
  const { results } = await runStepsForTest([step]);
  return results.of(step).id;
}
const check = (store: FileStore, id: string, identity?: string) =>
  checkBackup(store, { env: 'staging', product: 'strange' }, id, {
    identity: identity === undefined ? undefined : new Secret(identity),
    against: async () => undefined,
  });

/** A fixed sequence, so that a failure can be looked at again: xorshift32. */
function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

test('one flipped bit anywhere is found: 500 of 500, over dump, globals and manifest', async () => {
  const url = await postgres.createDatabase();
  await query(url, ROWS);
  const target = makeTarget(url, keys);
  const id = await backup(target);
  const { store } = target;
  assert.equal((await check(store, id, keys.identity)).findings, []);
  const roll = dice(20_261_124);
  const names = [DUMP, GLOBALS, MANIFEST];
  const missed: string[] = [];
  for (let n = 0; n < 500; n++) {
    const name = names[n % 3] ?? DUMP;
    const file = store.pathOf(keyOf('staging', id, name));
    const bytes = readFileSync(file);
    const [at, bit] = [roll(bytes.length), roll(8)];
    const flipped = Buffer.from(bytes);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
    writeFileSync(file, flipped);
    const { findings } = await check(store, id);
    if (findings.length === 0) missed.push(`${name} byte ${at} bit ${bit}`);
    writeFileSync(file, bytes);
  }
  assert.equal(missed, []);
  assert.equal((await check(store, id)).findings, []);
});

test('a manifest is read to the letter: another order, a blank, a field more or less is another manifest', () => {
  const good = (text: string) => readManifest(text).ok;
  const minimal = '{"format":1}';
  assert.is(good(minimal), false);
  assert.is(good(''), false);
  assert.is(good('[]'), false);
});

test('an object that is gone, short, or of another backup is named', async () => {
  const url = await postgres.createDatabase();
  await query(url, ROWS);
  const target = makeTarget(url, keys);
  const [first, second] = [await backup(target), await backup(target)];
  const { store } = target;
  const path = (id: string, name: string) => store.pathOf(keyOf('staging', id, name));
  const codes = async () => (await check(store, first)).findings.map(({ code }) => code);
  const dump = readFileSync(path(first, DUMP));
  writeFileSync(path(first, DUMP), dump.subarray(0, -1));
  assert.equal(await codes(), ['OBJECT_DAMAGED']);
  rmSync(path(first, DUMP));
  assert.equal(await codes(), ['OBJECT_MISSING']);
  writeFileSync(path(first, DUMP), dump);
  const manifest = readFileSync(path(first, MANIFEST));
  writeFileSync(path(first, MANIFEST), readFileSync(path(second, MANIFEST)));
  assert.equal(await codes(), ['BACKUP_FORGED']);
  writeFileSync(path(first, MANIFEST), manifest);
  assert.equal(await codes(), []);
});

test('a dump that is not what its manifest tells, however well it is signed, is named; so is a manifest that is none', async () => {
  const url = await postgres.createDatabase();
  await query(url, ROWS);
  const target = makeTarget(url, keys);
  const id = await backup(target);
  const path = (name: string) => target.store.pathOf(keyOf('staging', id, name));
  const read = readManifest(readFileSync(path(MANIFEST), 'utf8'));
  if (!read.ok) throw new Error(read.why);
  const { manifest, text } = read;
  const measured = (bytes: Buffer) => ({
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  });
  const codesWith = async (plain: Buffer) => {
    const packed = ['--norc', '-o', 'pipefail', '-c', 'zstd -q | age -r "$0"', keys.recipient];
    const stored = execFileSync('bash', packed, { input: plain });
    writeFileSync(path(DUMP), stored);
    const objects = manifest.objects.map((one) => (one.name === DUMP ? { name: DUMP, ...measured(stored) } : one));
    writeFileSync(path(MANIFEST), writeManifest({ ...manifest, plain: measured(plain), objects }, target.signer));
    return (await check(target.store, id, keys.identity)).findings.map(({ code }) => code);
  };
  const whole = ['-Fc', '-Z0', url];
  assert.equal(await codesWith(execFileSync(requireTool('pg_dump'), whole)), []);
  assert.equal(await codesWith(execFileSync(requireTool('pg_dump'), ['--exclude-table-data=t', ...whole])), [
    'CONTENTS_SHORT',
  ]);
  assert.equal(await codesWith(Buffer.from('no archive of pg_dump')), ['CONTENTS_UNREADABLE']);
  writeFileSync(path(MANIFEST), text.replace('"staging"', '"staginG"'));
  assert.equal(
    (await check(target.store, id)).findings.map(({ code }) => code),
    ['MANIFEST_DAMAGED'],
  );
  rmSync(path(MANIFEST));
  assert.equal(
    (await check(target.store, id)).findings.map(({ code }) => code),
    ['MANIFEST_DAMAGED'],
  );
});

test('the task checks one, or all, with the key or without, and says which', async () => {
  const url = await postgres.createDatabase();
  await query(url, ROWS);
  const product = makeProduct(url, keys);
  assert.is((await product.ask('backup:verify')).code, 3, 'there is none yet');
  const [first, second] = [await product.ask('db:backup'), await product.ask('db:backup')];
  const all = await product.ask('backup:verify', '--all');
  assert.equal([all.code, all.data.checked.length, all.data.opened], [0, 2, true]);
  assert.ok(all.data.checked[0].entries > 0);
  const file = product.store.pathOf(keyOf('staging', first.data.id, GLOBALS));
  writeFileSync(file, readFileSync(file).fill(0, 5, 6));
  assert.is((await product.ask('backup:verify')).code, 0, 'the newest is whole');
  const bad = await product.ask('backup:verify', '--id', first.data.id);
  assert.equal([bad.code, bad.findings[0].code], [3, 'OBJECT_DAMAGED']);
  assert.is((await product.ask('backup:verify', '--id', 'nonsense')).code, 3);
  const env = join(product.root, '.env.staging');
  writeFileSync(env, readFileSync(env, 'utf8').replace(/BACKUP_IDENTITY.*\n/, ''));
  const closed = await product.run('backup:verify', '--id', second.data.id);
  assert.is(closed.code, 0);
  assert.match(closed.stdout, 'without BACKUP_IDENTITY they were not opened');
});

test('the same in S3, with a prefix: backup, list, verify, restore, hold, prune', async () => {
  const s3 = await startTestS3();
  try {
    const url = await postgres.createDatabase('in_s3');
    await query(url, `CREATE TABLE big AS SELECT n, repeat(md5(n::text), 40) AS s FROM generate_series(1, 30000) n`);
    const product = makeProduct(url, keys, {
      backups: {
        stores: [
          { kind: 's3', prefix: 'shop/pg', pathStyle: true },
          { kind: 'file', path: 'backups' },
        ],
        retention: { days: 1, last: 1 },
      },
      env: {
        S3_ENDPOINT: s3.endpoint,
        S3_ACCESS_KEY_ID: s3.accessKeyId,
        S3_SECRET_ACCESS_KEY: s3.secretAccessKey,
        BACKUP_BUCKET: s3.bucket,
      },
    });
    const made = await product.ask('db:backup');
    assert.is(made.code, 0, made.error?.message);
    const list = await product.ask('backup:list');
    assert.equal(
      list.data.stores.map(({ store, count }: { store: string; count: number }) => [store.split(':')[0], count]),
      [
        ['s3', 1],
        ['file', 1],
      ],
    );
    const verified = await product.ask('backup:verify');
    assert.is(verified.code, 0, JSON.stringify(verified.findings));
    rmSync(join(product.root, 'backups'), { recursive: true });
    const restored = await product.ask('db:restore', '--to', 'from_s3', '--yes');
    assert.is(restored.code, 0, restored.error?.message);
    assert.is(restored.data.rows, 30_000);
    assert.is((await product.ask('backup:hold', '--id', made.data.id)).code, 0);
    assert.match(JSON.stringify((await product.ask('backup:list')).data), '"kind":"hold"');
    const plan = await product.ask('backup:prune', '--plan');
    assert.match(JSON.stringify(plan.data), 'held');
    assert.is((await product.ask('backup:hold', '--id', made.data.id, '--release')).code, 0);
    assert.not.match(JSON.stringify((await product.ask('backup:list')).data), '"kind":"hold"');
    assert.is((await product.ask('backup:hold', '--id', 'nonsense')).code, 2);
    const env = join(product.root, '.env.staging');
    writeFileSync(
      env,
      readFileSync(env, 'utf8').replace(/S3_ACCESS_KEY_ID='[^']*'/, `S3_ACCESS_KEY_ID='nobody-we-know'`),
    );
    const refused = await product.ask('backup:list');
    assert.is(refused.code, 1);
    assert.is(refused.error.code, 'STORE_REFUSED');
    writeFileSync(env, readFileSync(env, 'utf8').replace(/S3_SECRET_ACCESS_KEY='[^']*'/, ''));
    const half = await product.ask('backup:list');
    assert.equal([half.code, half.error.code], [2, 'STORE_KEYS_INCOMPLETE']);
  } finally {
    await s3.stop();
  }
});

test('nothing of a backup lies in the clear in the folder of the product', async () => {
  const url = await postgres.createDatabase();
  await query(url, `CREATE TABLE t (s text); INSERT INTO t VALUES ('very-private-text')`);
  const product = makeProduct(url, keys);
  await product.ask('db:backup');
  const files = readdirSync(product.root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const { parentPath, name } of files)
    assert.not.match(readFileSync(join(parentPath, name), 'latin1'), 'very-private-text', name);
});

test.run();
