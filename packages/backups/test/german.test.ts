// Uses PostgreSQL that speaks German and counts money so (where glibc can make the locale); its operator is no superuser.
import { localeOf, startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Keys, makeKeys, makeProduct, query } from './world.ts';

const test = suite('a server of another language');
let postgres: TestPostgres | undefined;
let keys: Keys;
test.before(async () => {
  const german = await localeOf('de_DE');
  if (!german) return;
  const settings = { lc_messages: german.name, lc_time: german.name, lc_numeric: german.name };
  postgres = await startTestPostgres({ settings, env: german.env });
  keys = await makeKeys();
  await query(postgres.adminUrl, `CREATE ROLE inhaber LOGIN CREATEDB PASSWORD 'p'; GRANT pg_signal_backend TO inhaber`);
});
test.after(() => postgres?.stop());

async function shop({ urlOf, adminUrl }: TestPostgres, name: string, content: string, given = '') {
  await query(adminUrl, `CREATE DATABASE ${name} OWNER inhaber`);
  // In force for who comes after.
  await query(adminUrl, `ALTER DATABASE ${name} SET lc_monetary = 'de_DE.UTF-8'`);
  const url = urlOf(name, { user: 'inhaber', password: 'p' });
  if (given) await query(urlOf(name), given);
  await query(url, content);
  return { url, product: makeProduct(url, keys) };
}

test('money, dates and an extension of a superuser come back: beside, in place, and in a drill', async () => {
  if (!postgres) return;
  const { url, product } = await shop(
    postgres,
    'laden',
    `SET datestyle = 'German'; CREATE TABLE kasse (id int PRIMARY KEY, betrag money, am date, raten money[]);
     INSERT INTO kasse VALUES (1, '1.234,50', '31.12.2024', '{"1,50","-2.000,75"}'), (2, '-0,05 €', 'infinity', '{}');
     CREATE DOMAIN preis AS money CHECK (VALUE > '0,99'); CREATE TABLE liste (p preis DEFAULT '3,50', waehrung text DEFAULT to_char(1234.5, 'L9G999D99')); INSERT INTO liste DEFAULT VALUES`,
    'CREATE EXTENSION pg_stat_statements; GRANT SELECT ON pg_stat_statements TO inhaber',
  );
  const kept = `SELECT betrag::text, am::text, raten::text, (SELECT p::text FROM liste) AS p, (SELECT waehrung FROM liste) AS w FROM kasse ORDER BY id`;
  const was = await query(url, kept);
  assert.is(was[0].betrag, '1.234,50 €', 'it counts so');
  await query(url, `SELECT nosuch`).catch((error) => assert.match(error.message, 'existiert nicht', 'and speaks so'));
  assert.is((await product.ask('db:backup')).code, 0);
  for (const [copy, jobs] of [
    ['laden_eins', '1'],
    ['laden_zwei', '2'],
  ] as const) {
    const beside = await product.ask('db:restore', '--to', copy, '--jobs', jobs, '--yes');
    assert.is(beside.code, 0, beside.error?.message);
    assert.equal(await query(postgres.urlOf(copy), kept), was);
    assert.ok(
      beside.data.skipped.every(({ hole }: { hole: boolean }) => !hole),
      JSON.stringify(beside.data.skipped),
    );
  }
  const inPlace = await product.ask('db:restore', '--in-place', '--yes');
  assert.is(inPlace.code, 0, inPlace.error?.message);
  assert.equal(await query(url, kept), was);
  const drill = await product.ask('backup:drill');
  assert.is(drill.code, 0, JSON.stringify(drill.findings));
});

test('what fails is told with the reason that the server gave, and by code', async () => {
  if (!postgres) return;
  const { url, product } = await shop(
    postgres,
    'luecke',
    `CREATE TABLE arten (k text PRIMARY KEY); INSERT INTO arten VALUES ('a');
     CREATE FUNCTION ist_art(x text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN EXISTS (SELECT 1 FROM arten WHERE k = x); END $$;
     CREATE TABLE t (k text CHECK (ist_art(k))); INSERT INTO t VALUES ('a')`,
  );
  assert.is((await product.ask('db:backup')).code, 0);
  const refused = await product.ask('db:restore', '--to', 'luecke_eins', '--yes');
  assert.equal([refused.code, refused.error.code], [1, 'RESTORE_INCOMPLETE']);
  assert.match(refused.error.message, 'the rows of "t" (Relation »arten« existiert nicht)');
  await query(postgres.urlOf('luecke'), 'CREATE TABLE geheim (n int)');
  const closed = await product.ask('db:backup');
  assert.equal([closed.code, closed.error.code], [1, 'DUMP_FAILED']);
  assert.match(closed.error.message, 'keine Berechtigung für Tabelle geheim');
  await query(postgres.urlOf('luecke'), 'DROP TABLE geheim');
  assert.is((await query(url, 'SELECT count(*)::int AS n FROM t'))[0].n, 1);
});

test.run();
