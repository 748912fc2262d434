// Uses PostgreSQL, which logs every statement; the tasks run whole, some of them as processes.
import { createHash } from 'node:crypto';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig, loadEnvironment, Secret } from '@drydock/kit';
import { runTaskForTest, sampleRounds, taskProcesses } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import drillTask from '../scripts/drill.ts';
import restoreTask from '../scripts/restore.ts';
import verifyTask from '../scripts/verify.ts';
import { type Manifest, readManifest, writeManifest } from '../src/manifest.ts';
import { DUMP, GLOBALS, MANIFEST, newBackupId } from '../src/names.ts';
import { openPlanned } from '../src/restore/plan.ts';
import { openSource } from '../src/restore/source.ts';
import { openSigner } from '../src/signature.ts';
import type { FileStore } from '../src/store/file.ts';
import { type Keys, keyOf, makeKeys, makeProduct, query } from './world.ts';

const test = suite('planted backups');
let postgres: TestPostgres;
/** Of the host that backs up; of who plants; of another product's host. */
let [ours, theirs, others]: Keys[] = [];
/** The live database, and what is in the store before anything is planted: two backups of ours, and one of theirs elsewhere. */
let live: string;
let shelf: string;
let [older, newest, planted]: string[] = [];
let attacker: string;

/** Runs as whoever restores it, as soon as a constraint is checked. */
const CODE = `CREATE TABLE "T" ("id" integer NOT NULL, CONSTRAINT "T_pkey" PRIMARY KEY ("id")); INSERT INTO "T" VALUES (666);
  CREATE FUNCTION public.planted_ok(i int) RETURNS boolean LANGUAGE plpgsql AS $f$BEGIN IF current_database() LIKE '%\\_restore\\_%' OR current_database() LIKE '%\\_drill\\_%'
  THEN EXECUTE $$ALTER ROLE drydock SET work_mem = '9MB'$$; END IF; RETURN true; END$f$; ALTER TABLE "T" ADD CONSTRAINT planted CHECK (public.planted_ok(id))`;

test.before(async () => {
  postgres = await startTestPostgres({
    settings: { log_statement: 'all', logging_collector: 'on', log_directory: 'log', log_filename: 'all.log' },
  });
  [ours, theirs, others] = [await makeKeys(), await makeKeys(), await makeKeys()];
  live = await postgres.createDatabase('shop');
  await query(live, 'CREATE TABLE "T" ("id" integer PRIMARY KEY); INSERT INTO "T" VALUES (1)');
  const product = makeProduct(live, ours);
  older = (await product.ask('db:backup')).data.id;
  await query(live, 'INSERT INTO "T" VALUES (2)');
  newest = (await product.ask('db:backup')).data.id;
  shelf = join(product.root, 'backups');
  // Who plants knows the public key, the product's name, and the names of roles.
  const evil = await postgres.createDatabase('evil');
  await query(evil, CODE);
  const workshop = makeProduct(evil, { ...theirs, recipient: ours.recipient } as Keys);
  planted = (await workshop.ask('db:backup')).data.id;
  attacker = join(workshop.root, 'backups');
});
test.after(() => postgres.stop());

/** The victim, with a store of its own that somebody else has written to. */
function victim(plant: (store: FileStore) => void, more: Parameters<typeof makeProduct>[2] = {}) {
  const product = makeProduct(live, ours as Keys, more);
  cpSync(shelf, join(product.root, 'backups'), { recursive: true });
  plant(product.store);
  return product;
}

const manifestOf = (root: string, id = ''): Manifest => {
  const read = readManifest(readFileSync(join(root, 'strange/staging', id, MANIFEST), 'utf8'));
  if (!read.ok) throw new Error(read.why);
  return read.manifest;
};
const write = (store: FileStore, id = '', text = '') =>
  writeFileSync(store.pathOf(keyOf('staging', id, MANIFEST)), text);
/** With the signature of another text. */
const withSignatureOf = (text: string, of: string) =>
  `${JSON.stringify({ ...JSON.parse(text), signature: JSON.parse(of).signature }, null, 2)}\n`;
const textOf = (root: string, id = '') => readFileSync(join(root, 'strange/staging', id, MANIFEST), 'utf8');
/** The backup of `id` as the planted one would have it: their dump, and a manifest that fits it. */
function fitted(store: FileStore, id = '', more: Partial<Manifest> = {}): Manifest {
  for (const name of [DUMP, GLOBALS])
    cpSync(join(attacker, 'strange/staging', planted ?? '', name), store.pathOf(keyOf('staging', id, name)));
  return { ...manifestOf(attacker, planted), ...more, id } as Manifest;
}
const signedBy = ({ signing }: Keys) => openSigner(new Secret(signing.secret));

const PLANTED: Record<string, (store: FileStore) => void> = {
  'right product, signed by somebody': (store) =>
    cpSync(join(attacker, 'strange/staging'), store.pathOf('strange/staging'), { recursive: true }),
  'right product, signed by nobody': (store) => write(store, newest, writeManifest(fitted(store, newest))),
  'signed by the host of another product': (store) =>
    write(store, newest, writeManifest(fitted(store, newest), signedBy(others as Keys))),
  'an old backup under a new name': (store) =>
    cpSync(store.pathOf(`strange/staging/${older}`), store.pathOf(`strange/staging/${newBackupId()}`), {
      recursive: true,
    }),
  'the manifest of an older one over the newest': (store) => write(store, newest, textOf(shelf, older)),
  'another dump in the place of ours': (store) => void fitted(store, newest),
  'our manifest edited and sealed again': (store) =>
    write(store, newest, withSignatureOf(writeManifest(fitted(store, newest)), textOf(shelf, newest))),
  'our manifest edited, its signature taken off': (store) =>
    write(store, newest, writeManifest({ ...manifestOf(shelf, newest), objects: fitted(store, newest).objects })),
  'the signature of another manifest of ours': (store) =>
    write(store, newest, withSignatureOf(textOf(shelf, newest), textOf(shelf, older))),
  'our dump cut short': (store) => {
    const file = store.pathOf(keyOf('staging', newest ?? '', DUMP));
    writeFileSync(file, readFileSync(file).subarray(0, -1));
  },
  'its environment changed': (store) =>
    write(store, newest, writeManifest({ ...manifestOf(shelf, newest), env: 'production' }, signedBy(theirs as Keys))),
  'its product changed': (store) =>
    write(
      store,
      newest,
      withSignatureOf(
        writeManifest({ ...manifestOf(shelf, newest), product: 'other' }, signedBy(theirs as Keys)),
        textOf(shelf, newest),
      ),
    ),
  'a name that leads out of the store': (store) =>
    write(store, newest, sealed({ ...fitted(store, newest), objects: [{ name: '../../../etc/cron', ...NOTHING }] })),
};

const NOTHING = { bytes: 1, sha256: '0'.repeat(64) };
/** What `writeManifest` would not write. */
function sealed(content: object): string {
  const seal = createHash('sha256')
    .update(JSON.stringify(content, null, 2))
    .digest('hex');
  return `${JSON.stringify({ ...content, seal }, null, 2)}\n`;
}

type Ran = { code: string | undefined; exit: number };
type Victim = ReturnType<typeof victim>;
const ran = async (
  ...[task, product, ...argv]: [Parameters<typeof runTaskForTest>[0], Victim, ...string[]]
): Promise<Ran> => {
  const { outcome, error } = await runTaskForTest(task, product.root, ['--env', 'staging', ...argv]);
  if (error) return { code: error.code, exit: error.exit };
  const [finding] = (outcome?.findings ?? []).filter(({ level }) => level === 'error');
  return { code: finding?.code, exit: outcome?.ok === false || finding ? 3 : 0 };
};
const TASKS: Record<string, (product: Victim) => Promise<Ran>> = {
  'restore beside': (product) => ran(restoreTask, product, '--to', 'beside', '--yes'),
  'restore beside, one job': (product) => ran(restoreTask, product, '--to', 'beside', '--jobs', '1', '--yes'),
  'restore in place': (product) => ran(restoreTask, product, '--in-place', '--yes'),
  drill: (product) => ran(drillTask, product),
  verify: (product) => ran(verifyTask, product),
  async rehearsal({ root }) {
    const answer = await taskProcesses(root).ask('db:dry-run', '--from-backup', 'latest');
    return { code: answer.error?.code, exit: answer.code };
  },
};

const databases = () => query(postgres.adminUrl, 'SELECT datname FROM pg_database ORDER BY 1');
const settings = () =>
  query(postgres.adminUrl, 'SELECT setdatabase::int, setrole::int, setconfig FROM pg_db_role_setting ORDER BY 1, 2');
async function statementsSince(at: number): Promise<{ text: string; end: number }> {
  const [{ path }] = await query(
    postgres.adminUrl,
    `SELECT current_setting('data_directory') || '/log/all.log' AS path`,
  );
  const text = readFileSync(path, 'utf8');
  return { text: text.slice(at), end: text.length };
}

test('what was planned is what is restored: another manifest of the same host in its place is refused', async () => {
  const product = victim(() => {});
  const config = await loadConfig(undefined, product.root);
  const environmentOf = (env: string) => loadEnvironment(config, env, {});
  const ctx = { config, env: 'staging', environmentOf };
  const { source } = await openSource(ctx, newest ?? '');
  const plan = { from: newest ?? '', digest: source.digest ?? null, trusted: null };
  assert.is((await openPlanned(ctx, plan)).digest, source.digest);
  write(
    product.store,
    newest,
    writeManifest({ ...manifestOf(shelf, newest), reason: 'another' }, signedBy(ours as Keys)),
  );
  const error = await openPlanned(ctx, plan).catch((cause) => cause);
  assert.equal([error.code, error.exit], ['BACKUP_CHANGED', 4]);
});

for (const [name, plant] of Object.entries(PLANTED))
  test(`${name}: refused by every task before anything of it is executed`, async () => {
    const before = { databases: await databases(), settings: await settings() };
    const { end } = await statementsSince(0);
    const all = Object.entries(TASKS);
    for (const [task, run] of name.startsWith('right') ? all : sampleRounds(all.slice(0, -1), 3)) {
      const { code, exit } = await run(victim(plant));
      assert.ok(exit !== 0, `${task} must refuse it`);
      assert.match(
        code ?? '',
        /^(BACKUP_(UNTRUSTED|FORGED|DAMAGED|UNKNOWN)|OBJECT_DAMAGED|DRILL_FAILED|FOREIGN_BACKUP)$/,
        `${task}: ${code} ${exit}`,
      );
    }
    const { text } = await statementsSince(end);
    assert.not.match(text, /planted/, 'no statement of it was run');
    assert.not.match(text, /CREATE DATABASE/, 'no database was made for it');
    assert.equal(await databases(), before.databases);
    assert.equal(await settings(), before.settings);
    assert.equal(await query(live, 'SELECT id FROM "T" ORDER BY 1'), [{ id: 1 }, { id: 2 }]);
  });

test.run();
