// Uses PostgreSQL with a self-signed certificate, with one of a CA, and without TLS: each mode is what psql makes of it, in node and in psql's own kin alike.
import { execFile, execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
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
import { type OpsError, reachableConfig, requireTool, Secret, withPostgres } from '../../src/index.ts';
import { libpqEnv } from '../../src/postgres.ts';

const test = suite('sslmode');
const ASK = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()';
let folder: string;
let authority: Authority;
let servers: Record<'self-signed' | 'by a CA' | 'without', TestPostgres>;
let selfSigned: string;

test.before(async () => {
  folder = testRoot('sslmode');
  authority = makeAuthority(folder);
  const own = makeAuthority(folder, 'own');
  selfSigned = own.file;
  const signed = authority.sign('server', ['IP:127.0.0.1']);
  const withTls = (cert: string, key: string) =>
    startTestPostgres({
      own: true,
      settings: { ssl: 'on', ssl_cert_file: 'server.crt', ssl_key_file: 'server.key', ssl_ca_file: 'root.crt' },
      files: {
        'server.crt': cert,
        'server.key': key,
        'root.crt': readFileSync(authority.file, 'utf8'),
        'pg_hba.conf': 'hostssl all certified all cert\nhost all all all scram-sha-256\n',
      },
    });
  const [first, second, third] = await Promise.all([
    withTls(readFileSync(own.file, 'utf8'), readFileSync(join(folder, 'own.key'), 'utf8')),
    withTls(signed.cert, signed.key),
    startTestPostgres({ own: true }),
  ]);
  servers = { 'self-signed': first, 'by a CA': second, without: third };
});
test.after(async () => {
  await Promise.all(Object.values(servers).map((server) => server.stop()));
});

const at = ({ adminUrl }: TestPostgres, more: Record<string, string>) => `${adminUrl}?${new URLSearchParams(more)}`;

/** `tls`, `plain`, or `no`. */
function psql(env: NodeJS.ProcessEnv, args: string[] = []): Promise<string> {
  return new Promise((done) => {
    const child = execFile(requireTool('psql'), ['--no-psqlrc', '-Atc', ASK, ...args], { env }, (error, stdout) =>
      done(error ? 'no' : stdout.trim() === 't' ? 'tls' : 'plain'),
    );
    child.stdin?.end();
  });
}
const node = (url: string) =>
  withPostgres(new Secret(url), 'test', async (client) =>
    (await client.query(ASK)).rows[0].ssl ? 'tls' : 'plain',
  ).catch((error: OpsError) => `no: ${error.code}`);

test('each mode is what libpq makes of it, with a root certificate and without', async () => {
  const roots = { none: undefined, CA: authority.file, own: selfSigned };
  for (const [kind, server] of Object.entries(servers))
    for (const sslmode of ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'])
      for (const [root, sslrootcert] of Object.entries(roots)) {
        const url = at(server, { sslmode, ...(sslrootcert ? { sslrootcert } : {}) });
        const meant = await psql({ PATH: process.env.PATH, HOME: folder }, [url]);
        const [ours, children] = [await node(url), await psql(libpqEnv(new Secret(url), process.env.PATH))];
        assert.equal(
          [ours.replace(/:.*/, ''), children],
          [meant, meant],
          `${kind}, ${sslmode}, root: ${root} (${ours})`,
        );
      }
});

test('without a mode any server is reached', async () => {
  for (const server of Object.values(servers)) {
    assert.match(await node(server.adminUrl), /^(tls|plain)$/);
    assert.match(await psql(libpqEnv(new Secret(server.adminUrl), process.env.PATH)), /^(tls|plain)$/);
  }
});

test("Prisma's words: sslaccept, and sslcert for the certificate of a CA", async () => {
  const said = async (server: TestPostgres, more: Record<string, string>) => {
    const url = at(server, more);
    return [(await node(url)).replace(/:.*/, ''), await psql(libpqEnv(new Secret(url), process.env.PATH))].join();
  };
  const { 'self-signed': own, 'by a CA': signed, without } = servers;
  assert.is(await said(own, { sslmode: 'require', sslaccept: 'accept_invalid_certs' }), 'tls,tls');
  assert.is(await said(own, { sslaccept: 'strict' }), 'no,no');
  assert.is(await said(signed, { sslaccept: 'strict', sslcert: authority.file }), 'tls,tls');
  assert.is(await said(signed, { sslmode: 'require', sslcert: authority.file }), 'tls,tls');
  assert.is(await said(signed, { sslaccept: 'strict', sslcert: selfSigned }), 'no,no');
  assert.is(
    await said(own, { sslmode: 'prefer', sslaccept: 'accept_invalid_certs', sslcert: authority.file }),
    'tls,tls',
  );
  assert.is(await said(without, { sslaccept: 'accept_invalid_certs' }), 'plain,plain');
});

test("Prisma's sslidentity lets in who has one, in node and in what its engine connects with", async () => {
  await withPostgres(new Secret(servers['by a CA'].adminUrl), 'test', (client) =>
    client.query('CREATE ROLE certified LOGIN'),
  );
  const { certFile, keyFile } = authority.sign('certified');
  const p12 = join(folder, 'certified.p12');
  execFileSync(requireTool('openssl'), [
    'pkcs12',
    '-export',
    '-in',
    certFile,
    '-inkey',
    keyFile,
    '-out',
    p12,
    '-passout',
    'pass:of the file',
  ]);
  const url = new URL(servers['by a CA'].adminUrl);
  Object.assign(url, { username: 'certified', password: '' });
  const given = (more: Record<string, string>) => `${url.href}?${new URLSearchParams({ sslmode: 'require', ...more })}`;
  assert.is(await node(given({ sslidentity: p12, sslpassword: 'of the file' })), 'tls');
  assert.is(
    typeof (await reachableConfig(new Secret(given({ sslidentity: p12, sslpassword: 'of the file' })))).ssl,
    'object',
  );
  assert.match(await node(given({})), 'no');
});

test.run();
