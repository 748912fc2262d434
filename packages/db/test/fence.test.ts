// Uses PostgreSQL, as three roles. A rehearsal changes nothing outside of its copy, whatever the migration says.
import { dirname } from 'node:path';
import { databaseOf, Secret } from '@drydock/kit';
import { sampleRounds } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import type { Client } from 'pg';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { rehearse, type Target } from '../src/index.ts';
import { readServer } from '../src/rehearsal/server.ts';
import { makeProduct, type Product } from './product.ts';
import { makeTarget, query, withClient, writeMigration } from './world.ts';

const test = suite('the fence of a rehearsal');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
  await query(
    postgres.adminUrl,
    `CREATE ROLE ops LOGIN CREATEDB CREATEROLE PASSWORD 'ops'; CREATE ROLE maker LOGIN CREATEDB PASSWORD 'maker'; CREATE ROLE bystander`,
  );
  await query(postgres.adminUrl, 'CREATE DATABASE other');
});
test.after(() => postgres.stop());

const USERS = 'CREATE TABLE users (id BIGINT NOT NULL, n INT, CONSTRAINT users_pkey PRIMARY KEY (id));';
const SCHEMA = 'model users {\n  id BigInt @id\n  n  Int?\n}\n';
let made = 0;

/** A database of this role with a table in it; the superuser's is the server's own. */
async function owned(role: Role): Promise<string> {
  const name = `fence_${++made}`;
  if (role === 'drydock') return postgres.createDatabase(name);
  await query(postgres.adminUrl, `CREATE DATABASE ${name} OWNER ${role}`);
  return postgres.urlOf(name, { user: role, password: role });
}
type Role = 'drydock' | 'ops' | 'maker';
const codes = (findings: { code: string; level: string }[]) =>
  [...new Set(findings.map(({ code, level }) => `${level} ${code}`))]
    .filter((said) => !/NO_LOCK_TIMEOUT|DRIFT/.test(said))
    .sort();

/** What is the same before and after, and a session of the product that lives on. */
async function unchanged<T>(target: Target, work: (live: Client) => Promise<T>): Promise<T> {
  const admin = { ...target, url: new Secret(postgres.adminUrl) };
  const before = await readServer(admin);
  const passwords = `SELECT rolname, rolpassword FROM pg_authid WHERE rolname NOT LIKE 'drydock_scratch%' ORDER BY 1`;
  const secrets = await query(postgres.adminUrl, passwords);
  return withClient(target.url.reveal(), async (live) => {
    const result = await work(live);
    assert.equal((await live.query('SELECT 1 AS one')).rows, [{ one: 1 }], 'the live session was ended');
    assert.equal(await readServer(admin), before);
    assert.equal(await query(postgres.adminUrl, passwords), secrets);
    const left = `SELECT rolname FROM pg_roles WHERE rolname LIKE 'drydock_scratch%' UNION SELECT datname FROM pg_database WHERE datname LIKE 'drydock_scratch%'`;
    assert.equal(await query(postgres.adminUrl, left), []);
    return result;
  });
}

const KILL =
  'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type IS NOT NULL';
const hidden = (run: string) =>
  `DO $$ BEGIN EXECUTE 'SELECT pg_term' || 'inate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()'; ${run} END $$;`;

/** Statements, and what is told of them, by role where it differs. */
const REACHING: [sql: string, role: Role, told: string[]][] = [
  [`${KILL};`, 'maker', ['error REACHES_OUT']],
  [
    `DO $$ BEGIN PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid(); END $$;`,
    'maker',
    ['error REACHES_OUT'],
  ],
  [`DO $$ BEGIN EXECUTE format('SELECT pg_terminate_backend(%s)', 1); END $$;`, 'ops', ['error REACHES_OUT']],
  // Nothing can be seen beforehand: a role that may not, or nothing at all.
  [hidden(''), 'ops', ['warn NOT_REHEARSED']],
  [hidden(''), 'drydock', ['warn NOT_REHEARSED']],
  [hidden(''), 'maker', ['warn NOT_REHEARSED']],
  [`DO $$ BEGIN EXECUTE 'ALTER ' || 'ROLE ops SET work_mem = ''9MB'''; END $$;`, 'ops', ['warn NOT_REHEARSED']],
  [`DO $$ BEGIN EXECUTE 'CREATE ' || 'ROLE evil SUPERUSER'; END $$;`, 'drydock', ['warn NOT_REHEARSED']],
  [
    `DO $$ BEGIN EXECUTE 'COPY users TO ' || 'PROGRAM ''touch /tmp/never'''; END $$;`,
    'drydock',
    ['warn NOT_REHEARSED'],
  ],
  [
    `CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid(); RETURN NEW; END $$;
     CREATE TRIGGER t BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION f();
     INSERT INTO users VALUES (77);`,
    'maker',
    ['error REACHES_OUT'],
  ],
  [
    `CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'SELECT pg_term' || 'inate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()'; RETURN NEW; END $$;
     CREATE TRIGGER t BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION f();
     INSERT INTO users VALUES (77);`,
    'maker',
    ['warn NOT_REHEARSED'],
  ],
  ['CREATE ROLE app_ro NOLOGIN; GRANT SELECT ON users TO app_ro;', 'ops', ['warn CHANGES_SERVER']],
  ['BEGIN;\nCREATE ROLE app_ro NOLOGIN;\nCOMMIT;', 'ops', ['warn CHANGES_SERVER']],
  [`ALTER ROLE maker PASSWORD 'mine'; ALTER ROLE maker SET work_mem = '9MB';`, 'maker', ['warn CHANGES_SERVER']],
  ['DROP ROLE bystander;', 'ops', ['warn CHANGES_SERVER']],
  ['GRANT bystander TO maker; COMMENT ON ROLE bystander IS $$x$$;', 'ops', ['warn CHANGES_SERVER']],
  [
    `ALTER DATABASE :target SET work_mem = '9MB'; ALTER DATABASE :target CONNECTION LIMIT 3;`,
    'maker',
    ['warn CHANGES_SERVER'],
  ],
  [
    'GRANT CONNECT ON DATABASE :target TO bystander; REVOKE ALL ON DATABASE :target FROM PUBLIC;',
    'maker',
    ['warn CHANGES_SERVER'],
  ],
  [
    `DO $$ BEGIN EXECUTE 'ALTER DATABASE :target SET work_mem = ''9MB'''; CREATE ROLE app_ro; EXCEPTION WHEN duplicate_object THEN NULL; END $$;`,
    'ops',
    ['warn CHANGES_SERVER'],
  ],
  ['REASSIGN OWNED BY ops TO bystander;', 'drydock', ['warn CHANGES_SERVER']],
  [`ALTER SYSTEM SET work_mem = '9MB';`, 'drydock', ['error REACHES_OUT']],
  ['DROP DATABASE other;', 'drydock', ['error REACHES_OUT']],
  ['CREATE DATABASE fresh_one;', 'maker', ['error REACHES_OUT']],
  [`COPY users TO PROGRAM 'touch /tmp/never'; COPY users TO '/tmp/never';`, 'drydock', ['error REACHES_OUT']],
  [
    `CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p WITH (connect = false, slot_name = NONE);`,
    'drydock',
    ['error REACHES_OUT'],
  ],
  [`CREATE FUNCTION c(text) RETURNS int LANGUAGE c AS 'libc.so.6', 'system';`, 'drydock', ['error REACHES_OUT']],
];
for (const [sql, role, told] of sampleRounds(REACHING, 9))
  test(`${role}: ${sql.replaceAll(/\s+/g, ' ').slice(0, 90)}`, async () => {
    const url = await owned(role);
    await query(url, USERS);
    const target = makeTarget(url, {}, '');
    writeMigration(dirname(target.schemaFile), '1', sql.replaceAll(':target', databaseOf(target.url)));
    const { findings } = await unchanged(target, () => rehearse(target));
    assert.equal(codes(findings), told, JSON.stringify(findings));
  });

test('code that puts together what it runs is rehearsed by a role that owns the copy, and what follows is, too', async () => {
  for (const role of ['ops', 'drydock'] as const) {
    const url = await owned(role);
    await query(
      url,
      `${USERS} INSERT INTO users SELECT generate_series(1, 10); CREATE TYPE mood AS ENUM ('a'); CREATE VIEW v AS SELECT id FROM users;`,
    );
    const target = makeTarget(
      url,
      {
        '1': `DO $$ DECLARE t text; BEGIN FOR t IN SELECT 'users' LOOP EXECUTE format('ALTER TABLE %I ADD COLUMN extra INT', t); END LOOP; END $$;`,
        '2': `ALTER TYPE mood ADD VALUE 'b'; DROP VIEW v; ALTER TABLE users ADD COLUMN m mood; CREATE TABLE more (id BIGINT PRIMARY KEY REFERENCES users (id));`,
        '3': 'CREATE INDEX CONCURRENTLY users_n ON users (n);',
        '4': 'ALTER TABLE users ALTER COLUMN n SET NOT NULL;',
      },
      '',
    );
    const { findings, migrations, untold } = await unchanged(target, () => rehearse(target));
    assert.equal([migrations.length, untold], [3, []], JSON.stringify(findings));
    assert.match(findings.find(({ code }) => code === 'MIGRATION_FAILED')?.message ?? '', 'contains null values');
  }
});

async function good(product: Product, script: string, ...args: string[]): Promise<void> {
  const { code, error, findings } = await product.ask(script, ...args);
  assert.is(code, 0, `${script} ${args.join(' ')}: ${JSON.stringify(error ?? findings)}`);
}

test('a migration that makes a role can be rehearsed twice, deployed, built upon and undone', async () => {
  const url = await owned('ops');
  const product = makeProduct(url, SCHEMA, { '1': USERS });
  await good(product, 'db:deploy', '--yes');
  product.write(
    '2',
    'CREATE ROLE app_made NOLOGIN; GRANT SELECT ON users TO app_made;',
    'REVOKE SELECT ON users FROM app_made; DROP ROLE app_made;',
  );
  const roles = () => query(postgres.adminUrl, `SELECT rolname FROM pg_roles WHERE rolname = 'app_made'`);
  for (const _ of [1, 2]) {
    await good(product, 'db:dry-run');
    assert.equal(await roles(), []);
  }
  await good(product, 'db:deploy', '--yes');
  assert.is((await roles()).length, 1);
  product.write('3', 'CREATE VIEW v AS SELECT id FROM users;', 'DROP VIEW v;');
  const dry = await product.ask('db:dry-run');
  assert.equal([dry.code, codes(dry.findings)], [0, []], JSON.stringify(dry.findings));
  await good(product, 'db:deploy', '--yes');
  await good(product, 'db:verify');
  await good(product, 'db:rollback', '--steps', '1', '--yes');
  assert.is((await roles()).length, 1, 'proving the script of another dropped no role');
  await good(product, 'db:rollback', '--steps', '1', '--yes');
  assert.equal(await roles(), [], 'its own down.sql did, on the target');
});

test('a guarded role is deployed, whether it is there or not', async () => {
  const url = await owned('ops');
  const product = makeProduct(url, SCHEMA, { '1': USERS });
  await product.run('db:deploy', '--yes');
  const guarded = (name: string) =>
    `DO $$ BEGIN CREATE ROLE ${name}; EXCEPTION WHEN duplicate_object THEN NULL; END $$;\nGRANT SELECT ON users TO ${name};\nALTER TABLE users ADD COLUMN IF NOT EXISTS n INT;`;
  product.write('2', guarded('guarded_new'), '');
  product.write('3', guarded('bystander'), '');
  assert.is((await product.run('db:dry-run')).code, 0);
  assert.equal(await query(postgres.adminUrl, `SELECT 1 FROM pg_roles WHERE rolname = 'guarded_new'`), []);
  const deploy = await product.run('db:deploy', '--yes');
  assert.is(deploy.code, 0, deploy.stderr);
});

test('to hang a function that puts together what it runs on a table is not to run it, to change rows behind it is', async () => {
  const url = await owned('maker');
  await query(url, USERS);
  const target = makeTarget(
    url,
    {
      '1': `CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN EXECUTE format('CREATE SEQUENCE %I', NEW.id); RETURN NEW; END $$;
        CREATE TRIGGER t BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION f();`,
      '2': 'ALTER TABLE users ADD COLUMN m INT; CREATE INDEX users_m ON users (m);',
      '3': 'CREATE FUNCTION g() RETURNS void LANGUAGE sql AS $$ INSERT INTO users VALUES (77) $$; SELECT g();',
      '4': 'ALTER TABLE users ADD COLUMN o INT;',
    },
    SCHEMA,
  );
  const { untold, findings } = await rehearse(target);
  assert.equal([untold, codes(findings).filter((said) => said.startsWith('error'))], [['3', '4'], []]);
});

test('what stays in its database is run: messages, advisory locks, triggers with functions that are there', async () => {
  const url = await owned('maker');
  await query(
    url,
    `${USERS} CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN EXECUTE format('SELECT %L', TG_TABLE_NAME); PERFORM pg_notify('c', 'x'); RETURN NEW; END $$;`,
  );
  const target = makeTarget(
    url,
    {
      '1': `SELECT pg_notify('c', 'x'), pg_advisory_xact_lock(1);
CREATE TRIGGER audit BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION audit();
INSERT INTO users VALUES (1);`,
    },
    '',
  );
  const { findings, migrations } = await rehearse(target);
  assert.equal([migrations[0]?.statements.length, codes(findings)], [3, []], JSON.stringify(findings));
});

test('db:down makes a history with roles anew without making them', async () => {
  const url = await owned('ops');
  const product = makeProduct(url, SCHEMA, {
    '1': `CREATE ROLE drafted; CREATE TABLE users (id BIGINT NOT NULL, CONSTRAINT users_pkey PRIMARY KEY (id));`,
    '2': 'ALTER TABLE users ADD COLUMN n INT;',
  });
  const { code, stdout } = await product.run('db:down', '--for', '2', '--print');
  assert.is(code, 0);
  assert.match(stdout, 'DROP COLUMN "n"');
  assert.equal(await query(postgres.adminUrl, `SELECT 1 FROM pg_roles WHERE rolname = 'drafted'`), []);
});

test('what reaches out is deployed when the operator takes it on, not when its author does', async () => {
  const url = await owned('maker');
  const product = makeProduct(url, SCHEMA, { '1': USERS });
  await product.run('db:deploy', '--yes');
  product.write(
    '2',
    '-- drydock:ignore REACHES_OUT: fine\nSELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE false;',
    '',
  );
  const refused = await product.ask('db:deploy', '--yes');
  assert.equal([refused.code, refused.error.code], [4, 'REACHES_OUT']);
  assert.is((await product.run('db:deploy', '--yes', '--accept', 'REACHES_OUT')).code, 0);
});

test('a foreign table of a copy reaches no other server', async () => {
  const url = await owned('drydock');
  await query(
    url,
    `${USERS} CREATE EXTENSION postgres_fdw; CREATE SERVER live FOREIGN DATA WRAPPER postgres_fdw OPTIONS (dbname '${new URL(url).pathname.slice(1)}', port '${postgres.port}', host '127.0.0.1');
     CREATE USER MAPPING FOR CURRENT_USER SERVER live OPTIONS (user 'drydock', password 'throw-away-password');
     CREATE FOREIGN TABLE far (id BIGINT) SERVER live OPTIONS (table_name 'users');`,
  );
  const target = makeTarget(url, { '1': 'INSERT INTO far VALUES (5);' }, '');
  for (const content of ['copy', 'full', 'schema'] as const) {
    const { findings } = await rehearse(target, { content });
    assert.ok(
      findings.some(({ message }) => message.includes('user mapping not found')),
      JSON.stringify(findings),
    );
  }
  assert.equal(await query(url, 'SELECT FROM users'), []);
});

test.run();
