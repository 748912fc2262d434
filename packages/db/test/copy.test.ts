// Uses PostgreSQL; what needs db:deploy's lock runs as a process. What a rehearsal has before it, and what it leaves.

import { Secret } from '@drydock/kit';
import { hintOf } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { rehearse } from '../src/index.ts';
import { withScratch } from '../src/rehearsal/scratch.ts';
import { makeProduct } from './product.ts';
import { makeTarget, query, withClient } from './world.ts';

const test = suite('copies for rehearsals');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
  await query(
    postgres.adminUrl,
    `CREATE ROLE app_owner; CREATE ROLE ops LOGIN CREATEDB CREATEROLE PASSWORD 'ops' IN ROLE app_owner`,
  );
  await query(postgres.adminUrl, `CREATE ROLE deployer LOGIN CREATEDB PASSWORD 'deployer'`);
});
test.after(() => postgres.stop());

const BIG = `CREATE TABLE "big"("id" BIGSERIAL NOT NULL,"a" INTEGER,CONSTRAINT "big_pkey" PRIMARY KEY("id"));`;
const SCHEMA = (a: string) => `model big {\n  id BigInt @id @default(autoincrement())\n  a  ${a}\n}\n`;
const ROWS = `INSERT INTO "big"("a") SELECT n FROM generate_series(1, 3000) n; INSERT INTO "big"("a") VALUES (NULL);`;
let made = 0;

/** A database of `ops`. */
async function owned(sql = ''): Promise<string> {
  const name = `copy_${++made}`;
  await query(postgres.adminUrl, `CREATE DATABASE ${name} OWNER ops`);
  const url = postgres.urlOf(name, { user: 'ops', password: 'ops' });
  if (sql) await query(url, sql);
  return url;
}

const as = (url: string, user: string) => postgres.urlOf(new URL(url).pathname.slice(1), { user, password: user });
const errors = (findings: { level: string; code: string; message: string }[]) =>
  findings.filter(({ level }) => level === 'error').map(({ code, message }) => `${code} ${message}`);
const scratches = () =>
  query(postgres.adminUrl, `SELECT datname FROM pg_database WHERE datname LIKE 'drydock_scratch_%'`);

test('db:deploy finds a NULL in the way of NOT NULL before the target is touched, though its lock is a session there', async () => {
  const url = await owned();
  const product = makeProduct(url, SCHEMA('Int?'), { '1_big': BIG });
  assert.is((await product.run('db:deploy', '--yes')).code, 0);
  await query(url, ROWS);
  product.write('2_must', 'ALTER TABLE "big" ALTER COLUMN "a" SET NOT NULL;', '');
  const { code, error } = await product.ask('db:deploy', '--yes');
  assert.is(code, 1);
  assert.is(error.code, 'MIGRATION_FAILED');
  assert.match(error.message, /The rehearsal on a copy found .*contains null values/);
  assert.is((await query(url, 'SELECT FROM _prisma_migrations')).length, 1, 'nothing was begun on the target');
});

test('db:deploy takes what the copy holds from the operator, as db:dry-run does', async () => {
  const url = await owned();
  const product = makeProduct(url, SCHEMA('Int?'), { '1_big': BIG });
  const run = await product.ask('db:deploy', '--yes', '--data', 'sample');
  assert.is(run.code, 0, JSON.stringify(run.error));
  assert.is((await product.ask('db:deploy', '--yes', '--data', 'nonsense')).code, 2);
});

test('while somebody is connected a small database is copied with its rows, those who may not read it get what the migrations make', async () => {
  const url = await owned(`${BIG} ${ROWS} GRANT CREATE ON SCHEMA public TO deployer;`);
  const target = makeTarget(url, { '1': 'ALTER TABLE "big" ALTER COLUMN "a" SET NOT NULL;' }, SCHEMA('Int'));
  await withClient(url, async () => {
    const { copy, findings } = await rehearse(target);
    assert.is(copy, 'full');
    assert.match(errors(findings).join(), 'contains null values');
  });
  // Not the owner, so no template; may read nothing, so no rows.
  await query(url, 'REVOKE ALL ON "big" FROM deployer; GRANT REFERENCES ON "big" TO deployer;');
  const remade = await rehearse({ ...target, url: new Secret(as(url, 'deployer')) });
  assert.is(remade.copy, 'replay', 'pg_dump locks what it describes, and may not');
  await query(
    url,
    'GRANT SELECT ON ALL TABLES IN SCHEMA public TO deployer; GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO deployer',
  );
  assert.is((await rehearse({ ...target, url: new Secret(as(url, 'deployer')) })).copy, 'full');
});

test('an autovacuum worker is nobody: the copy is still made from the files', async () => {
  const slow = await startTestPostgres({
    settings: {
      autovacuum_naptime: '1s',
      autovacuum_vacuum_cost_delay: '100ms',
      autovacuum_vacuum_cost_limit: '1',
      autovacuum_vacuum_threshold: '1',
    },
  });
  try {
    const url = await slow.createDatabase('busy');
    await query(url, `${BIG} INSERT INTO big(a) SELECT generate_series(1, 100000);`);
    await query(url, 'DELETE FROM big WHERE a % 2 = 0');
    const worker = `SELECT 1 FROM pg_stat_activity WHERE datname = 'busy' AND backend_type = 'autovacuum worker'`;
    for (let n = 0; (await query(slow.adminUrl, worker)).length === 0; n++) {
      assert.ok(n < 300, 'no autovacuum came');
      await new Promise((done) => setTimeout(done, 200));
    }
    const copy = await withScratch({ url: new Secret(url) }, async (scratch) => scratch.copy);
    assert.is(copy, 'template');
  } finally {
    await slow.stop();
  }
});

test('a subscription is not copied, and a scratch that an older one keeps is swept without a word to the publisher', async () => {
  const url = await postgres.createDatabase();
  const make = (name: string) =>
    `CREATE SUBSCRIPTION ${name} CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p WITH (connect = false, slot_name = 'live_slot')`;
  await query(url, BIG);
  await query(url, make('sub_in'));
  await query(postgres.adminUrl, 'CREATE DATABASE drydock_scratch_old');
  const old = postgres.urlOf('drydock_scratch_old');
  await query(old, make('sub_old'));
  const target = makeTarget(url, { '1': 'ALTER TABLE "big" ADD COLUMN "b" INTEGER;' }, '');
  await withClient(url, async () => {
    const { copy, findings } = await rehearse(target);
    assert.is(copy, 'full');
    assert.not.ok(
      findings.some(({ code }) => code === 'SCRATCH_LEFT'),
      JSON.stringify(findings),
    );
  });
  assert.equal(await scratches(), []);
  assert.equal(await query(postgres.adminUrl, 'SELECT subname FROM pg_subscription'), [{ subname: 'sub_in' }]);
  await query(url, 'ALTER SUBSCRIPTION sub_in SET (slot_name = NONE)');
  await query(url, 'DROP SUBSCRIPTION sub_in');
});

test('a scratch that cannot be dropped is told, and nothing waits for it', async () => {
  const url = await owned(BIG);
  const name = 'drydock_scratch_kept';
  await query(postgres.adminUrl, `CREATE DATABASE ${name} OWNER ops`);
  await query(postgres.adminUrl, `ALTER DATABASE ${name} IS_TEMPLATE true`);
  const target = makeTarget(url, { '1': 'ALTER TABLE "big" ADD COLUMN "b" INTEGER;' }, '');
  const { findings, migrations } = await rehearse(target);
  const [left] = findings.filter(({ code }) => code === 'SCRATCH_LEFT');
  assert.is(left?.level, 'warn');
  assert.match(hintOf(left), `DROP DATABASE "${name}"`);
  assert.is(migrations.length, 1);
  await query(postgres.adminUrl, `ALTER DATABASE ${name} IS_TEMPLATE false`);
  await query(postgres.adminUrl, `DROP DATABASE ${name}`);
});

test('the copy has the owners and privileges of the target', async () => {
  const url = await owned(BIG);
  const admin = postgres.urlOf(new URL(url).pathname.slice(1));
  await query(admin, 'GRANT CREATE ON SCHEMA public TO app_owner');
  const own =
    'SET LOCAL ROLE app_owner; CREATE TABLE t9(id BIGINT NOT NULL, CONSTRAINT t9_pkey PRIMARY KEY(id)); RESET ROLE;';
  const target = makeTarget(url, { '1': own }, `${SCHEMA('Int?')}model t9 {\n  id BigInt @id\n}\n`);
  for (const content of ['schema', 'sample', 'full'] as const)
    await withClient(url, async () =>
      assert.equal(errors((await rehearse(target, { content })).findings), [], content),
    );
});

test('whoever does not own a table is refused on the copy as on the target', async () => {
  const url = await owned(
    `${BIG} GRANT ALL ON ALL TABLES IN SCHEMA public TO deployer; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO deployer; GRANT ALL ON SCHEMA public TO deployer;`,
  );
  const target = makeTarget(as(url, 'deployer'), { '1': 'ALTER TABLE "big" ADD COLUMN "b" INTEGER;' }, '');
  for (const content of ['schema', 'full', 'copy'] as const) {
    const { findings } = await rehearse(target, { content });
    assert.match(errors(findings).join(), 'must be owner of table big', content);
  }
});

const NEEDS = `INSERT INTO perms(role_id) VALUES ((SELECT id FROM roles WHERE name = 'admin'));`;
const ROLES = `CREATE TABLE roles(id BIGINT NOT NULL, name TEXT NOT NULL, CONSTRAINT roles_pkey PRIMARY KEY(id)); CREATE TABLE perms(id BIGSERIAL NOT NULL, role_id BIGINT NOT NULL, CONSTRAINT perms_pkey PRIMARY KEY(id));`;
const ROLES_SCHEMA =
  'model roles {\n  id BigInt @id\n  name String\n}\nmodel perms {\n  id BigInt @id @default(autoincrement())\n  role_id BigInt\n}\n';

test('a migration that needs a row of the target is deployed, with the product connected', async () => {
  const url = await owned();
  const product = makeProduct(url, ROLES_SCHEMA, { '1': ROLES });
  assert.is((await product.run('db:deploy', '--yes')).code, 0);
  await query(url, `INSERT INTO roles VALUES (1, 'admin')`);
  product.write('2', NEEDS, '');
  await withClient(url, async () => {
    assert.is((await product.run('db:dry-run')).code, 0);
    assert.is((await product.run('db:deploy', '--yes')).code, 0);
  });
  assert.is((await query(url, 'SELECT FROM perms')).length, 1);
});

test('where the copy has no rows, a failure that a row could have prevented is told and refuses nothing', async () => {
  const url = await owned();
  const product = makeProduct(url, ROLES_SCHEMA, { '1': ROLES });
  assert.is((await product.run('db:deploy', '--yes')).code, 0);
  await query(url, `INSERT INTO roles VALUES (1, 'admin')`);
  product.write('2', NEEDS, '');
  product.write('3', `DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM roles) THEN RAISE 'no roles'; END IF; END $$;`, '');
  const dry = await product.ask('db:dry-run', '--data', 'schema');
  assert.is(dry.code, 0);
  assert.equal(dry.data.untold, ['2', '3']);
  const [told] = dry.findings.filter(({ code }: { code: string }) => code === 'NOT_REHEARSED');
  assert.match(
    told.message,
    /could not be told, nor the one behind it: the copy has no rows, .*null value in column "role_id"/,
  );
  assert.is((await product.run('db:dry-run', '--data', 'schema', '--fail-on', 'warn')).code, 3);
  const deploy = await product.run('db:deploy', '--yes', '--data', 'schema');
  assert.is(deploy.code, 0, deploy.stderr);
  assert.match(deploy.stderr + deploy.stdout, 'NOT_REHEARSED');
});

test('what was seen before the copy could tell no more is not asked of a target that has gone on', async () => {
  const url = as(await owned(), 'deployer');
  await query(postgres.adminUrl, `ALTER DATABASE copy_${made} OWNER TO deployer`);
  const product = makeProduct(`${url}?schema=core`, 'model kept {\n  id BigInt @id\n}\n', {
    '1': 'CREATE TABLE brief (id BIGINT NOT NULL, CONSTRAINT brief_pkey PRIMARY KEY (id));',
    // Put together: run on a copy by a role that can do no harm, and `deployer` may make none.
    '2': `DO $$ BEGIN EXECUTE 'CREATE TABLE ' || 'kept (id BIGINT NOT NULL, CONSTRAINT kept_pkey PRIMARY KEY (id))'; END $$;`,
    '3': 'DROP TABLE brief;',
  });
  await query(url, 'CREATE SCHEMA core');
  const dry = await product.ask('db:dry-run');
  assert.equal(dry.data.untold, ['2', '3']);
  assert.equal(
    dry.findings.map(({ code }: { code: string }) => code).filter((code: string) => code !== 'NO_LOCK_TIMEOUT'),
    ['NOT_REHEARSED'],
    'the schema that the URL names is no drift',
  );
  const deploy = await product.run('db:deploy', '--yes');
  assert.is(deploy.code, 0, deploy.stderr);
  assert.equal(
    await query(url, `SELECT to_regclass('core.brief') AS gone, to_regclass('core.kept') IS NOT NULL AS kept`),
    [{ gone: null, kept: true }],
  );
});

test('a failure that no row could have prevented is still one', async () => {
  const url = await owned(ROLES);
  const target = makeTarget(url, { '1': 'INSERT INTO nowhere VALUES (1);' }, '');
  assert.match(errors((await rehearse(target, { content: 'schema' })).findings).join(), 'MIGRATION_FAILED');
});

test('without rows on the copy, the target itself is asked whether rows are in the way', async () => {
  const url = await owned(
    `CREATE TABLE p (id BIGINT PRIMARY KEY); CREATE TABLE c (id BIGINT PRIMARY KEY, p_id BIGINT, n INT, t TEXT, v BIGINT);
     INSERT INTO p VALUES (1); INSERT INTO c VALUES (1, 1, 5, 'a', 1), (2, 9, -5, 'a', 3000000000), (3, NULL, NULL, 'longer', 1);`,
  );
  const asked = async (statements: string[]) => {
    const { findings } = await rehearse(makeTarget(url, Object.fromEntries(statements.entries()), ''), {
      content: 'schema',
    });
    const told = findings.filter(({ code }) => code === 'MIGRATION_FAILED' || code === 'NOT_REHEARSED');
    return statements.map((_, at) =>
      told
        .map(({ code, message }) => `${code} ${message}`)
        .filter((said) => new RegExp(`[/ ]${at}(/migration.sql)?:1`).test(said))
        .join(),
    );
  };
  const found: [string, RegExp][] = [
    ['ALTER TABLE c ALTER COLUMN n SET NOT NULL;', /MIGRATION_FAILED .*:1: the target has NULL in column "n" of c/],
    ['ALTER TABLE c ADD CONSTRAINT positive CHECK (n > 0);', /MIGRATION_FAILED .*rows in c that violate positive/],
    [
      'ALTER TABLE c ADD CONSTRAINT c_fk FOREIGN KEY (p_id) REFERENCES p (id);',
      /MIGRATION_FAILED .*rows in c without a parent in p/,
    ],
    ['CREATE UNIQUE INDEX c_t ON c (t);', /MIGRATION_FAILED .*duplicates of \("t"\) in c/],
    ['ALTER TABLE c ADD CONSTRAINT c_t_key UNIQUE (t);', /MIGRATION_FAILED .*duplicates of \("t"\) in c/],
    [
      'ALTER TABLE c ALTER COLUMN v TYPE INTEGER;',
      /MIGRATION_FAILED .*column "v" of c that the new type has no room for/,
    ],
    [
      'ALTER TABLE c ALTER COLUMN t TYPE VARCHAR(3);',
      /MIGRATION_FAILED .*column "t" of c that the new type has no room for/,
    ],
    [
      'UPDATE c SET n = 0 WHERE n IS NULL; ALTER TABLE c ALTER COLUMN n SET NOT NULL;',
      /^NOT_REHEARSED Whether 7:1 meets NULL in column "n" of c could not be told: .* an earlier statement changes them/,
    ],
  ];
  const said = await asked(found.map(([sql]) => sql));
  for (const [at, [sql, expected]] of found.entries()) assert.match(said[at] ?? '', expected, sql);
  const harmless = [
    'ALTER TABLE c ALTER COLUMN v SET NOT NULL; ALTER TABLE c ALTER COLUMN n TYPE BIGINT; ALTER TABLE c ADD CHECK (v > 0);',
    'ALTER TABLE c ADD CONSTRAINT later CHECK (n > 0) NOT VALID; CREATE UNIQUE INDEX c_n ON c (n); ALTER TABLE c ALTER COLUMN t TYPE VARCHAR(6);',
  ];
  assert.equal(await asked(harmless), ['', '']);
});

test.run();
