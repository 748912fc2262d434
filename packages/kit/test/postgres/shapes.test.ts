// Uses PostgreSQL that takes TLS alone, with client certificates, a socket and IPv6: node, psql and pg_dump agree.
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
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
  databaseOf,
  libpqEnv,
  type OpsError,
  requireTool,
  Secret,
  withDatabase,
  withPostgres,
  withRole,
} from '../../src/index.ts';

const test = suite('shapes of a database URL');
const PASSWORD = '100%/@:#?é';
let folder: string;
let ours: Authority;
let strangers: Authority;
let postgres: TestPostgres;
let sockets: string;

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
       CREATE TABLE things (n int); INSERT INTO things VALUES (7)`,
    ),
  );
});
test.after(() => postgres.stop());

const at = (who: string, more: Record<string, string>, host = '127.0.0.1') =>
  new Secret(`postgresql://${who}@${host}:${postgres.port}/postgres?${new URLSearchParams(more)}`, 'OPS_DATABASE_URL');
const ODD = `odd:${encodeURIComponent(PASSWORD)}`;

/** What each kind of client says: the row, or the error. */
async function everyClient(url: Secret): Promise<Record<string, string>> {
  const env = libpqEnv(url, process.env.PATH);
  const run = (program: 'psql' | 'pg_dump', args: string[]) =>
    new Promise<string>((done) => {
      const child = execFile(requireTool(program), args, { env }, (error, stdout, stderr) =>
        done(error ? `error: ${stderr.trim()}` : stdout.trim()),
      );
      child.stdin?.end();
    });
  const node = await withPostgres(url, 'test', async (client) => {
    const { rows } = await client.query('SELECT n FROM things');
    return String(rows[0].n);
  }).catch((error: OpsError) => `error: ${error.code} ${error.message}`);
  const dump = await run('pg_dump', ['--no-password', '--data-only', '--table=things']);
  return {
    node,
    psql: await run('psql', ['--no-password', '--no-psqlrc', '-Atc', 'SELECT n FROM things']),
    pg_dump: dump.includes('\n7\n') ? '7' : dump,
  };
}

const agree = async (url: Secret) => assert.equal(await everyClient(url), { node: '7', psql: '7', pg_dump: '7' });

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
  for (const sslmode of ['verify-full', 'verify-ca']) {
    const said = await everyClient(at(ODD, { sslmode, sslrootcert: strangers.file }));
    assert.match(said.node ?? '', 'DATABASE_UNTRUSTED');
    for (const client of ['psql', 'pg_dump']) assert.match(said[client] ?? '', 'certificate verify failed');
  }
});

test('a certificate for another name is refused by verify-full', async () => {
  const said = await everyClient(at(ODD, { sslmode: 'verify-full', sslrootcert: ours.file }, '127.0.0.2'));
  for (const client of ['node', 'psql', 'pg_dump']) assert.match(said[client] ?? '', 'error');
});

test('a client certificate lets in who has one, and nobody else', async () => {
  const { certFile: sslcert, keyFile: sslkey } = ours.sign('certified');
  chmodSync(sslkey, 0o600);
  await agree(at('certified', { sslmode: 'verify-full', sslrootcert: ours.file, sslcert, sslkey }));
  const said = await everyClient(at('certified', { sslmode: 'verify-full', sslrootcert: ours.file }));
  for (const client of ['node', 'psql', 'pg_dump']) assert.match(said[client] ?? '', 'error');
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
  const before = process.env.PGPASSFILE;
  process.env.PGPASSFILE = file;
  try {
    await agree(at('odd', { sslmode: 'require' }));
  } finally {
    if (before === undefined) delete process.env.PGPASSFILE;
    else process.env.PGPASSFILE = before;
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
