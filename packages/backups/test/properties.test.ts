// Uses PostgreSQL; the tasks run as processes, as an operator who is no superuser.
import { execFileSync } from 'node:child_process';
import { requireTool, Secret, withPostgres } from '@drydock/kit';
import type { TaskProcesses } from '@drydock/kit/testing';
import { postgresOf, startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeDatabase } from '../src/restore/databases.ts';
import { readProperties } from '../src/restore/properties.ts';
import { type Keys, makeKeys, makeProduct, query } from './world.ts';

const test = suite('what a database itself was given');
let postgres: TestPostgres;
let keys: Keys;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
  keys = await makeKeys();
  await query(
    postgres.adminUrl,
    `CREATE ROLE owner LOGIN CREATEDB PASSWORD 'p'; CREATE ROLE app LOGIN PASSWORD 'p'; CREATE ROLE dba; GRANT pg_signal_backend TO owner`,
  );
});
test.after(() => postgres.stop());

/** `content` and `given` by a superuser; the operator owns the database. */
async function shop(name: string, given: string, content = '') {
  await query(postgres.adminUrl, `CREATE DATABASE ${name} OWNER owner TEMPLATE template0`);
  await query(
    postgres.urlOf(name),
    `SET ROLE owner; CREATE TABLE t (id int); INSERT INTO t VALUES (1); GRANT SELECT ON t TO app; RESET ROLE; ${content}`,
  );
  if (given) await query(postgres.adminUrl, given);
  const url = postgres.urlOf(name, { user: 'owner', password: 'p' });
  const product = makeProduct(url, keys);
  await good(product, 'db:backup');
  return { product, url, asApp: (sql: string) => query(postgres.urlOf(name, { user: 'app', password: 'p' }), sql) };
}
const good = async (product: TaskProcesses, script: string, ...args: string[]) => {
  const answer = await product.ask(script, ...args);
  assert.is(answer.code, 0, `${script} ${args.join(' ')}: ${answer.error?.message ?? ''}${answer.stderr}`);
  return answer;
};
const described = (name: string) =>
  execFileSync(requireTool('pg_dump'), ['--create', '--exclude-schema=drydock', postgres.urlOf(name)], {
    encoding: 'utf8',
  }).replaceAll(/^(--|\\(un)?restrict).*\n/gm, '');
const databases = async (like: string) =>
  (await query(postgres.adminUrl, `SELECT datname FROM pg_database WHERE datname LIKE '${like}' ORDER BY 1`)).map(
    ({ datname }: { datname: string }) => datname,
  );

test('one that everybody may connect to, since nobody ever said anything, stays so: in place, and beside', async () => {
  const { product, asApp } = await shop('mini', '');
  const was = described('mini');
  await good(product, 'db:restore', '--in-place', '--yes');
  assert.is(described('mini'), was);
  assert.equal(await asApp('CREATE TEMP TABLE x (n int); SELECT id FROM t'), [{ id: 1 }]);
  await good(product, 'db:restore', '--to', 'mini_beside', '--yes');
  assert.equal(
    await query(postgres.adminUrl, `SELECT datacl FROM pg_database WHERE datname LIKE 'mini%' AND datacl IS NOT NULL`),
    [],
  );
});

test('settings that are lists, and rights on schema public, come back', async () => {
  const { product, asApp } = await shop(
    'lists',
    `ALTER DATABASE lists SET search_path = shop, public; ALTER DATABASE lists SET work_mem = '9MB'`,
    `CREATE SCHEMA shop AUTHORIZATION owner; CREATE TABLE shop.here (n int); GRANT USAGE ON SCHEMA shop TO app; GRANT SELECT ON shop.here TO app; ALTER TABLE shop.here OWNER TO owner;
     ALTER SCHEMA public OWNER TO owner; REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT USAGE, CREATE ON SCHEMA public TO app; COMMENT ON SCHEMA public IS 'x'`,
  );
  const was = described('lists');
  await good(product, 'db:restore', '--in-place', '--yes');
  assert.is(described('lists'), was);
  assert.equal(
    await asApp('RESET search_path; CREATE TABLE public.mine (n int); SELECT count(*)::int AS n FROM here'),
    [{ n: 0 }],
  );
});

test('one in another encoding, whose comment and settings are in it', async () => {
  await query(postgres.adminUrl, `CREATE DATABASE latin OWNER owner TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'`);
  const url = postgres.urlOf('latin', { user: 'owner', password: 'p' });
  await query(
    url,
    `CREATE TABLE "Straße" (s text); COMMENT ON DATABASE latin IS 'Größe'; ALTER DATABASE latin SET xmloption = 'document'`,
  );
  await query(
    postgres.urlOf('latin'),
    `ALTER ROLE ALL IN DATABASE latin SET application_name = 'x'; ALTER DATABASE latin SET "app.ß" = 'ü'`,
  );
  const product = makeProduct(postgres.urlOf('latin'), keys);
  await good(product, 'db:backup');
  const comment = (name: string) =>
    query(
      postgres.urlOf(name),
      `SELECT shobj_description(oid, 'pg_database') AS is, (SELECT array_agg(setconfig) FROM pg_db_role_setting WHERE setdatabase = d.oid) AS set FROM pg_database d WHERE datname = current_database()`,
    );
  const was = await comment('latin');
  assert.is(was[0].is, 'Größe');
  await good(product, 'db:restore', '--to', 'latin_beside', '--yes');
  assert.equal(await comment('latin_beside'), was);
  await good(product, 'db:restore', '--in-place', '--yes');
  assert.equal(await comment('latin'), was);
});

test('in place of one that lets nobody in, the backup says what it is given', async () => {
  const { product } = await shop('shut', `ALTER DATABASE shut SET work_mem = '9MB'`);
  await query(postgres.adminUrl, 'ALTER DATABASE shut ALLOW_CONNECTIONS false');
  const { stderr } = await good(product, 'db:restore', '--in-place', '--yes');
  assert.match(stderr, "The live database's own rights and settings cannot be read");
  assert.match(described('shut'), "ALTER DATABASE shut SET work_mem TO '9MB'");
});

test('in place the live one keeps what it has; what the backup has otherwise is said, and no value shown', async () => {
  const { product, url } = await shop('kept', `ALTER DATABASE kept SET work_mem = '9MB'`);
  await query(
    url,
    `ALTER DATABASE kept SET work_mem = '11MB'; REVOKE CONNECT ON DATABASE kept FROM PUBLIC; GRANT CONNECT ON DATABASE kept TO app`,
  );
  const was = described('kept');
  const { stderr } = await good(product, 'db:restore', '--in-place', '--yes');
  assert.is(described('kept'), was);
  assert.match(
    stderr,
    `The live database's own properties stay; the backup has others: ALTER DATABASE kept SET work_mem, REVOKE CONNECT`,
  );
  assert.not.match(stderr, /9MB|11MB/);
});

test('what the operator may not put on is told before anything is restored; --skip-refused goes on and says what', async () => {
  const { product, url } = await shop(
    'denied',
    `ALTER DATABASE denied SET app.key = 'top secret'; ALTER ROLE app IN DATABASE denied SET work_mem = '5MB'; ALTER DATABASE denied SET work_mem = '6MB'`,
    `REVOKE EXECUTE ON FUNCTION pg_sleep(float8) FROM PUBLIC; CREATE EXTENSION pg_trgm; REVOKE EXECUTE ON FUNCTION similarity(text, text) FROM PUBLIC`,
  );
  for (const where of [['--in-place'], ['--to', 'denied_beside']]) {
    const refused = await product.ask('db:restore', ...where, '--plan');
    assert.equal([refused.code, refused.error.code], [1, 'PROPERTY_REFUSED']);
    assert.match(
      refused.error.message,
      /ALTER DATABASE denied SET "app\.key" \(.+\); ALTER ROLE app IN DATABASE denied SET work_mem \(.+\)/,
    );
    assert.is(refused.findings?.length ?? refused.error.findings?.length, 2, 'one sentence each');
    assert.not.match(JSON.stringify(refused), 'top secret');
    // What only the archive tells is told before a row is read.
    const rights = await product.ask(
      'db:restore',
      ...where,
      ...[
        '--accept',
        'ALTER DATABASE denied SET "app.key"',
        '--accept',
        'ALTER ROLE app IN DATABASE denied SET work_mem',
      ],
      '--yes',
    );
    assert.equal([rights.code, rights.error.code], [1, 'PROPERTY_REFUSED']);
    assert.match(rights.error.message, /REVOKE .*pg_sleep/);
    assert.not.match(rights.error.message, 'app.key');
    assert.equal(await databases('denied%'), ['denied'], 'nothing is left, the live one is as it was');
  }
  const plan = await product.ask('db:restore', '--in-place', '--skip-refused', '--plan');
  assert.match(JSON.stringify(plan.data.plan.restore.told), 'without ALTER ROLE app IN DATABASE denied SET work_mem (');
  const { data, stderr } = await good(product, 'db:restore', '--in-place', '--skip-refused', '--yes');
  assert.match(stderr, 'Not put on: ALTER DATABASE denied SET "app.key"');
  assert.is(data.refused.length, 4, JSON.stringify(data.refused));
  assert.match(JSON.stringify(data.refused), 'pg_sleep');
  assert.match(JSON.stringify(data.refused), 'similarity');
  assert.equal(await query(url, 'SHOW work_mem'), [{ work_mem: '6MB' }]);
});

test('an owner that the operator is not is refused at once; without owners it belongs to the operator', async () => {
  const { product } = await shop('owned', 'ALTER DATABASE owned OWNER TO dba; GRANT CREATE ON DATABASE owned TO owner');
  const refused = await product.ask('db:restore', '--to', 'owned_beside', '--yes');
  assert.equal([refused.code, refused.error.code], [1, 'PROPERTY_REFUSED']);
  assert.match(refused.error.message, 'ALTER DATABASE owned OWNER TO dba');
  const inPlace = await product.ask('db:restore', '--in-place', '--yes');
  assert.equal([inPlace.code, inPlace.error.code], [1, 'NOT_OWNER']);
  await good(product, 'db:restore', '--to', 'owned_beside', '--no-owner', '--yes');
  assert.equal(
    await query(
      postgres.adminUrl,
      `SELECT datdba::regrole::text AS owner FROM pg_database WHERE datname = 'owned_beside'`,
    ),
    [{ owner: 'owner' }],
  );
});

test('a server that knows no providers of locales gets none named', async () => {
  const binaries = postgresOf(14);
  if (!binaries) return;
  const older = await startTestPostgres({ binaries });
  try {
    const url = await older.createDatabase('older');
    await query(url, `CREATE TABLE t AS SELECT 1 AS n; ALTER DATABASE older SET search_path = a, public`);
    const product = makeProduct(url, keys);
    await good(product, 'db:backup');
    const { data } = await good(product, 'db:restore', '--in-place', '--yes');
    assert.is(data.rows, 1);
    await good(product, 'db:restore', '--to', 'older_beside', '--yes');
    const settings = await query(url, `SELECT setconfig FROM pg_db_role_setting ORDER BY 1`);
    assert.equal(
      settings,
      Array.from({ length: 3 }, () => ({ setconfig: ['search_path=a, public'] })),
    );
  } finally {
    await older.stop();
  }
});

test('a name is found wherever PostgreSQL writes it, whatever stands beside it', async () => {
  const { create, statements } = await readProperties(`
\\restrict 5Xy9
SET standard_conforming_strings = on;
CREATE DATABASE database WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'C';
ALTER DATABASE database OWNER TO database;
\\unrestrict 5Xy9
\\connect -reuse-previous=on "dbname='data base; -- '"
\\restrict 5Xy9
-- ACL
SET SESSION AUTHORIZATION app;
GRANT CONNECT ON DATABASE database TO database;
RESET SESSION AUTHORIZATION;
ALTER ROLE database IN DATABASE database SET search_path TO 'a', 'b; DATABASE database';
ALTER DATABASE database SET app."Key" TO E'it\\\\\\'s; ON DATABASE x';
ALTER DATABASE database SET statement_timeout TO '1s';
COMMENT ON DATABASE database IS 'a
\\connect x';
\\unrestrict 5Xy9
`);
  assert.equal([...(create ?? [])].slice(1), [
    ['encoding', 'UTF8'],
    ['locale_provider', 'libc'],
    ['locale', 'C'],
  ]);
  assert.equal(
    statements.map(({ kind, sql }) => [kind, sql('"N"')]),
    [
      ['other', 'ALTER DATABASE "N" OWNER TO database'],
      [
        'other',
        'SET SESSION AUTHORIZATION app;\nGRANT CONNECT ON DATABASE "N" TO database;\nRESET SESSION AUTHORIZATION',
      ],
      ['other', `ALTER ROLE database IN DATABASE "N" SET search_path TO 'a', 'b; DATABASE database'`],
      ['setting', `ALTER DATABASE "N" SET app."Key" TO E'it\\\\\\'s; ON DATABASE x'`],
      ['other', `ALTER DATABASE "N" SET statement_timeout TO '1s'`],
      ['other', `COMMENT ON DATABASE "N" IS 'a\n\\connect x'`],
    ].map(([kind, sql]) => [kind, `SET LOCAL standard_conforming_strings = on;\n${sql}`]),
  );
  assert.equal(statements.map(({ what }) => what).slice(2), [
    'ALTER ROLE database IN DATABASE database SET search_path',
    'ALTER DATABASE database SET app."Key"',
    'ALTER DATABASE database SET statement_timeout',
    'COMMENT ON DATABASE database',
  ]);
});

test('a locale that this server has not got is told where the database is to be made, with what to do', async () => {
  const create = new Map<string, string | number>([
    ['lc_collate', 'tlh_QO.UTF-8'],
    ['lc_ctype', 'tlh_QO.UTF-8'],
    ['template', 'template0'],
  ]);
  const error = await withPostgres(new Secret(postgres.adminUrl), 'test', (client) =>
    makeDatabase(client, 'klingon', create, {}),
  ).catch((cause) => cause);
  assert.is(error.code, 'DATABASE_NOT_MADE');
  assert.match(`${error.message} ${error.hint}`, /invalid locale name.*tlh_QO.*Install what it names/);
  assert.equal(await databases('klingon'), []);
});

test.run();
