// Uses PostgreSQL and psql; the tasks run as processes, as an operator who owns the database and is no superuser.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireTool } from '@drydock/kit';
import { taskProcesses } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Keys, makeKeys, makeProduct, query } from './world.ts';

const test = suite('what a role may not restore');
let postgres: TestPostgres;
let keys: Keys;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
  keys = await makeKeys();
  await query(
    postgres.adminUrl,
    `CREATE ROLE ops LOGIN CREATEDB PASSWORD 'ops'; CREATE ROLE other; GRANT pg_signal_backend TO ops; CREATE ROLE narrow LOGIN PASSWORD 'narrow'`,
  );
});
test.after(() => postgres.stop());

/** A database of `owner`: `given` by a superuser, `content` by the owner. */
async function shop(name: string, given: string, content = '', owner = 'ops') {
  await query(postgres.adminUrl, `CREATE DATABASE ${name} OWNER ${owner}`);
  const url = postgres.urlOf(name, { user: owner, password: owner });
  await query(postgres.urlOf(name), given);
  await query(url, `CREATE TABLE t (id int); INSERT INTO t VALUES (1); ${content}`);
  const product = makeProduct(url, keys);
  const backup = await product.ask('db:backup');
  assert.is(backup.code, 0, JSON.stringify(backup.error));
  return { product, url };
}
const databases = async (like: string) =>
  (await query(postgres.adminUrl, `SELECT datname FROM pg_database WHERE datname LIKE '${like}' ORDER BY 1`)).map(
    ({ datname }: { datname: string }) => datname,
  );

test('an extension that only a superuser may make stops a drill and a restore before a row is read; as typed by one, both pass', async () => {
  const { product, url } = await shop(
    'places',
    `CREATE SCHEMA ext; CREATE EXTENSION cube SCHEMA ext; CREATE EXTENSION earthdistance SCHEMA ext; CREATE EXTENSION pageinspect VERSION '1.8'; GRANT USAGE ON SCHEMA ext TO ops`,
    'CREATE TABLE place (id int, at ext.earth); INSERT INTO place VALUES (1, NULL)',
  );
  for (const args of [['backup:drill'], ['db:restore', '--to', 'places_look', '--yes']] as const) {
    const [task, ...rest] = args;
    const refused = await product.ask(task, ...rest);
    assert.equal([refused.code, refused.error.code], [1, 'EXTENSION_REFUSED'], task);
    assert.match(
      refused.error.message,
      /the extension earthdistance \(permission denied .*\), on which .*table place.* of the backup hang/,
    );
    assert.not.match(refused.error.message, 'pageinspect');
  }
  assert.equal(await databases('places%'), ['places'], 'nothing is left');
  assert.equal(await query(url, `SELECT 1 FROM drydock."AuditEvent" WHERE event = 'backup.drill'`), []);
  const { error } = await product.ask('backup:drill');
  execFileSync(requireTool('psql'), ['-X', '-v', 'ON_ERROR_STOP=1', postgres.adminUrl], {
    input: `${/psql: (.*;) Then/.exec(error.hint)?.[1]}\n`,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  const config = join(product.root, 'drydock.config.ts');
  writeFileSync(
    config,
    readFileSync(config, 'utf8').replace(/\};\s*$/, `, database: { scratch: { template: 'drydock_template' } } };\n`),
  );
  for (const args of [
    ['backup:drill'],
    ['db:restore', '--to', 'places_look', '--yes'],
    ['db:restore', '--in-place', '--yes'],
  ] as const) {
    const [task, ...rest] = args;
    // A process: its config is another one than it was.
    const { code, error: why, findings } = await taskProcesses(product.root).ask(task, ...rest);
    assert.is(code, 0, `${task} ${rest.join(' ')}: ${why?.message} ${JSON.stringify(findings)}`);
  }
  assert.equal(await query(postgres.urlOf('places_look'), `SELECT count(*)::int AS n FROM place`), [{ n: 1 }]);
  assert.equal(
    await query(url, `SELECT extname, extversion FROM pg_extension WHERE extname = 'earthdistance'`),
    await query(
      postgres.urlOf('places_look'),
      `SELECT extname, extversion FROM pg_extension WHERE extname = 'earthdistance'`,
    ),
  );
});

test('with the URL of a role that may, an extension is made in the version that was there', async () => {
  const { product } = await shop('by_role', `CREATE EXTENSION pageinspect VERSION '1.8'`);
  writeFileSync(join(product.root, '.env.staging.local'), `SCRATCH_DATABASE_URL='${postgres.adminUrl}'\n`);
  const { code, error, data } = await product.ask('db:restore', '--to', 'by_role_look', '--yes');
  assert.is(code, 0, error?.message);
  assert.equal(
    data.skipped.filter(({ hole }: { hole: boolean }) => hole),
    [],
  );
  assert.equal(
    await query(postgres.urlOf('by_role_look'), `SELECT extversion FROM pg_extension WHERE extname = 'pageinspect'`),
    [{ extversion: '1.8' }],
  );
});

test('what would lead out of a copy is left out and said; what only a superuser may make is told before a row is read', async () => {
  const { product } = await shop(
    'leads',
    `CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$; ALTER FUNCTION watch() OWNER TO ops; CREATE EVENT TRIGGER watches ON ddl_command_start EXECUTE FUNCTION watch();
     CREATE PUBLICATION everything FOR ALL TABLES; CREATE SUBSCRIPTION live CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p WITH (connect = false, slot_name = 'live_slot')`,
    '',
  );
  const drill = await product.ask('backup:drill');
  assert.is(drill.code, 0, JSON.stringify(drill.error ?? drill.findings));
  const refused = await product.ask('db:restore', '--in-place', '--yes');
  assert.equal([refused.code, refused.error.code], [1, 'PROPERTY_REFUSED']);
  assert.match(refused.error.message, /PUBLICATION everything .*EVENT TRIGGER watches/);
  const beside = await product.ask('db:restore', '--to', 'leads_look', '--skip-refused', '--yes');
  assert.is(beside.code, 0, beside.error?.message);
  const left = JSON.stringify(beside.findings);
  // What only a superuser's pg_dump tells of, the subscription, is not in this one.
  for (const what of ['PUBLICATION everything', 'EVENT TRIGGER watches']) assert.match(left, what);
  assert.equal(await query(postgres.adminUrl, 'SELECT subname, subslotname FROM pg_subscription'), [
    { subname: 'live', subslotname: 'live_slot' },
  ]);
  await query(postgres.adminUrl, 'DROP DATABASE leads_look');
});

test('owners that the role cannot act as, and databases that it may not make, are told with the plan', async () => {
  const { product } = await shop(
    'owned',
    'CREATE TABLE theirs (id int); ALTER TABLE theirs OWNER TO other; GRANT SELECT ON theirs TO ops',
  );
  for (const args of [['--to', 'owned_look'], ['--in-place']]) {
    const { code, error } = await product.ask('db:restore', ...args, '--plan');
    assert.equal([code, error.code], [1, 'OWNER_REFUSED']);
    assert.match(error.message, 'may not give objects of');
    assert.match(error.hint, 'GRANT "other" TO "ops"');
  }
  assert.is((await product.ask('db:restore', '--to', 'owned_look', '--no-owner', '--yes')).code, 0);
  const poor = await shop('poor', '', '', 'narrow');
  for (const args of [['backup:drill'], ['db:restore', '--to', 'poor_look'], ['db:restore', '--in-place']] as const) {
    const [task, ...rest] = args;
    const { code, error } = await poor.product.ask(task, ...rest, '--plan');
    assert.equal([code, error.code], [2, 'NO_CREATEDB'], args.join(' '));
    assert.match(error.hint, 'ALTER ROLE "narrow" CREATEDB');
  }
});

test('a role that a policy names and the server does not have is no fault of the backup: told before a row is read', async () => {
  await query(postgres.adminUrl, 'CREATE ROLE ghost');
  const { product, url } = await shop(
    'haunted',
    '',
    'ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY seen ON t TO ghost USING (id > 0)',
  );
  await query(url, 'DROP POLICY seen ON t');
  await query(postgres.adminUrl, 'DROP ROLE ghost');
  for (const [task, ...args] of [
    ['backup:drill'],
    ['db:restore', '--to', 'haunted_look', '--no-owner', '--yes'],
  ] as const) {
    const { code, error } = await product.ask(task, ...args);
    assert.equal([code, error.code], [1, 'ROLE_MISSING'], task);
    assert.match(error.message, 'does not have the role ghost, which POLICY public.t seen of');
    assert.match(error.hint, 'CREATE ROLE "ghost" NOLOGIN;');
  }
  assert.equal(await query(url, `SELECT 1 FROM drydock."AuditEvent" WHERE event = 'backup.drill'`), []);
  const accepted = await product.ask(
    'db:restore',
    '--to',
    'haunted_look',
    '--no-owner',
    '--accept',
    'POLICY public.t seen',
    '--yes',
  );
  assert.is(accepted.code, 0, accepted.error?.message);
  await query(postgres.adminUrl, 'CREATE ROLE ghost');
  assert.is((await product.ask('backup:drill')).code, 0);
});

test('no private key and no temporary folder are told with the plan, with what to type', async () => {
  const { product, url } = await shop('keyless', '');
  const bare = makeProduct(url, keys, {
    env: { BACKUP_IDENTITY: '' },
    backups: { stores: [{ kind: 'file', path: join(product.root, 'backups') }] },
  });
  const elsewhere = makeProduct(url, keys, { shell: { TMPDIR: '/nowhere/at/all' } });
  for (const args of [['backup:drill'], ['db:restore', '--to', 'keyless_look']] as const) {
    const [task, ...rest] = args;
    const { code, error } = await bare.ask(task, ...rest, '--plan');
    assert.equal([code, error.code], [2, 'VARIABLE_MISSING'], task);
    assert.match(error.message, 'BACKUP_IDENTITY is not set for staging');
    assert.match(error.hint, /read -rs BACKUP_IDENTITY/);
    const nowhere = await elsewhere.ask(task, ...rest, '--plan');
    assert.equal([nowhere.code, nowhere.error.code], [2, 'TEMPORARY_FOLDER_UNUSABLE'], task);
  }
  assert.is((await elsewhere.ask('db:backup', '--plan')).error.code, 'TEMPORARY_FOLDER_UNUSABLE');
});

test.run();
