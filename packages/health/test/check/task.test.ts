// Uses PostgreSQL, Redis, anvil and an HTTP server on loopback; the check runs as a process on a stranger's product.
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectPostgres, freePort, Secret } from '@drydock/kit';
import { startTestAnvil, startTestPostgres, startTestRedis } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type StrangeServer, startStrangeServer, strangeTasks } from '../product.ts';

const test = suite('health:check as a process');
let server: StrangeServer;
let services: [
  Awaited<ReturnType<typeof startTestPostgres>>,
  Awaited<ReturnType<typeof startTestRedis>>,
  Awaited<ReturnType<typeof startTestAnvil>>,
];
let database: string;
test.before(async () => {
  server = await startStrangeServer();
  services = await Promise.all([startTestPostgres(), startTestRedis(), startTestAnvil()]);
  database = await services[0].createDatabase();
});
test.after(async () => {
  server?.close();
  await Promise.all((services ?? []).map((service) => service.stop()));
});

interface Part {
  part: string;
  ok: boolean;
  required: boolean;
  detail: string;
}
const partsOf = ({ data }: { data: { parts: Part[] } }) => Object.fromEntries(data.parts.map((one) => [one.part, one]));

/** Asked for its health with everything configured, less what `env` changes. */
function tasks(env: Record<string, string> = {}, chainId = 31_337) {
  const all = {
    DATABASE_URL: database,
    REDIS_URL: services[1].url,
    CHAIN_RPC_URL: services[2].rpcUrl,
    BACKUP_RECIPIENTS: 'age1nobody',
    ...env,
  };
  const processes = strangeTasks(server.url, { queries: 'checks', timeoutMs: 5_000 }, all, { chain: { chainId } });
  mkdirSync(join(processes.root, 'checks'));
  writeFileSync(join(processes.root, 'checks/one.sql'), 'SELECT 1');
  return processes;
}

test('all parts are asked; a product without backups is told so, and is healthy where nothing is guarded', async () => {
  const answer = await tasks().ask('health:check');
  assert.equal([answer.code, answer.data.version], [0, 'v2']);
  const parts = partsOf(answer);
  assert.equal(Object.keys(parts), [
    'endpoint',
    'database',
    'postgres',
    'query one.sql',
    'redis',
    'chain',
    'last backup',
  ]);
  assert.equal([parts['last backup']?.ok, parts['last backup']?.required], [false, false]);
  assert.match(parts['last backup']?.detail ?? '', 'has no backup of staging');
});

test('each part that is away is named, and the verdict is no: exit 3', async () => {
  const port = await freePort();
  const away = await tasks({
    DATABASE_URL: `postgresql://app:secret-word@127.0.0.1:${port}/shop`,
    REDIS_URL: `redis://app:secret-word@127.0.0.1:${port}`,
    CHAIN_RPC_URL: `http://127.0.0.1:${port}/v1/secret-word`,
  }).ask('health:check');
  assert.is(away.code, 3);
  const parts = partsOf(away);
  assert.match(parts.postgres?.detail ?? '', 'cannot be reached (ECONNREFUSED)');
  assert.match(parts.redis?.detail ?? '', 'ECONNREFUSED');
  assert.match(parts.chain?.detail ?? '', `127.0.0.1:${port} cannot be reached`);
  assert.not.match(JSON.stringify(away), 'secret-word');
  assert.match(away.stderr, '✖ staging is not healthy: postgres, redis, chain.');
});

test('a query that brings nothing, one that writes, and another chain are found', async () => {
  const processes = tasks({}, 1);
  writeFileSync(join(processes.root, 'checks/none.sql'), 'SELECT 1 WHERE false');
  writeFileSync(join(processes.root, 'checks/writes.sql'), 'CREATE TABLE left_behind (id int)');
  writeFileSync(join(processes.root, 'checks/escapes.sql'), 'COMMIT; CREATE TABLE left_behind (id int)');
  const parts = partsOf(await processes.ask('health:check'));
  assert.is(parts['query none.sql']?.detail, 'brings no row');
  assert.is(parts['query writes.sql']?.detail, 'writes.sql:1 is no query (Create); this file may only read.');
  assert.match(parts['query escapes.sql']?.detail ?? '', /^escapes\.sql:1 is no query \(Transaction\)/);
  assert.is(parts['query one.sql']?.ok, true);
  assert.is(parts.chain?.detail, 'is chain 31337, expected 1');
});

test('files that only look write nothing, whatever they hold, and the next file is asked all the same', async () => {
  const client = await connectPostgres(new Secret(database, 'DATABASE_URL'), 'test');
  await client.query('CREATE TABLE hvictim (id int); INSERT INTO hvictim SELECT generate_series(1, 5)');
  await client.query(
    'CREATE FUNCTION empties() RETURNS int LANGUAGE plpgsql AS $f$ BEGIN DELETE FROM hvictim; RETURN 1; END $f$',
  );
  const processes = tasks();
  const files = {
    'a.sql': 'COMMIT; BEGIN READ WRITE; DELETE FROM hvictim; COMMIT; SELECT 1;',
    'b.sql': 'SET TRANSACTION READ WRITE; DELETE FROM hvictim; SELECT 1;',
    'c.sql': '/* a /* b */ SELECT 1; DELETE FROM hvictim; -- */ SELECT 1; DELETE FROM hvictim',
    'd.sql': 'SELECT empties()',
    'e.sql': "SELECT set_config('transaction_read_only', 'off', true); SELECT empties()",
    'f.sql': 'WITH gone AS (DELETE FROM hvictim RETURNING id) SELECT * FROM gone',
    'g.sql': "SELECT set_config('statement_timeout', '0', false); SELECT pg_sleep(60)",
    'h.sql': 'SELECT 1 FROM hvictim; SELECT count(*) FROM hvictim;',
  };
  for (const [name, sql] of Object.entries(files)) writeFileSync(join(processes.root, 'checks', name), sql);
  const answer = await processes.ask('health:check');
  const { rows } = await client.query('SELECT count(*)::int AS n FROM hvictim');
  await client.query('DROP FUNCTION empties; DROP TABLE hvictim');
  await client.end();
  assert.is(rows[0].n, 5);
  assert.is(answer.code, 3);
  const parts = partsOf(answer);
  const good = Object.keys(files).filter((name) => parts[`query ${name}`]?.ok);
  assert.equal(good, ['h.sql']);
  assert.match(parts['query a.sql']?.detail ?? '', /^a\.sql:1 is no query/);
  assert.match(parts['query f.sql']?.detail ?? '', 'read-only transaction');
  assert.match(parts['query g.sql']?.detail ?? '', 'statement timeout');
});

test('queries run as the role that may only read, where there is one', async () => {
  const client = await connectPostgres(new Secret(database, 'DATABASE_URL'), 'test');
  await client.query("CREATE ROLE health_reader LOGIN PASSWORD 'reads-alone'");
  const url = new URL(database);
  url.username = 'health_reader';
  url.password = 'reads-alone';
  const processes = tasks({ READ_DATABASE_URL: url.href });
  writeFileSync(join(processes.root, 'checks/one.sql'), 'SELECT 1 WHERE current_user = $$health_reader$$');
  const parts = partsOf(await processes.ask('health:check'));
  await client.query('DROP ROLE health_reader');
  await client.end();
  assert.equal([parts.postgres?.ok, parts['query one.sql']?.ok], [true, true]);
});

test('another shape of answer is read by config; a token that is refused is told as that', async () => {
  server.health = {
    status: 200,
    body: '{"status":"degraded","build":{"id":"VERSION"},"components":{"db":{"status":"up"},"mail":"down"}}',
  };
  const expect = { ok: 'status', version: 'build.id', parts: 'components' };
  const answer = await strangeTasks(server.url, { expect }).ask('health:check');
  assert.equal([answer.code, answer.data.version], [3, 'v2']);
  assert.equal(
    answer.data.parts.slice(1).map(({ part, ok }: Part) => [part, ok]),
    [
      ['db', true],
      ['mail', false],
    ].concat(answer.data.parts.slice(3).map(({ part, ok }: Part) => [part, ok])),
  );
  server.health = { status: 401, body: '{}' };
  const refused = partsOf(await strangeTasks(server.url).ask('health:check'));
  assert.is(refused.endpoint?.detail, 'answered 401: it does not take the token of ADMIN_TOKEN');
});

test('--wait asks until it is healthy', async () => {
  server.health = { status: 503, body: '{"ok":false,"parts":{"redis":{"ok":false,"error":"starting"}}}' };
  const asked = server.seen.length;
  const child = strangeTasks(server.url).start('health:check', '--wait', '30s');
  child.stdout?.resume();
  const ended = once(child, 'exit');
  while (server.seen.length < asked + 3) await new Promise((done) => setTimeout(done, 20));
  server.health = { status: 200, body: '{"ok":true}' };
  assert.is((await ended)[0], 0);
});

test.run();
