// Uses PostgreSQL; tasks run whole, in this process.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { databaseOf, Secret } from '@drydock/kit';
import { runTaskForTest, taskProcesses } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import backupTask from '../scripts/backup.ts';
import drillTask from '../scripts/drill.ts';
import restoreTask from '../scripts/restore.ts';
import verifyTask from '../scripts/verify.ts';
import { readManifest } from '../src/manifest.ts';
import { DUMP, MANIFEST, newBackupId } from '../src/names.ts';
import { readPlain } from '../src/restore/plain.ts';
import { isSignedBy, makeSigningKey, openSigner } from '../src/signature.ts';
import { type Keys, keyOf, makeKeys, makeProduct, manifestText, query } from './world.ts';

const test = suite('whose backups are opened');
let postgres: TestPostgres;
let keys: Keys;
test.before(async () => {
  postgres = await startTestPostgres();
  keys = await makeKeys();
});
test.after(() => postgres.stop());

type Product = ReturnType<typeof makeProduct>;
type Task = Parameters<typeof runTaskForTest>[0];
/** A task of a product, as `npm run` has it. */
async function run(product: Product, task: Task, ...argv: string[]) {
  const { outcome, error, said } = await runTaskForTest(task, product.root, ['--env', 'staging', ...argv]);
  // biome-ignore lint/suspicious/noExplicitAny: what a task tells is its own.
  return { error, said, findings: outcome?.findings ?? [], outcome, data: outcome?.data as any };
}
const codes = (findings: { code: string }[]) => findings.map(({ code }) => code);

async function shop(more: Parameters<typeof makeProduct>[2] = {}) {
  const url = await postgres.createDatabase();
  await query(url, 'CREATE TABLE t AS SELECT generate_series(1, 10) AS n');
  return { url, name: databaseOf(new Secret(url)), product: makeProduct(url, keys, more) };
}
/** The same store under another config. */
function sameStore(from: Product, url: string, more: Parameters<typeof makeProduct>[2]): Product {
  const product = makeProduct(url, keys, more);
  cpSync(join(from.root, 'backups'), join(product.root, 'backups'), { recursive: true });
  return product;
}
const OPENSSL = 'openssl';
const NOBODY = { backups: { signers: [] }, env: { BACKUP_SIGNING_KEY: '' } };

test('a signature holds for that text and that key alone, and OpenSSL agrees', () => {
  const { key, secret } = makeSigningKey();
  const signer = openSigner(new Secret(secret));
  const text = manifestText({ id: newBackupId() });
  const signature = signer.sign(text);
  assert.is(isSignedBy(signature, text), true);
  assert.is(isSignedBy(signature, `${text} `), false);
  assert.is(isSignedBy({ ...signature, key: makeSigningKey().key }, text), false);
  assert.is(isSignedBy({ ...signature, value: signature.value.toUpperCase() }, text), false);
  assert.is(isSignedBy({ key: 'x', value: signature.value }, text), false);
  const folder = makeProduct('postgresql://a@127.0.0.1/b', keys).root;
  const file = (name: string, content: string | Uint8Array) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const pem = file('key.pem', `-----BEGIN PUBLIC KEY-----\n${key}\n-----END PUBLIC KEY-----\n`);
  const signed = file('signed', `drydock backup manifest 1\n${text}`);
  const value = file('value', Buffer.from(signature.value, 'hex'));
  const args = ['pkeyutl', '-verify', '-pubin', '-inkey', pem, '-rawin', '-in', signed, '-sigfile', value];
  assert.match(execFileSync(OPENSSL, args, { encoding: 'utf8' }), 'Verified Successfully');
});

test('a manifest of a later minor version is read, and what it says more is covered by its seal', () => {
  const text = manifestText({ id: newBackupId() });
  const { seal: _, ...content } = JSON.parse(text);
  const later = writeLater({ ...content, later: { more: [1, 2] } });
  const read = readManifest(later);
  assert.is(read.ok, true);
  assert.is(readManifest(later.replace('[\n      1,', '[\n      3,')).ok, false);
  assert.is(readManifest(later.replace('"later"', '"latter"')).ok, false);
  const next = readManifest(writeLater({ ...content, format: 99 }));
  assert.match(next.ok ? '' : next.why, 'of a format that this version does not read');
});

test('the keys of a host that are missing, or sign as somebody else, are told before a backup is made', async () => {
  const { url } = await shop();
  const without = makeProduct(url, keys, { env: { BACKUP_SIGNING_KEY: '' } });
  assert.is((await run(without, backupTask)).error?.code, 'SIGNING_KEY_MISSING');
  const stranger = makeProduct(url, keys, { env: { BACKUP_SIGNING_KEY: makeSigningKey().secret } });
  assert.is((await run(stranger, backupTask)).error?.code, 'SIGNER_UNKNOWN');
  const nonsense = makeProduct(url, keys, { env: { BACKUP_SIGNING_KEY: 'nonsense' } });
  const { error } = await run(nonsense, backupTask);
  assert.equal([error?.code, error?.exit], ['SIGNING_KEY_MALFORMED', 2]);
});

test('a signer that is taken out of the config is not believed any more; while both are in it, both are', async () => {
  const { url, name, product } = await shop();
  await run(product, backupTask);
  const next = makeSigningKey();
  const [before, after] = [
    { name: 'host', key: keys.signing.key },
    { name: 'next', key: next.key },
  ];
  const env = { BACKUP_SIGNING_KEY: next.secret };
  const both = sameStore(product, url, { backups: { signers: [before, after] }, env });
  assert.is((await run(both, verifyTask)).outcome?.ok ?? true, true);
  assert.is((await run(both, restoreTask, '--to', `${name}_both`, '--yes')).error, undefined);
  const rotated = sameStore(product, url, { backups: { signers: [after] }, env });
  const { error } = await run(rotated, restoreTask, '--in-place', '--yes');
  assert.equal([error?.code, error?.exit], ['BACKUP_UNTRUSTED', 4]);
  assert.match(error?.message ?? '', 'which backups.signers does not name');
  assert.equal(codes((await run(rotated, verifyTask)).findings), ['BACKUP_UNTRUSTED']);
});

test('the key of a signer may come from a variable; one that is not set lets nobody in', async () => {
  const { url, product, name } = await shop();
  await run(product, backupTask);
  const signers = [{ name: 'host', variable: 'BACKUP_SIGNER' }];
  const set = sameStore(product, url, { backups: { signers }, env: { BACKUP_SIGNER: keys.signing.key } });
  assert.is((await run(set, restoreTask, '--to', `${name}_set`, '--yes')).error, undefined);
  const unset = sameStore(product, url, { backups: { signers } });
  assert.is((await run(unset, restoreTask, '--to', `${name}_unset`, '--yes')).error?.code, 'VARIABLE_MISSING');
});

test('one that nobody signed is opened with --trust, and the log keeps why', async () => {
  const { url, name, product } = await shop(NOBODY);
  await run(product, backupTask);
  const signed = sameStore(product, url, {});
  const refused = await run(signed, restoreTask, '--to', `${name}_no`, '--yes');
  assert.is(refused.error?.code, 'BACKUP_UNTRUSTED');
  assert.match(refused.error?.hint ?? '', '--trust "REASON"');
  const { error, findings } = await run(signed, restoreTask, '--to', `${name}_yes`, '--trust', 'of before', '--yes');
  assert.is(error, undefined);
  assert.equal(codes(findings), ['TRUSTED']);
  const [event] = await query(url, `SELECT metadata FROM drydock."AuditEvent" WHERE event = 'backup.trusted'`);
  assert.equal([event?.metadata.reason, event?.metadata.why], ['of before', 'nobody signed it']);
  const drill = await run(signed, drillTask, '--trust', 'of before');
  assert.equal([drill.outcome?.ok, codes(drill.findings)], [true, ['TRUSTED']]);
  assert.equal(codes((await run(signed, verifyTask, '--trust', 'of before')).findings), ['TRUSTED']);
});

test('without pinned signers the log of the environment knows what was made for it, and a planted one is refused', async () => {
  const { name, product } = await shop(NOBODY);
  const made = await run(product, backupTask);
  assert.equal(codes(made.findings), ['UNSIGNED']);
  assert.match(made.findings[0]?.hint ?? '', 'npm run backup:keygen');
  const known = await run(product, restoreTask, '--to', `${name}_known`, '--yes');
  assert.equal([known.error, codes(known.findings)], [undefined, ['UNSIGNED']]);
  const elsewhere = await shop(NOBODY);
  const planted = await run(elsewhere.product, backupTask);
  const folder = `strange/staging/${planted.data.id}`;
  cpSync(elsewhere.product.store.pathOf(folder), product.store.pathOf(folder), { recursive: true });
  const { error } = await run(product, restoreTask, '--in-place', '--yes');
  assert.equal([error?.code, error?.exit], ['BACKUP_UNTRUSTED', 4]);
  assert.match(error?.message ?? '', 'the log of staging does not know it');
  const verified = await run(product, verifyTask);
  assert.equal([verified.outcome?.ok ?? true, codes(verified.findings)], [true, ['UNSIGNED', 'BACKUP_UNTRUSTED']]);
  assert.is(verified.data.checked[0].entries, null, 'it is not opened either');
});

test('a bare dump is signed by nobody, and cannot be proved by a drill', async () => {
  const { name, product } = await shop();
  const { data } = await run(product, backupTask);
  const bare = join(product.root, 'alone.dump.zst.age');
  cpSync(product.store.pathOf(keyOf('staging', data.id, DUMP)), bare);
  const refused = await run(product, restoreTask, '--from', bare, '--to', `${name}_bare`, '--yes');
  assert.is(refused.error?.code, 'BACKUP_UNTRUSTED');
  const restored = await run(product, restoreTask, '--from', bare, '--to', `${name}_bare`, '--trust', 'mine', '--yes');
  assert.is(restored.error, undefined);
  const drill = await run(product, drillTask, '--from', bare, '--trust', 'mine');
  assert.equal([drill.error?.code, drill.error?.exit], ['DRILL_NEEDS_MANIFEST', 3]);
});

test('not a byte comes of an object that changes while it is read', async () => {
  const { product } = await shop();
  const { data } = await run(product, backupTask);
  const read = readManifest(readFileSync(product.store.pathOf(keyOf('staging', data.id, MANIFEST)), 'utf8'));
  if (!read.ok) throw new Error(read.why);
  const stored = readFileSync(product.store.pathOf(keyOf('staging', data.id, DUMP)));
  for (const at of [0, Math.floor(stored.length / 2), stored.length - 1]) {
    const changed = Buffer.from(stored);
    changed[at] = (changed[at] ?? 0) ^ 1;
    const source = {
      label: 'it',
      manifest: read.manifest,
      digest: read.digest,
      read: async () => Readable.from([changed]),
    };
    const pieces: Buffer[] = [];
    const error = await (async () => {
      for await (const piece of readPlain(source, new Secret(keys.identity))) pieces.push(piece);
    })().then(
      () => undefined,
      (thrown) => thrown,
    );
    assert.equal([error?.code, pieces.length], ['BACKUP_DAMAGED', 0]);
  }
});

test('what lies beside the objects of a backup is told by verify, and nothing of it is restored', async () => {
  const { name, product } = await shop();
  const { data } = await run(product, backupTask);
  writeFileSync(product.store.pathOf(keyOf('staging', data.id, 'more.dump.zst.age')), 'planted');
  assert.equal(codes((await run(product, verifyTask)).findings), ['OBJECT_UNKNOWN']);
  assert.is((await run(product, restoreTask, '--to', `${name}_extra`, '--yes')).data.rows, 10);
});

test('in place of another environment, product or database: exit 4, until it is said with the reason', async () => {
  const { url, product } = await shop();
  await run(product, backupTask);
  const other = await postgres.createDatabase();
  const elsewhere = sameStore(product, other, {});
  const refused = await run(elsewhere, restoreTask, '--in-place', '--yes');
  assert.equal([refused.error?.code, refused.error?.exit], ['FOREIGN_BACKUP', 4]);
  assert.match(refused.error?.hint ?? '', '--foreign --reason TEXT');
  assert.is((await run(elsewhere, restoreTask, '--in-place', '--foreign', '--yes')).error?.code, 'FOREIGN_BACKUP');
  const said = ['--foreign', '--reason', 'moved', '--yes'];
  assert.is((await run(elsewhere, restoreTask, '--in-place', ...said)).error, undefined);

  // Staging's into production, which is guarded: people made unrecognisable are no reason.
  const config = join(product.root, 'drydock.config.ts');
  writeFileSync(config, readFileSync(config, 'utf8').replace(/("production":\{"guard":)"none"/, '$1"confirm"'));
  writeFileSync(join(product.root, '.env.production'), readFileSync(join(product.root, '.env.staging')));
  writeFileSync(join(product.root, 'anonymise.sql'), 'SELECT 1');
  // One database stands for both here.
  await query(url, `UPDATE drydock.identity SET environment = 'production'`);
  const production = ['--env', 'production', '--yes', '--confirm', 'production', '--reason', 'oops'];
  const tasks = taskProcesses(product.root);
  const from = ['--from', 'staging/latest', '--in-place', '--anonymise', 'anonymise.sql'];
  const into = await tasks.ask('db:restore', ...from, ...production);
  assert.equal([into.code, into.error.code], [4, 'FOREIGN_BACKUP']);
  assert.equal(await query(url, 'SELECT count(*)::int AS n FROM t'), [{ n: 10 }]);
});

/** As a later version would write it. */
function writeLater(content: object): string {
  const text = JSON.stringify(content, null, 2);
  const seal = createHash('sha256').update(text).digest('hex');
  return `${JSON.stringify({ ...content, seal }, null, 2)}\n`;
}

test.run();
