// Uses PostgreSQL that takes TLS alone, with client certificates, a socket and IPv6: node, psql and pg_dump agree.
import { execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Authority,
  makeAuthority,
  startTestPostgres,
  type TestPostgres,
  testRoot,
} from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { problemOf } from '../../src/env/kinds.ts';
import {
  databaseArgument,
  databaseOf,
  type OpsError,
  requireTool,
  Secret,
  withDatabase,
  withPostgres,
  withRole,
} from '../../src/index.ts';
import { libpqEnv } from '../../src/postgres.ts';

const test = suite('shapes of a database URL');
const PASSWORD = '100%/@:#?é';
let folder: string;
let ours: Authority;
let strangers: Authority;
let postgres: TestPostgres;
let sockets: string;
let archive: string;

test.before(async () => {
  folder = testRoot('tls');
  [ours, strangers] = [makeAuthority(folder), makeAuthority(folder, 'stranger')];
  sockets = mkdtempSync(join(tmpdir(), 'dds-'));
  chmodSync(sockets, 0o777);
  const server = ours.sign('server', ['IP:127.0.0.1', 'IP:::1', 'DNS:localhost']);
  postgres = await startTestPostgres({
    settings: {
      ssl: 'on',
      ssl_cert_file: 'server.crt',
      ssl_key_file: 'server.key',
      ssl_ca_file: 'root.crt',
      listen_addresses: '127.0.0.1,::1',
      unix_socket_directories: sockets,
    },
    files: {
      'server.crt': server.cert,
      'server.key': server.key,
      'root.crt': readFileSync(ours.file, 'utf8'),
      'pg_hba.conf': `local all all scram-sha-256
hostssl all certified all cert
hostssl all all all scram-sha-256
`,
    },
  });
  await withPostgres(new Secret(postgres.adminUrl), 'test', (client) =>
    client.query(
      `CREATE ROLE odd LOGIN SUPERUSER PASSWORD ${client.escapeLiteral(PASSWORD)}; CREATE ROLE certified LOGIN SUPERUSER;
       CREATE TABLE things (n int); INSERT INTO things VALUES (7); CREATE TABLE empty ()`,
    ),
  );
  archive = join(folder, 'empty.dump');
  const args = ['-Fc', '--data-only', '--table=empty', `--file=${archive}`];
  execFileSync(requireTool('pg_dump'), args, { env: libpqEnv(new Secret(postgres.adminUrl), process.env.PATH) });
});
test.after(() => postgres.stop());

const at = (who: string, more: Record<string, string>, host = '127.0.0.1') =>
  new Secret(`postgresql://${who}@${host}:${postgres.port}/postgres?${new URLSearchParams(more)}`, 'OPS_DATABASE_URL');
const ODD = `odd:${encodeURIComponent(PASSWORD)}`;

const CLIENTS = ['node', 'psql', 'pg_dump', 'pg_restore'];

/** What each kind of client says: the row, or the error. */
async function everyClient(url: Secret): Promise<Record<string, string>> {
  const env = libpqEnv(url, process.env.PATH);
  const run = (program: 'psql' | 'pg_dump' | 'pg_restore', args: string[]) =>
    new Promise<string>((done) => {
      const child = execFile(requireTool(program), args, { env }, (error, stdout, stderr) =>
        done(error ? `error: ${stderr.trim()}` : stdout.trim()),
      );
      child.stdin?.end();
    });
  const node = withPostgres(url, 'test', async (client) => {
    const { rows } = await client.query('SELECT n FROM things');
    return String(rows[0].n);
  }).catch((error: OpsError) => `error: ${error.code} ${error.message}`);
  const said = await Promise.all([
    node,
    run('psql', ['--no-password', '--no-psqlrc', '-Atc', 'SELECT n FROM things']),
    run('pg_dump', ['--no-password', '--data-only', '--table=things']),
    run('pg_restore', ['--no-password', `--dbname=${databaseArgument(databaseOf(url))}`, archive]),
  ]);
  const [, , dumped = '', restored] = said;
  return {
    node: said[0],
    psql: said[1],
    pg_dump: dumped.includes('\n7\n') ? '7' : dumped,
    pg_restore: restored || '7',
  };
}

const agree = async (url: Secret) =>
  assert.equal(await everyClient(url), Object.fromEntries(CLIENTS.map((name) => [name, '7'])));
/** Each says no. */
const refuse = async (url: Secret, why: RegExp | string = 'error') => {
  const said = await everyClient(url);
  for (const name of CLIENTS.slice(1)) assert.match(said[name] ?? '', why);
  return said.node ?? '';
};
async function withVariables(variables: Record<string, string>, work: () => Promise<unknown>): Promise<void> {
  const before = { ...process.env };
  Object.assign(process.env, variables);
  try {
    await work();
  } finally {
    for (const name of Object.keys(variables)) delete process.env[name];
    Object.assign(process.env, before);
  }
}

test('a server that takes TLS alone is reached, verified, without a word on TLS, and with any password', async () => {
  await agree(at(ODD, { sslmode: 'verify-full', sslrootcert: ours.file }));
  await agree(at(ODD, { sslmode: 'verify-ca', sslrootcert: ours.file }));
  await agree(at(ODD, { sslmode: 'require' }));
  await agree(at(ODD, { sslmode: 'prefer' }));
  await agree(at(ODD, {}));
  await agree(
    at(ODD, {
      sslmode: 'verify-full',
      sslrootcert: ours.file,
      schema: 'public',
      connection_limit: '5',
      pgbouncer: 'false',
    }),
  );
});

test('a wrong CA is refused by every client', async () => {
  for (const sslmode of ['verify-full', 'verify-ca', 'require'])
    assert.match(
      await refuse(at(ODD, { sslmode, sslrootcert: strangers.file }), 'certificate verify failed'),
      'DATABASE_UNTRUSTED',
    );
});

test('a wrong CA that the environment or a service names is refused as well', async () => {
  await withVariables({ PGSSLMODE: 'verify-full', PGSSLROOTCERT: strangers.file }, () =>
    refuse(at(ODD, {}), 'certificate verify failed'),
  );
  await withVariables({ PGSSLMODE: 'verify-full', PGSSLROOTCERT: ours.file }, () => agree(at(ODD, {})));
});

test("the machine's own certificates are those that verify where none is named", async () => {
  for (const more of [{ sslrootcert: 'system' }, { sslmode: 'verify-full' }, { sslaccept: 'strict' }] as const) {
    await withVariables({ SSL_CERT_FILE: ours.file }, () => agree(at(ODD, more)));
    await withVariables({ SSL_CERT_FILE: strangers.file }, () => refuse(at(ODD, more), 'certificate verify failed'));
  }
});

test('a certificate for another name is refused by verify-full', async () => {
  await refuse(at(ODD, { sslmode: 'verify-full', sslrootcert: ours.file }, '127.0.0.2'));
});

test('a file that a URL names and that is not there is named', async () => {
  const said = await refuse(at(ODD, { sslmode: 'verify-full', sslrootcert: '/nowhere/ca.crt' }));
  assert.match(said, 'CERTIFICATE_UNREADABLE The file /nowhere/ca.crt that sslrootcert names cannot be read (ENOENT).');
  assert.is(problemOf('postgres', at(ODD, { sslrootcert: '/nowhere/ca.crt' }).reveal()), undefined);
});

test('a client certificate lets in who has one, and nobody else', async () => {
  const { certFile: sslcert, keyFile: sslkey } = ours.sign('certified');
  chmodSync(sslkey, 0o600);
  await agree(at('certified', { sslmode: 'verify-full', sslrootcert: ours.file, sslcert, sslkey }));
  await refuse(at('certified', { sslmode: 'verify-full', sslrootcert: ours.file }));
});

test('IPv6, a socket by host= or in the place of the host, and several hosts', async () => {
  await agree(at(ODD, { sslmode: 'verify-full', sslrootcert: ours.file }, '[::1]'));
  const socket = (place: string, more: string) => new Secret(`postgresql://${ODD}@${place}/postgres${more}`);
  await agree(socket('', `?host=${sockets}&port=${postgres.port}`));
  await agree(socket('localhost', `?host=${encodeURIComponent(sockets)}&port=${postgres.port}`));
  await agree(socket(encodeURIComponent(sockets), `?port=${postgres.port}`));
  const several = `postgresql://${ODD}@127.0.0.1:9,127.0.0.1:${postgres.port}/postgres`;
  await agree(new Secret(`${several}?sslmode=require&target_session_attrs=read-write`));
});

test('options reach every client', async () => {
  const url = at(ODD, { options: '-c search_path=elsewhere -c statement_timeout=1234ms' });
  const env = libpqEnv(url, process.env.PATH);
  assert.is(env.PGOPTIONS, '-c search_path=elsewhere -c statement_timeout=1234ms');
  const shown = await withPostgres(url, 'test', async (client) => (await client.query('SHOW statement_timeout')).rows);
  assert.is(shown[0].statement_timeout, '1234ms');
});

test('a password file is read where the URL has none', async () => {
  const file = join(folder, 'pgpass');
  writeFileSync(file, `*:*:*:odd:${PASSWORD.replaceAll(/[\\:]/g, '\\$&')}\n`, { mode: 0o600 });
  await withVariables({ PGPASSFILE: file }, () => agree(at('odd', { sslmode: 'require' })));
  await agree(at('odd', { sslmode: 'require', passfile: file }));
});

test('an entry of a service file says what the URL leaves open, to every client', async () => {
  const file = join(folder, 'pg_service.conf');
  const entry = (name: string, more: string) =>
    `[${name}]\n# a comment\nhost=127.0.0.1\nport=${postgres.port}\nuser=odd\npassword=${PASSWORD}\ndbname=postgres\n${more}\n`;
  writeFileSync(
    file,
    `${entry('trusting', 'sslmode=require')}${entry('strict', `sslmode=verify-full\nsslrootcert=${strangers.file}`)}`,
  );
  await withVariables({ PGSERVICEFILE: file }, async () => {
    await agree(new Secret('postgresql:///?service=trusting'));
    await agree(new Secret('postgresql://?service=trusting&application_name=x'));
    await agree(withDatabase(new Secret('postgresql:///elsewhere?service=trusting'), 'postgres'));
    await refuse(new Secret('postgresql:///?service=strict'), 'certificate verify failed');
    await withVariables({ PGSERVICE: 'trusting', PGPORT: '9' }, () => agree(new Secret('postgresql:///')));
    const unknown = new Secret('postgresql:///?service=nobody', 'OPS_DATABASE_URL');
    assert.throws(() => databaseOf(unknown), /No service file has an entry \[nobody\]: looked in .*pg_service.conf/);
    assert.is(problemOf('postgres', unknown.reveal()), undefined, 'it is a URL all the same');
  });
});

test('a server that takes the connection and says nothing is given up within a bound', async () => {
  const server = createServer(() => {}).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    const url = new Secret(`postgresql://u:p@127.0.0.1:${port}/d?sslmode=disable&connect_timeout=2`);
    assert.match(await refuse(url, 'timeout expired'), 'DATABASE_UNREACHABLE');
  } finally {
    server.close();
  }
});

test('names of databases with signs of a URL are what they are', async () => {
  for (const name of ['a+b', 'a=b', '$x&y', 'ä/ö', 'w?#@:;,', 'postgresql://x']) {
    await withPostgres(new Secret(postgres.adminUrl), 'test', (client) =>
      client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`),
    );
    const url = withDatabase(at(ODD, { sslmode: 'require' }), name);
    assert.is(databaseOf(url), name);
    const said = await withPostgres(
      url,
      'test',
      async (client) => (await client.query('SELECT current_database() AS d')).rows,
    );
    assert.is(said[0].d, name);
  }
});

test('another role comes to the same server and database, whatever shape the URL has', async () => {
  const role = 'an:other @ro/le';
  await withPostgres(new Secret(postgres.adminUrl), 'test', (client) =>
    client.query(`CREATE ROLE ${client.escapeIdentifier(role)} LOGIN PASSWORD 'p:@/ä'`),
  );
  for (const url of [at(ODD, { sslmode: 'require' }), new Secret(postgres.adminUrl)]) {
    const other = withRole(url, role, 'p:@/ä');
    assert.is(databaseOf(other), databaseOf(url));
    const said = await withPostgres(
      other,
      'test',
      async (client) => (await client.query('SELECT current_user AS u')).rows,
    );
    assert.is(said[0].u, role);
  }
});

test('a % that stands for itself is named before anything connects', () => {
  assert.match(problemOf('postgres', 'postgresql://u:100%@h/db') ?? '', 'written %25');
  assert.is(problemOf('postgres', `postgresql://${ODD}@h1,h2:2/db`), undefined);
  assert.is(problemOf('postgres', 'postgresql://u:p@/db?host=/tmp'), undefined);
});

test.run();
