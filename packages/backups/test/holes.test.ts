// Uses PostgreSQL; the tasks run as processes, as an operator who is no superuser.
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { Secret } from '@drydock/kit';
import { clientsOf, startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DUMP } from '../src/names.ts';
import { judge } from '../src/restore/holes.ts';
import { prove } from '../src/restore/prove.ts';
import { orUnproved } from '../src/restore/unproved.ts';
import { type Keys, keyOf, makeKeys, makeProduct, query } from './world.ts';

const test = suite('nothing is lost without a word');
let postgres: TestPostgres;
let keys: Keys;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
  keys = await makeKeys();
  await query(postgres.adminUrl, `CREATE ROLE owner LOGIN CREATEDB PASSWORD 'p'; GRANT pg_signal_backend TO owner`);
});
test.after(() => postgres.stop());

let made = 0;
async function shop(content: string, more: { asSuperuser?: string; shell?: Record<string, string> } = {}) {
  const name = `hole_${++made}`;
  await query(postgres.adminUrl, `CREATE DATABASE ${name} OWNER owner`);
  const url = postgres.urlOf(name, { user: 'owner', password: 'p' });
  await query(url, content);
  if (more.asSuperuser) await query(postgres.urlOf(name), more.asSuperuser);
  return { name, url, product: makeProduct(url, keys, { shell: more.shell ?? {} }) };
}
const databases = async (like: string) =>
  (await query(postgres.adminUrl, `SELECT datname FROM pg_database WHERE datname LIKE '${like}' ORDER BY 1`)).map(
    ({ datname }: { datname: string }) => datname,
  );

test('rows that pg_restore could not put back fail the restore and the drill, with checksums and without', async () => {
  const { name, url, product } = await shop(
    `CREATE TABLE kinds (k text PRIMARY KEY); INSERT INTO kinds VALUES ('a');
     CREATE FUNCTION is_kind(x text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN EXISTS (SELECT 1 FROM kinds WHERE k = x); END $$;
     CREATE TABLE t (id int, k text CHECK (is_kind(k))); INSERT INTO t VALUES (1, 'a')`,
    { asSuperuser: 'CREATE EXTENSION pg_stat_statements' },
  );
  assert.is((await product.ask('db:backup', '--checksums', 'off')).code, 0);
  for (const args of [
    ['--in-place'],
    ['--to', `${name}_beside`],
    ['--to', `${name}_alone`, '--jobs', '1'],
    ['--to', `${name}_table`, '--table', 't'],
  ]) {
    const { code, error } = await product.ask('db:restore', ...args, '--yes');
    assert.equal([code, error.code], [1, 'RESTORE_INCOMPLETE'], args.join(' '));
    assert.match(error.message, 'the rows of "t" (relation "kinds" does not exist)');
  }
  assert.equal(await databases(`${name}%`), [name]);
  assert.equal(await query(url, 'SELECT count(*)::int AS n FROM t'), [{ n: 1 }]);
  const drill = await product.ask('backup:drill');
  assert.is(drill.code, 3);
  assert.is(drill.findings[0].code, 'DRILL_FAILED');
  assert.match(JSON.stringify(drill.findings), 'the rows of');
});

test('without checksums the rows are counted, in the dump and where they are', async () => {
  const { name, product } = await shop(
    `CREATE SCHEMA "Odd one"; CREATE TABLE "Odd one"."a.b" (s text); INSERT INTO "Odd one"."a.b" SELECT E'x\\n\\\\.\\n' || n FROM generate_series(1, 500) n;
     CREATE TABLE none (); INSERT INTO none DEFAULT VALUES; INSERT INTO none DEFAULT VALUES; CREATE TABLE empty (n int); CREATE UNLOGGED TABLE quick AS SELECT 1 AS n`,
  );
  const { data } = await product.ask('db:backup', '--checksums', 'off');
  for (const [jobs, copy] of [
    ['1', `${name}_1`],
    ['2', `${name}_2`],
  ] as const) {
    const restored = await product.ask('db:restore', '--to', copy, '--jobs', jobs, '--yes');
    assert.equal(
      [restored.code, restored.data?.provedBy, restored.data?.rows],
      [0, 'numbers', 503],
      restored.error?.message,
    );
  }
  const bare = join(product.root, 'alone.dump.zst.age');
  copyFileSync(product.store.pathOf(keyOf('staging', data.id, DUMP)), bare);
  const alone = await product.ask('db:restore', '--from', bare, '--to', `${name}_3`, '--trust', 'mine', '--yes');
  assert.equal([alone.code, alone.data?.rows], [0, 503], alone.error?.message);
  const named = await product.ask('db:restore', '--to', `${name}_4`, '--table', 'Odd one.a.b', '--yes');
  assert.equal([named.code, named.data?.provedBy, named.data?.rows], [0, 'numbers', 500], named.error?.message);
  const unlogged = await product.ask('db:restore', '--to', `${name}_6`, '--table', 'quick', '--yes');
  assert.equal(
    [unlogged.code, unlogged.data?.provedBy, unlogged.data?.rows],
    [0, 'numbers', 1],
    unlogged.error?.message,
  );
});

test('a row more or less than in the dump is found, and a table that is gone', async () => {
  const { url } = await shop('CREATE TABLE t AS SELECT generate_series(1, 5) AS n');
  const found = async (counted: Parameters<typeof prove>[1]['counted']) =>
    (await prove(new Secret(url), { manifest: undefined, counted, tables: null, jobs: 1, access: true })).findings.map(
      ({ code }) => code,
    );
  assert.equal(await found([{ schema: 'public', name: 't', rows: 5, checksum: '' }]), []);
  assert.equal(await found([{ schema: 'public', name: 't', rows: 6, checksum: '' }]), ['ROWS_DIFFER']);
  assert.equal(await found([{ schema: 'public', name: 't', rows: 4, checksum: '' }]), ['ROWS_DIFFER']);
  assert.equal(await found([{ schema: 'public', name: 'u', rows: 0, checksum: '' }]), ['TABLE_MISSING']);
  assert.equal(await found(null), ['ROWS_NOT_COUNTED']);
  await query(postgres.adminUrl, `CREATE ROLE blind LOGIN PASSWORD 'p'`);
  const blind = new Secret(postgres.urlOf(url.split('/').at(-1) ?? '', { user: 'blind', password: 'p' }));
  const counted = [{ schema: 'public', name: 't', rows: 5, checksum: '' }];
  const unread = await orUnproved(
    prove(blind, { manifest: undefined, counted, tables: null, jobs: 1, access: true }),
  ).catch((error) => error);
  assert.is(unread.code, 'COMPARE_FAILED');
  assert.match(unread.message, 'cannot be read whole, and so not be proved: permission denied for table t');
});

test('what is a hole does not depend on the language of the server, but on what it answers', async () => {
  const { url } = await shop('CREATE TABLE t (n int)');
  const isHole = async (command: string | undefined, noOwner = false) =>
    (await judge(new Secret(url), [{ command, what: 'x', why: 'irgendein Grund' }], noOwner))[0]?.hole;
  assert.is(await isHole('SET transaction_timeout_of_a_newer_one = 0;'), undefined);
  assert.is(await isHole('SET transaction_timeout_of_a_newer_one = 0;\n\n\nwhat another worker says'), undefined);
  assert.is(await isHole('SET statement_timeout = 0;'), true);
  assert.is(await isHole('CREATE EXTENSION IF NOT EXISTS x WITH SCHEMA public;'), false);
  assert.is(await isHole('GRANT SELECT ON TABLE public.of_an_extension TO owner;'), false);
  assert.is(await isHole('GRANT ALL ON FUNCTION public.of_an_extension(integer) TO owner;'), false);
  assert.is(await isHole('GRANT SELECT ON TABLE public.t TO nobody_here;'), true);
  assert.is(await isHole('GRANT SELECT ON TABLE public.t TO owner;'), true);
  assert.is(await isHole(`COMMENT ON FUNCTION pg_sleep(float8) IS 'x';`), true);
  assert.is(await isHole(`COMMENT ON FUNCTION pg_sleep(float8) IS 'x';`, true), false);
  assert.is(await isHole('ALTER TABLE public.nosuch OWNER TO owner;'), true);
  assert.is(await isHole(undefined), true);
});

test('a pg_restore that is newer than the server sets what that does not know: no hole (where a pg_restore of 18 is to be had)', async () => {
  const shell = clientsOf(18);
  if (!shell) return;
  const { name, product } = await shop('CREATE TABLE t AS SELECT generate_series(1, 5) AS n', { shell });
  for (const [script, ...args] of [
    ['db:backup'],
    ['db:restore', '--to', `${name}_1`, '--jobs', '1', '--yes'],
    ['db:restore', '--to', `${name}_2`, '--no-owner', '--yes'],
    ['db:restore', '--in-place', '--yes'],
    ['backup:drill'],
  ] as const) {
    const { code, error, data } = await product.ask(script, ...args);
    assert.is(code, 0, `${script} ${args.join(' ')}: ${error?.message}`);
    if (script === 'db:restore') assert.equal(data.skipped, []);
  }
});

test.run();
