// Uses PostgreSQL and psql. Extensions that only a superuser may make, for an operator who is none: earthdistance, pageinspect.
import { execFileSync } from 'node:child_process';
import { requireTool, Secret } from '@drydock/kit';
import { hintOf } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { rehearse } from '../src/index.ts';
import { readMigrations } from '../src/migrations/folder.ts';
import type { Rehearsal } from '../src/rehearsal/rehearse.ts';
import { draftDown } from '../src/rollback/draft.ts';
import { proveDowns } from '../src/rollback/prove.ts';
import type { Target } from '../src/target.ts';
import { makeProduct } from './product.ts';
import { makeTarget, query, withClient, writeMigration } from './world.ts';

const test = suite('extensions in copies');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
  await query(postgres.adminUrl, `CREATE ROLE ops LOGIN CREATEDB PASSWORD 'ops'`);
});
test.after(() => postgres.stop());

const EXTENSIONS = 'CREATE EXTENSION IF NOT EXISTS cube; CREATE EXTENSION IF NOT EXISTS earthdistance;';
const TABLES = `CREATE TABLE "Place"("id" BIGINT NOT NULL,"at" earth,CONSTRAINT "Place_pkey" PRIMARY KEY("id"));
  CREATE TABLE "Other"("id" BIGINT NOT NULL,"n" INTEGER,CONSTRAINT "Other_pkey" PRIMARY KEY("id"));`;
const SCHEMA = (more = '', far = '') =>
  `model Place {\n  id BigInt @id\n  at Unsupported("earth")?\n${far}}\nmodel Other {\n  id BigInt @id\n  n Int?\n${more}}\n`;
const ROWS = `INSERT INTO "Place" SELECT n, ll_to_earth(50, n) FROM generate_series(1, 20) n; INSERT INTO "Other" SELECT n, NULL FROM generate_series(1, 20) n;`;
const ADD = 'ALTER TABLE "Other" ADD COLUMN "m" INTEGER;';

/** A database of `ops` in which a superuser has made `extensions`; the rest is the operator's. */
async function owned(name: string, extensions = EXTENSIONS, tables = TABLES + ROWS): Promise<string> {
  await query(postgres.adminUrl, `CREATE DATABASE ${name} OWNER ops`);
  await query(postgres.urlOf(name), extensions);
  const url = postgres.urlOf(name, { user: 'ops', password: 'ops' });
  if (tables) await query(url, tables);
  return url;
}
/** While somebody is connected, so that no copy of the files is to be had. */
const rehearsed = (url: string, target: Target, content?: 'schema' | 'sample' | 'full') =>
  withClient(url, () => rehearse(target, content ? { content } : {}));
const told = ({ findings }: Rehearsal, ...levels: string[]) =>
  findings.filter(({ level }) => levels.includes(level)).map(({ code, message }) => `${code} ${message}`);
const types = (sql: string) =>
  execFileSync(requireTool('psql'), ['-X', '-v', 'ON_ERROR_STOP=1', postgres.adminUrl], {
    input: sql,
    encoding: 'utf8',
  });

test('without a way to make one, it is told with what hangs on it and what to type; the rest is rehearsed, with its rows', async () => {
  const url = await owned('untrusted');
  for (const content of [undefined, 'sample'] as const) {
    const result = await rehearsed(url, makeTarget(url, { '2': ADD }, SCHEMA('  m Int?\n')), content);
    assert.is(result.copy, content ?? 'full');
    assert.is(result.migrations.length, 1);
    assert.equal(told(result, 'error'), []);
    const [differs] = result.findings.filter(({ code }) => code === 'COPY_DIFFERS');
    assert.is(differs?.level, 'warn');
    assert.match(
      differs?.message ?? '',
      /lacks the extension earthdistance \(permission denied .*\), and with it table public\."Place".*not rehearsed/,
    );
  }
  const full = makeTarget(url, { '2': 'ALTER TABLE "Other" ALTER COLUMN "n" SET NOT NULL;' }, SCHEMA());
  assert.match(
    told(await rehearsed(url, full), 'error').join(),
    'contains null values',
    'rows of the others are there',
  );
});

test('what fails on a copy for want of one says nothing about the target: the deploy goes on', async () => {
  const url = await owned('deployed', EXTENSIONS, '');
  await query(url, TABLES);
  const product = makeProduct(url, SCHEMA('  m Int?\n', '  far Unsupported("earth")?\n'), { '1': EXTENSIONS + TABLES });
  const first = await product.ask('db:resolve', '--applied', '1', '--yes');
  assert.is(first.code, 0, JSON.stringify(first.error));
  product.write('2', 'CREATE EXTENSION IF NOT EXISTS earthdistance; ALTER TABLE "Place" ADD COLUMN "far" earth;', '');
  product.write('3', ADD, '');
  const dry = await withClient(url, () => product.ask('db:dry-run'));
  assert.is(dry.code, 0, JSON.stringify(dry.findings));
  assert.equal(dry.data.untold, ['2', '3']);
  assert.match(JSON.stringify(dry.findings), 'the copy lacks the extension earthdistance');
  const deploy = await product.run('db:deploy', '--yes');
  assert.match(deploy.stderr + deploy.stdout, 'COPY_DIFFERS: The copy lacks the extension earthdistance');
  assert.equal(
    (await query(url, 'SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL')).length,
    3,
  );
});

test('what the finding says, typed by a superuser, makes whole copies of it: rows, drift, histories', async () => {
  const url = await owned(
    'templated',
    `CREATE SCHEMA ext; CREATE EXTENSION cube SCHEMA ext; CREATE EXTENSION earthdistance SCHEMA ext; CREATE EXTENSION pageinspect VERSION '1.8';
    GRANT USAGE ON SCHEMA ext TO ops; ALTER DATABASE templated SET search_path = public, ext`,
    '',
  );
  const inExt = (sql: string) => sql.replaceAll(/\bearth\b/g, 'ext.earth');
  await query(url, `${inExt(TABLES)} SET search_path = public, ext; ${ROWS}`);
  const target = makeTarget(url, { '2': ADD }, SCHEMA('  m Int?\n'));
  const [differs] = (await rehearsed(url, target)).findings.filter(({ code }) => code === 'COPY_DIFFERS');
  assert.match(differs?.message ?? '', /the extension earthdistance .*, the extension pageinspect/);
  const advice = hintOf(differs);
  assert.match(advice, `VERSION '1.8'`);
  types(`${/psql: (.*;) Then/.exec(advice)?.[1]}\n`);
  target.copies = { template: 'drydock_template' };
  for (const content of [undefined, 'sample'] as const) {
    const result = await rehearsed(url, target, content);
    assert.equal(
      [result.copy, told(result, 'error', 'warn').filter((said) => !/LOCK_TIMEOUT|DRIFT/.test(said))],
      [content ?? 'full', []],
    );
  }
  // A history that was begun by a superuser: as it stands there the operator could not apply it.
  const made = `CREATE EXTENSION cube SCHEMA ext; CREATE EXTENSION earthdistance SCHEMA ext; COMMENT ON EXTENSION earthdistance IS 'x';\n`;
  writeMigration(
    target.schemaFile.replace('/schema.prisma', ''),
    '1',
    `CREATE SCHEMA IF NOT EXISTS ext; ${made}${inExt(TABLES)}`,
  );
  writeMigration(target.schemaFile.replace('/schema.prisma', ''), '2', ADD);
  const { undone } = await proveDowns(
    target,
    readMigrations(target.migrationsDir),
    [{ name: '2', sql: 'ALTER TABLE "Other" DROP COLUMN "m";' }],
    () => {},
  );
  assert.is(undone, null, 'the history is made anew');
  const { sql, proven } = await draftDown(target, '2');
  assert.equal([sql.replace(/^--.*\n/gm, '').trim(), proven], ['ALTER TABLE "public"."Other" DROP COLUMN "m";', true]);
});

test('another version or schema than the target has is told', async () => {
  await query(postgres.adminUrl, 'CREATE DATABASE other_template IS_TEMPLATE true');
  await query(
    postgres.urlOf('other_template'),
    `CREATE EXTENSION cube; CREATE EXTENSION earthdistance; CREATE EXTENSION pageinspect`,
  );
  const url = await owned('older', `${EXTENSIONS} CREATE EXTENSION pageinspect VERSION '1.8';`);
  const target = { ...makeTarget(url, { '2': ADD }, ''), copies: { template: 'other_template' } };
  const result = await rehearsed(url, target);
  assert.match(
    told(result, 'warn').join(),
    /has the extension pageinspect 1\.\d+ in schema public, the target 1\.8 in public/,
  );
});

test('a role that may make them does, where its URL is given', async () => {
  const url = await owned(
    'by_role',
    `CREATE SCHEMA ext; CREATE EXTENSION cube; CREATE EXTENSION earthdistance; CREATE EXTENSION file_fdw SCHEMA ext`,
  );
  const target = {
    ...makeTarget(url, { '2': ADD }, SCHEMA('  m Int?\n')),
    copies: { maker: new Secret(postgres.adminUrl) },
  };
  const result = await rehearsed(url, target);
  assert.equal(
    [result.copy, told(result, 'error', 'warn').filter((said) => !/LOCK_TIMEOUT|DRIFT/.test(said))],
    ['full', []],
  );
  await query(
    postgres.adminUrl,
    `CREATE ROLE narrow LOGIN PASSWORD 'narrow'; ALTER DATABASE by_role OWNER TO narrow; GRANT ops TO narrow`,
  );
  const narrow = { ...target, url: new Secret(postgres.urlOf('by_role', { user: 'narrow', password: 'narrow' })) };
  assert.is(
    (await rehearsed(url, narrow)).copy,
    'full',
    'and the copy itself, where the operator may make no database',
  );
});

test('a template that is not there, closed or unfit is one sentence with what to type', async () => {
  const url = await owned('refused', EXTENSIONS);
  const refusal = async (template: string) => {
    const target = { ...makeTarget(url, { '2': ADD }, ''), copies: { template } };
    const error = await rehearsed(url, target).then(
      () => undefined,
      (thrown) => thrown,
    );
    return `${error?.code} ${error?.message} ${error && hintOf(error)}`;
  };
  assert.match(
    await refusal('nosuch'),
    /^SCRATCH_TEMPLATE_MISSING .* As a superuser: CREATE DATABASE "nosuch" TEMPLATE template0 IS_TEMPLATE true ENCODING 'UTF8'/,
  );
  await query(postgres.adminUrl, 'CREATE DATABASE closed');
  await query(
    postgres.adminUrl,
    `CREATE DATABASE latin TEMPLATE template0 IS_TEMPLATE true ENCODING 'LATIN1' LOCALE 'C'`,
  );
  assert.match(await refusal('closed'), /^SCRATCH_TEMPLATE_CLOSED .*ALTER DATABASE "closed" IS_TEMPLATE true/);
  assert.match(await refusal('latin'), /^SCRATCH_TEMPLATE_UNFIT .*incompatible.* CREATE DATABASE "latin"/);
});

test('a copy has the encoding and the locale of the target', async () => {
  await query(postgres.adminUrl, `CREATE DATABASE greek OWNER ops TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'`);
  const url = postgres.urlOf('greek', { user: 'ops', password: 'ops' });
  await query(url, 'CREATE TABLE "Other"("id" BIGINT NOT NULL,CONSTRAINT "Other_pkey" PRIMARY KEY("id"))');
  const asks = `DO $$ BEGIN IF getdatabaseencoding() <> 'LATIN1' THEN RAISE 'another encoding'; END IF; END $$;`;
  assert.equal(
    told(await rehearsed(url, makeTarget(url, { '2': asks }, 'model Other {\n  id BigInt @id\n}\n')), 'error'),
    [],
  );
});

test.run();
