// Uses PostgreSQL, PgBouncer, Redis, a stand-in for Sentry, and servers that say nothing.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret, withPostgres } from '@drydock/kit';
import { makeStrangeProduct, runTaskForTest } from '@drydock/kit/testing';
import {
  startTestPgBouncer,
  startTestPostgres,
  startTestRedis,
  startTestSink,
  type TestPostgres,
} from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import doctor from '../doctor.ts';

const test = suite('doctor');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
});
const running: { stop(): Promise<void> }[] = [];
test.after(async () => {
  await Promise.all([...running, postgres].map((one) => one.stop()));
});
/** Ended with the file, however its test ends. */
const kept = <T extends { stop(): Promise<void> }>(service: T): T => {
  running.push(service);
  return service;
};

const sql = (url: string, text: string) => withPostgres(new Secret(url), 'test', (client) => client.query(text));

function product(env: Record<string, string>, config: object = {}): string {
  const root = makeStrangeProduct(config, env);
  mkdirSync(join(root, 'prisma/migrations'), { recursive: true });
  writeFileSync(join(root, 'prisma/schema.prisma'), 'datasource db {\n  provider = "postgresql"\n}\n');
  return root;
}

interface Check {
  what: string;
  state: string;
  found: string;
  code: string;
  next: string;
}

/** By itself as long as a loaded machine takes. */
async function examined(root: string, argv = ['--within', '60s']) {
  const { outcome, error, said } = await runTaskForTest(doctor, root, ['--env', 'staging', ...argv]);
  assert.is(error, undefined, error?.message);
  const { checks = [] } = (outcome?.data ?? {}) as unknown as { checks?: Check[] };
  return {
    ok: outcome?.ok,
    verdict: outcome?.verdict,
    checks,
    said,
    of: (what: string) => checks.find((one) => one.what === what),
  };
}
const states = (checks: Check[]) => Object.fromEntries(checks.map(({ what, state }) => [what, state]));

test('of a product that has a database and nothing else, nothing else is said', async () => {
  const { ok, checks } = await examined(product({ DATABASE_URL: await postgres.createDatabase() }));
  assert.equal(states(checks), {
    variables: 'works',
    database: 'works',
    'database: rights': 'works',
    'Prisma schema': 'works',
  });
  assert.is(ok, true);
});

test('everything that is configured is connected to', async () => {
  const [redis, sink] = [kept(await startTestRedis()), kept(await startTestSink())];
  const http = createHttp((_, response) => response.end('{"ok":true,"version":"v7"}'));
  await new Promise<void>((done) => http.listen(0, '127.0.0.1', done).unref());
  const { port } = http.address() as AddressInfo;
  const root = product(
    {
      DATABASE_URL: await postgres.createDatabase(),
      REDIS_URL: redis.url,
      PUBLIC_URL: `http://127.0.0.1:${port}`,
      SENTRY_DSN: sink.sentryDsn,
      BACKUP_RECIPIENTS: 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p',
      BACKUP_IDENTITY: 'AGE-SECRET-KEY-1QQQQ',
    },
    {
      health: { path: '/healthz', token: null },
      release: { artifact: { include: ['.'] }, app: { command: ['node', 'x.js'] } },
    },
  );
  const { ok, checks, verdict, of, said } = await examined(root);
  assert.equal(states(checks), {
    variables: 'works',
    database: 'works',
    'database: rights': 'works',
    'Prisma schema': 'works',
    Redis: 'works',
    'health route': 'works',
    'keys of backups': 'works',
    'store of backups': 'works',
    'key that opens backups': 'fails',
    Sentry: 'works',
    proxy: 'unset',
    supervisor: 'works',
    "product's Node": 'works',
    'store of artefacts': 'works',
    "product's program": 'works',
  });
  assert.is(ok, false);
  assert.is(verdict, '1 thing of staging does not work: key that opens backups.');
  assert.match(of('health route')?.found ?? '', 'version v7');
  assert.match(of('proxy')?.next ?? '', 'PROXY_SOCKET=');
  assert.not.match(said.join('\n'), '1QQQQ');
  assert.is((await sink.events('sentry')).length, 0, 'no event is sent');
  http.close();
  http.closeAllConnections();
});

test('a role that cannot do what tasks will want is told, with what to grant', async () => {
  const url = await postgres.createDatabase('rights');
  const name = new URL(url).pathname.slice(1);
  await sql(
    url,
    `CREATE TABLE old (id int); CREATE ROLE weak LOGIN PASSWORD 'weak'; REVOKE CREATE ON DATABASE "${name}" FROM PUBLIC`,
  );
  const weak = postgres.urlOf(name, { user: 'weak', password: 'weak' });
  const { checks, ok } = await examined(product({ DATABASE_URL: weak }));
  const rights = checks.filter(({ what }) => what === 'database: rights');
  assert.equal(
    rights.map(({ code }) => code),
    ['NO_CREATEDB', 'NO_CREATE', 'NOT_OWNER'],
  );
  assert.match(rights[0]?.next ?? '', 'ALTER ROLE "weak" CREATEDB');
  assert.match(rights[2]?.next ?? '', 'OPS_DATABASE_URL');
  assert.is(ok, false);
});

test('a pooler that shares sessions, and a product that leads elsewhere, are told', async () => {
  const [url, other] = [await postgres.createDatabase(), await postgres.createDatabase()];
  const { hostname, port, username, password } = new URL(postgres.adminUrl);
  const bouncer = kept(
    await startTestPgBouncer(
      { host: hostname, port: Number(port), user: username, password: decodeURIComponent(password) },
      'transaction',
    ),
  );
  const pooled = new URL(url);
  pooled.port = String(bouncer.port);
  const byPool = await examined(product({ DATABASE_URL: pooled.href }));
  assert.is(byPool.of('database')?.code, 'POOLED_CONNECTION');
  const apart = await examined(product({ OPS_DATABASE_URL: url, DATABASE_URL: other }));
  assert.is(apart.of('database of the product')?.code, 'ANOTHER_DATABASE');
});

test('what hangs is waited for by nobody: each is told, and the next command with it', async () => {
  const sockets = new Set<Socket>();
  const silent = createServer((socket) => sockets.add(socket.unref()));
  await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done).unref());
  const { port } = silent.address() as AddressInfo;
  const at = `127.0.0.1:${port}`;
  const root = product(
    {
      DATABASE_URL: `postgresql://a:b@${at}/x`,
      REDIS_URL: `redis://${at}`,
      PUBLIC_URL: `http://${at}`,
      SENTRY_DSN: `http://abc@${at}/1`,
      CHAIN_RPC_URL: `http://${at}`,
    },
    { health: { token: null }, chain: { chainId: 1 } },
  );
  const { checks, ok } = await examined(root, []);
  const hung = checks.filter(({ code }) => code === 'NO_ANSWER');
  // Their own time-outs are longer, and would be told in other words.
  assert.equal(hung.map(({ what }) => what).sort(), ['Redis', 'Sentry', 'chain', 'database', 'health route']);
  assert.ok(hung.every(({ next, state }) => next && state === 'fails'));
  assert.is(ok, false);
  for (const socket of sockets) socket.destroy();
  silent.close();
});

test('a schema that is not where the config says, and one without migrations, are told', async () => {
  const url = await postgres.createDatabase();
  const gone = await examined(product({ DATABASE_URL: url }, { database: { schema: 'db/gone.prisma' } }));
  assert.is(gone.of('Prisma schema')?.code, 'SCHEMA_MISSING');
  const bare = await examined(product({ DATABASE_URL: url }, { database: { migrations: 'db/gone' } }));
  assert.equal([bare.of('Prisma schema')?.state, bare.ok], ['doubt', true]);
});

test('without a config there is no environment, and of this machine it tells without writing anything', async () => {
  const root = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-bare-'));
  const { error } = await runTaskForTest(doctor, root, ['--env', 'staging']);
  assert.equal([error?.code, error?.exit, error?.hint], ['CONFIG_MISSING', 2, 'npm run init']);
  const { outcome } = await runTaskForTest(doctor, root, []);
  assert.ok(outcome?.verdict);
  assert.equal(readdirSync(root), []);
  assert.not.ok(existsSync(join(root, '.drydock')));
});

test.run();
