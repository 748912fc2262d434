// Uses PostgreSQL that takes TLS alone, and a socket: products that are not ours, with names, passwords and addresses as they come.
import { chmodSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LeakScan } from '@drydock/kit/testing';
import { makeAuthority, testRoot } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isUnknown } from '../../src/unknown.ts';
import { fingerprintsOf } from '../../src/values.ts';
import { as, open, productOf, refusal, rotate, startWorld, urlOf, verifierOf, type World } from './world.ts';

const test = suite("strangers' PostgreSQL");
const ODD = { owner: 'we "sell" 100%', login: 'we "sell" 100%_a', password: "p@:/?#%20'ss" };
let world: World;
let sockets: string;
let rotator: string;
test.before(async () => {
  const ours = makeAuthority(testRoot('tls'));
  const server = ours.sign('server', ['IP:127.0.0.1']);
  sockets = mkdtempSync(join(tmpdir(), 'dds-'));
  chmodSync(sockets, 0o777);
  const ssl = { ssl: 'on', ssl_cert_file: 'server.crt', ssl_key_file: 'server.key', ssl_ca_file: 'root.crt' };
  world = await startWorld({
    settings: { ...ssl, unix_socket_directories: sockets },
    files: {
      'server.crt': server.cert,
      'server.key': server.key,
      'root.crt': readFileSync(ours.file, 'utf8'),
      'pg_hba.conf': 'local all all scram-sha-256\nhostssl all all all scram-sha-256\n',
    },
  });
  rotator = as(world, 'rotator', 'canary-rotator-77d2');
});
test.after(() => world.stop());

const login = (user: string, password: string, more = '') =>
  `postgresql://${encodeURIComponent(user)}:${encodeURIComponent(password)}@127.0.0.1:${world.port}/shop${more}`;
const env = (url: string, more: Record<string, string> = {}) => ({ DATABASE_URL: url, ROTATOR_URL: rotator, ...more });
const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
let made = 0;
/** A role that does it all by itself, as most products have it. */
async function single(options = ''): Promise<{ role: string; password: string }> {
  const role = `single${++made}`;
  const password = `canary-single-${made}-8c1`;
  await world.query(
    `CREATE ROLE ${role} LOGIN ${options} PASSWORD '${verifierOf(password)}'; CREATE TABLE ${role}_things (n int); ALTER TABLE ${role}_things OWNER TO ${role}`,
  );
  await world.letRotate(role);
  return { role, password };
}

const roles = (pattern: string) =>
  world.query<{ name: string; can: boolean; limit: number; config: string[] | null }>(
    `SELECT rolname::text AS name, rolcanlogin AS can, rolconnlimit AS limit, rolconfig AS config FROM pg_roles WHERE rolname ~ '${pattern}' ORDER BY 1`,
  );

test('names with quotes, spaces and %, a password that needs encoding, over TLS alone', async () => {
  const [owner, a] = [quoted(ODD.owner), quoted(ODD.login)];
  await world.query(
    `CREATE ROLE ${owner}; CREATE ROLE ${a} LOGIN PASSWORD '${verifierOf(ODD.password)}' IN ROLE ${owner}; GRANT SELECT ON things TO ${owner}`,
  );
  await world.letRotate(ODD.owner, ODD.login);
  const root = productOf(env(login(ODD.login, ODD.password, '?sslmode=require&application_name=shop')));
  const first = await open(root);
  const refused = await refusal(first.rotator.refuse(first.old));
  assert.is(refused.code, 'SECRET_NOT_ADOPTED');
  const adoption = await first.rotator.adoption?.(first.old);
  assert.equal(adoption?.says, [
    `ALTER ROLE ${a} SET role TO '${ODD.owner}'`,
    `CREATE ROLE ${quoted(`${ODD.owner}_b`)} NOLOGIN`,
    `GRANT ${owner} TO ${quoted(`${ODD.owner}_b`)}`,
    `ALTER ROLE ${quoted(`${ODD.owner}_b`)} SET role TO '${ODD.owner}'`,
  ]);
  assert.equal(await adoption?.run(), {});
  const { old, next } = await rotate(root);
  assert.match(urlOf(next), `@127.0.0.1:${world.port}/shop?sslmode=require&application_name=shop`);
  assert.equal(
    await world.query('SELECT session_user::text AS who, current_user::text AS role, n FROM things', urlOf(next)),
    [{ who: `${ODD.owner}_b`, role: ODD.owner, n: 7 }],
  );
  assert.is((await first.rotator.proof(old, next)).verdict, 'dead');
});

test('one role that does it all: adopted without touching an object, and closed as a login at the end of its first rotation', async () => {
  const { role, password } = await single('CREATEDB CONNECTION LIMIT 9');
  await world.query(
    `ALTER ROLE ${role} SET statement_timeout = '7s'; ALTER ROLE ${role} IN DATABASE shop SET search_path = "$user", public`,
  );
  const root = productOf(env(login(role, password)));
  const { rotator: before, old: url } = await open(root);
  assert.is((await refusal(before.refuse(url))).code, 'SECRET_NOT_ADOPTED');
  await (await before.adoption?.(url))?.run();
  assert.equal((await before.adoption?.(url))?.says, [], 'nothing is left to do');
  const { old, next } = await rotate(root);
  const config = [`role=${role}`, 'statement_timeout=7s'];
  assert.equal(
    (await roles(`^${role}`)).map((one) => ({ ...one, config: one.config?.sort() })),
    [
      { name: role, can: false, limit: 9, config: ['statement_timeout=7s'] },
      { name: `${role}_a`, can: true, limit: 9, config },
      { name: `${role}_b`, can: false, limit: 9, config },
    ],
  );
  assert.equal(await world.query('SHOW search_path', urlOf(next)), [{ search_path: '"public"' }], 'ours comes first');
  const [path] = await world.query<{ found: string }>(
    `SELECT setconfig::text AS found FROM pg_db_role_setting WHERE setrole = '${role}_a'::regrole AND setdatabase <> 0`,
  );
  assert.is(path?.found, `{"search_path=\\"$user\\", public"}`);
  await world.query(`ALTER TABLE ${role}_things ADD m int; CREATE DATABASE ${role}_copy`, urlOf(next)).catch(() => {});
  await world.query(`ALTER TABLE ${role}_things ADD k int`, urlOf(next));
  assert.is((await before.proof(old, next)).verdict, 'dead');
  // From here on the two take turns.
  assert.match(urlOf((await rotate(root)).next), `//${role}_b:`);
});

test('what a login has beside its owner role is said before anything is made, with what to type', async () => {
  await world.query(
    `CREATE ROLE team; CREATE ROLE team_a LOGIN PASSWORD '${verifierOf('canary-team-1')}' IN ROLE team; CREATE TABLE theirs (n int);
     ALTER TABLE theirs OWNER TO team_a; GRANT SELECT (n) ON things TO team_a`,
  );
  await world.letRotate('team', 'team_a');
  const root = productOf(env(login('team_a', 'canary-team-1')));
  const { rotator: one, old } = await open(root);
  const error = await refusal(one.adoption?.(old) ?? Promise.resolve());
  assert.is(error.code, 'OWNER_LACKS_RIGHTS');
  assert.match(error.message, 'team may not do all that team_a may');
  assert.match(error.message, /SELECT on things\(n\)/);
  assert.match(error.message, /, \d+ more\.$/);
  assert.equal(
    (await roles('^team')).map(({ name }) => name),
    ['team', 'team_a'],
  );
  await world.query('REASSIGN OWNED BY team_a TO team; GRANT SELECT (n) ON things TO team');
  await (await one.adoption?.(old))?.run();
  await rotate(root);
});

test('a URL over a socket, and one with user and password in its query', async () => {
  const { role, password } = await single();
  const socket = `postgresql://${role}:${password}@/shop?host=${encodeURIComponent(sockets)}&port=${world.port}`;
  const root = productOf(env(socket));
  const { rotator: one, old } = await open(root);
  await (await one.adoption?.(old))?.run();
  const url = urlOf((await rotate(root)).next);
  assert.match(url, `@/shop?host=${encodeURIComponent(sockets)}&port=${world.port}`);
  const asQuery = `postgresql://127.0.0.1:${world.port}/shop?user=${role}_a&password=${/:([^@/]+)@/.exec(url)?.[1]}&sslmode=require`;
  const { next } = await rotate(productOf(env(asQuery)));
  assert.match(urlOf(next), `postgresql://${role}_b:`);
  assert.match(urlOf(next), `@127.0.0.1:${world.port}/shop?sslmode=require`);
});

test('what cannot be rotated is refused in one sentence', async () => {
  const refused = async (variables: Record<string, string>, secret: object = {}, more: object = {}) => {
    const { rotator: one, old } = await open(productOf(variables, secret, more));
    return refusal(one.refuse(old));
  };
  const said = async (...args: Parameters<typeof refused>) => (await refused(...args)).code;
  const { role, password } = await single();
  assert.is(await said(env(`postgresql://${role}@127.0.0.1:${world.port}/shop`)), 'NO_PASSWORD_IN_URL');
  assert.is(await said(env('')), 'VARIABLE_MISSING');
  assert.is(await said(env(login('nobody_a', 'x'))), 'ROLE_MISSING');
  assert.is(await said(env(world.url)), 'LOGIN_IS_SUPERUSER');
  assert.is(await said(env(login(role, password)), { logins: ['x', 'y'], owner: 'z' }), 'LOGIN_NOT_PAIRED');
  assert.is(await said(env(login('l'.repeat(62), password))), 'LOGIN_NOT_PAIRED');
  const url = login(role, password);
  const shared = await refused(
    env(url, { DIRECT_URL: url }),
    {},
    { variables: { DIRECT_URL: { kind: 'postgres', secret: true, example: 'x', about: 'y' } } },
  );
  assert.is(shared.code, 'LOGIN_SHARED');
  assert.match(shared.message, `DIRECT_URL logs in as ${role} as well`);
  assert.is(await said(env(url, { DIRECT_URL: rotator }), { also: ['DIRECT_URL'] }), 'LOGINS_DIFFER');
  assert.is(await said(env(url), { rotator: 'GONE_URL' }), 'VARIABLE_MISSING');
});

test('variables with the same login move together', async () => {
  const { role, password } = await single();
  const root = productOf(env(login(role, password), { DIRECT_URL: login(role, password, '?sslmode=require') }), {
    also: ['DIRECT_URL'],
  });
  const { rotator: one, old: url } = await open(root);
  await (await one.adoption?.(url))?.run();
  const { old, next } = await rotate(root);
  for (const variable of ['DATABASE_URL', 'DIRECT_URL']) await world.query('SELECT 1', urlOf(next, variable));
  assert.match((await one.proof(old, next)).says, /by DATABASE_URL: .* by DIRECT_URL: /);
  assert.is(Object.keys(fingerprintsOf(next)).length, 2);
});

test('a login of the pair that somebody else uses is not taken from them', async () => {
  const { role, password } = await single();
  const root = productOf(env(login(role, password)));
  const { rotator: one, old } = await open(root);
  await (await one.adoption?.(old))?.run();
  await world.query(`ALTER ROLE ${role}_a LOGIN PASSWORD '${verifierOf('canary-other')}'`);
  const { default: pg } = await import('pg');
  const other = new pg.Client({
    connectionString: login(`${role}_a`, 'canary-other'),
    ssl: { rejectUnauthorized: false },
    application_name: 'reports',
  });
  await other.connect();
  const error = await refusal(one.refuse(old));
  assert.is(error.code, 'OTHER_LOGIN_IN_USE');
  assert.match(error.message, /single\d+_a is in use: reports from 127\.0\.0\.1, pid \d+/);
  await other.end();
});

test('the new one is tried where it is used: on another server it would be worth nothing', async () => {
  const elsewhere = await startWorld();
  try {
    const { role, password } = await single();
    const root = productOf(env(login(role, password)));
    const { rotator: one, old } = await open(root);
    await (await one.adoption?.(old))?.run();
    const next = await one.make(old);
    await one.add(old, next);
    const { Secret } = await import('@drydock/kit');
    const moved = {
      DATABASE_URL: new Secret(urlOf(next).replace(String(world.port), String(elsewhere.port)), 'DATABASE_URL'),
    };
    assert.is((await refusal(one.validate(old, moved))).code, 'NEW_LOGIN_REFUSED');
    // The same roles and the same password are there by chance.
    const password2 = new URL(urlOf(next)).password;
    await elsewhere.query(
      `CREATE ROLE ${role}; CREATE ROLE ${role}_a LOGIN PASSWORD '${verifierOf(password2)}' IN ROLE ${role}; ALTER ROLE ${role}_a SET role = '${role}'`,
    );
    assert.is((await refusal(one.validate(old, moved))).code, 'ANOTHER_SERVER');
    const astray = await open(
      productOf({ DATABASE_URL: login(role, password), ROTATOR_URL: as(elsewhere, 'rotator', 'canary-rotator-77d2') }),
    );
    await elsewhere.query(`CREATE ROLE ${role}_b IN ROLE ${role}; ALTER ROLE ${role}_b SET role = '${role}'`);
    await elsewhere.letRotate(role, `${role}_a`, `${role}_b`);
    assert.is((await refusal(astray.rotator.refuse(astray.old))).code, 'ANOTHER_SERVER');
    // Another database of the same server, which lets everybody in.
    const given = { DATABASE_URL: new Secret(urlOf(next).replace('/shop', '/postgres'), 'DATABASE_URL') };
    assert.is((await refusal(one.validate(old, given))).code, 'ANOTHER_DATABASE');
    await one.validate(old, next);
  } finally {
    await elsewhere.stop();
  }
});

test('a server that is away is unknown, never dead', async () => {
  const { role, password } = await single();
  const root = productOf(env(login(role, password).replace(`:${world.port}`, ':1')));
  const { rotator: one, old } = await open(root);
  const next = await one.make(old);
  for (const ask of [() => one.proof(old, next), () => one.retire(old, next), () => one.validate(old, next)])
    assert.ok(isUnknown(await refusal(ask())));
  const away = await open(
    productOf({ DATABASE_URL: login(role, password), ROTATOR_URL: rotator.replace(`:${world.port}`, ':1') }),
  );
  assert.ok(isUnknown(await refusal(away.rotator.stragglers(old, next))));
});

test('no password was ever seen by the server; one that is planted is found', async () => {
  const secrets = { password: ODD.password, single: 'canary-single-1-8c1', team: 'canary-team-1' };
  const scan = async () => new LeakScan(secrets).text('log', await world.log()).leaks;
  assert.ok((await world.log()).includes('ALTER ROLE'), 'statements are logged');
  assert.equal(await scan(), []);
  await world.query(`ALTER ROLE team_b PASSWORD 'canary-team-1'`);
  assert.equal(await scan(), [{ secret: 'team', where: 'log' }]);
});

test.run();
