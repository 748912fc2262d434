// Uses PostgreSQL: each test starts from one throw-away server.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { startTestPgBouncer, startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../src/config/load.ts';
import { loadEnvironment } from '../../src/env/environment.ts';
import type { OpsError } from '../../src/errors.ts';
import { acquireEnvironmentLock } from '../../src/lock/environment.ts';
import type { OperationsLock } from '../../src/lock/types.ts';
import { connectPostgres, withPostgres } from '../../src/postgres.ts';
import { Secret } from '../../src/secret.ts';
import { hintOf, sampleRounds } from '../../src/testing/index.ts';
import { makeProduct } from '../product.ts';
import { startRelay } from './relay.ts';

const test = suite('environment lock');
let postgres: TestPostgres;
let url: string;
let root: string;

test.before(async () => {
  postgres = await startTestPostgres({ own: true });
  url = await postgres.createDatabase();
  root = makeProduct({ OPS_DATABASE_URL: url });
});
test.after(() => postgres.stop());

const ask = (sql: string) => withPostgres(new Secret(url), 'test', async (client) => (await client.query(sql)).rows);

async function acquire(run: string, folder = root, more: { mends?: boolean } = {}) {
  const config = await loadConfig(undefined, folder);
  return acquireEnvironmentLock(loadEnvironment(config, 'staging', {}), {
    config,
    task: 'db:deploy',
    run,
    reason: 'a test',
    ...more,
  });
}
const refusal = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (thrown) => thrown as OpsError,
  );
/** The same database through another door. */
const by = (port: number, more: Partial<URL> = {}) => {
  const address = new URL(url);
  address.port = String(port);
  return Object.assign(address, more).href;
};

const HUNDRED = Array.from({ length: 100 }, (_, n) => n);
const isRejected = (one: PromiseSettledResult<unknown>): one is PromiseRejectedResult => one.status === 'rejected';
/** The end of a session frees its lock a moment later. */
async function free(): Promise<void> {
  const held = `SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = ${0x44525944}`;
  while ((await ask(held)).length > 0) await new Promise((done) => setTimeout(done, 5));
}
const HOLDER = join(import.meta.dirname, '../fixtures/hold-lock.ts');

/** Another process that takes the lock and keeps it until it is killed. */
async function holder(run: string) {
  const child = spawn(process.execPath, [HOLDER, root, run], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

test('the second operator is told who holds it, since when, why, and how to break it (exit 5)', async () => {
  const lock = await acquire('RUN1');
  const error = await acquire('RUN2').then(
    () => undefined,
    (thrown) => thrown as OpsError,
  );
  assert.is(error?.exit, 5);
  assert.match(
    error?.message ?? '',
    /^staging is locked by .+ on .+, running db:deploy \(run RUN1\) since .+ ago\), because: a test\.$/,
  );
  assert.match(hintOf(error), 'npm run ops:unlock -- --env staging');
  await lock.release();
  await (await acquire('RUN3')).release();
});

test('a holder killed with -9 leaves no lock behind', async () => {
  const child = await holder('KILLED');
  assert.is(((await acquire('RUN4').catch((error: OpsError) => error)) as OpsError).code, 'LOCKED');
  child.kill('SIGKILL');
  await once(child, 'exit');
  await new Promise((done) => setTimeout(done, 200));
  await (await acquire('RUN5')).release();
});

test('a lost session is noticed, and no step may follow', async () => {
  const lock = await acquire('RUN6');
  const lost = new Promise<OpsError>((done) => lock.onLost(done));
  const admin = await connectPostgres(new Secret(postgres.adminUrl), 'test');
  await admin.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'drydock lock%'`,
  );
  await admin.end();
  assert.is((await lost).code, 'LOCK_LOST');
  assert.is(
    await lock.assertHeld().then(
      () => 'held',
      (error: OpsError) => error.code,
    ),
    'LOCK_LOST',
  );
});

test('with the database down a run that mends it takes a lock file, which holds off a second one', async () => {
  const away = makeProduct({ OPS_DATABASE_URL: 'postgresql://owner:password@127.0.0.1:9/none' });
  const lock = await acquire('RUN7', away, { mends: true });
  assert.is(lock.kind, 'file');
  const error = await refusal(acquire('RUN8', away, { mends: true }));
  assert.is(error?.exit, 5);
  assert.match(error?.message ?? '', 'run RUN7');
  await lock.release();
  await (await acquire('RUN9', away, { mends: true })).release();
  assert.is((await refusal(acquire('RUN9', away)))?.code, 'DATABASE_UNREACHABLE', 'any other run is refused');
});

test('of two operators at once exactly one has the lock', async () => {
  const both = [makeProduct({ OPS_DATABASE_URL: url }), makeProduct({ OPS_DATABASE_URL: url })];
  for (const round of sampleRounds(HUNDRED, 10)) {
    const taken = await Promise.allSettled(both.map((folder, i) => acquire(`RACE${round}${i}`, folder)));
    const [won, lost] = [taken.filter(({ status }) => status === 'fulfilled'), taken.filter(isRejected)];
    assert.is(won.length, 1, `round ${round}`);
    assert.is((lost[0]?.reason as OpsError | undefined)?.code, 'LOCKED');
    await (won[0] as PromiseFulfilledResult<OperationsLock>).value.release();
    await free();
  }
});

test('of several who find the lock file of a dead run exactly one takes it over', async () => {
  const away = makeProduct({ OPS_DATABASE_URL: 'postgresql://owner:password@127.0.0.1:9/none' });
  const folder = join(away, '.drydock/locks');
  mkdirSync(folder, { recursive: true });
  for (const round of sampleRounds(HUNDRED, 3)) {
    const dead = {
      owner: 'o',
      host: hostname(),
      task: 't',
      run: `DEAD${round}`,
      since: new Date(),
      pid: 4_194_304,
      processStart: '1',
    };
    writeFileSync(join(folder, 'staging.json'), JSON.stringify(dead));
    const children = [1, 2, 3].map((n) =>
      spawn(process.execPath, [HOLDER, away, `RUN${n}`, 'mends'], { stdio: ['ignore', 'pipe', 'ignore'] }),
    );
    const said = await Promise.all(
      children.map((child) =>
        Promise.race([once(child.stdout, 'data').then(() => 'held'), once(child, 'exit').then(() => 'refused')]),
      ),
    );
    assert.equal(said.toSorted(), ['held', 'refused', 'refused'], `round ${round}`);
    const holder = children[said.indexOf('held')];
    holder?.kill('SIGKILL');
    if (holder) await once(holder, 'exit');
    assert.equal(readdirSync(folder), ['staging.json'], 'nothing else is left there');
  }
});

test('one connection that breaks passes nobody by the lock of another', async () => {
  const relay = await startRelay(postgres);
  try {
    const lock = await acquire('RUN11');
    const behind = makeProduct({ OPS_DATABASE_URL: by(relay.port) });
    for (const mends of [false, true]) {
      relay.resetNext(1);
      assert.is((await refusal(acquire('RUN12', behind, { mends })))?.code, 'LOCKED');
    }
    await lock.release();
  } finally {
    await relay.stop();
  }
});

test('a connection of which only our half is left is a lost lock', async () => {
  const relay = await startRelay(postgres);
  try {
    const lock = await acquire('RUN13', makeProduct({ OPS_DATABASE_URL: by(relay.port) }));
    await lock.assertHeld();
    relay.freeze();
    assert.is((await refusal(lock.assertHeld()))?.code, 'LOCK_LOST');
  } finally {
    await relay.stop();
  }
});

test('a lock whose session no longer has it is lost', async () => {
  const lock = await acquire('RUN14');
  // What DISCARD ALL of a pooler does to it.
  const { pid } = (await ask('SELECT pid FROM drydock.operation_lock'))[0];
  await ask(`SELECT pg_terminate_backend(${pid}, 1000)`);
  assert.is((await refusal(lock.assertHeld()))?.code, 'LOCK_LOST');
});

test('time-outs that the role brings do not end a lock', async () => {
  await ask(
    `CREATE ROLE hasty LOGIN SUPERUSER PASSWORD 'hasty-password';
     ALTER ROLE hasty SET idle_session_timeout = '300ms'; ALTER ROLE hasty SET idle_in_transaction_session_timeout = '300ms'`,
  );
  const hasty = makeProduct({ OPS_DATABASE_URL: by(postgres.port, { username: 'hasty', password: 'hasty-password' }) });
  const lock = await acquire('RUN15', hasty);
  await new Promise((done) => setTimeout(done, 900));
  await lock.assertHeld();
  await lock.release();
});

test('a pooler that shares sessions is recognised and refused; one that keeps them is not', async () => {
  const { username: user, password, pathname } = new URL(url);
  const server = { host: postgres.host, port: postgres.port, user, password };
  const [shared, kept] = await Promise.all([
    startTestPgBouncer(server, 'transaction'),
    startTestPgBouncer(server, 'session'),
  ]);
  const address = (port: number) => `postgresql://${user}:${password}@127.0.0.1:${port}${pathname}`;
  try {
    const error = await refusal(acquire('RUN16', makeProduct({ OPS_DATABASE_URL: address(shared.port) })));
    assert.equal([error?.code, error?.exit], ['POOLED_CONNECTION', 2]);
    assert.match(hintOf(error), "server's own address into OPS_DATABASE_URL");
    const locks = await ask(`SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = ${0x44525944}`);
    assert.equal(locks, [], 'nothing stays behind in the pool');
    const lock = await acquire('RUN17', makeProduct({ OPS_DATABASE_URL: address(kept.port) }));
    await lock.assertHeld();
    assert.is((await refusal(acquire('RUN18')))?.code, 'LOCKED');
    await lock.release();
  } finally {
    await Promise.all([shared.stop(), kept.stop()]);
  }
});

test('a database that takes no writes gets one clear sentence', async () => {
  const frozen = await postgres.createDatabase();
  await ask(`ALTER DATABASE ${new URL(frozen).pathname.slice(1)} SET default_transaction_read_only = on`);
  const error = await refusal(acquire('RUN19', makeProduct({ OPS_DATABASE_URL: frozen })));
  assert.is(error?.code, 'DATABASE_READ_ONLY');
  assert.match(error?.message ?? '', 'takes no writes: it has default_transaction_read_only on');
});

test('a role that may make nothing takes the lock where everything is there', async () => {
  const first = await acquire('RUN20');
  await first.claim?.();
  await first.release();
  await ask(
    `CREATE ROLE narrow LOGIN PASSWORD 'narrow-password'; GRANT USAGE ON SCHEMA drydock TO narrow;
     GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA drydock TO narrow`,
  );
  const narrow = makeProduct({
    OPS_DATABASE_URL: by(postgres.port, { username: 'narrow', password: 'narrow-password' }),
  });
  const lock = await acquire('RUN21', narrow);
  await lock.claim?.();
  assert.match((await refusal(acquire('RUN22')))?.message ?? '', 'run RUN21');
  await lock.release();
  await ask('DROP TABLE drydock.operation_lock');
  const error = await refusal(acquire('RUN24', narrow));
  assert.is(error?.code, 'OWN_TABLE_MISSING');
  assert.match(
    error?.message ?? '',
    'The table drydock.operation_lock is missing, and the role narrow may not make it.',
  );
  assert.is(error?.hint, 'GRANT CREATE ON SCHEMA drydock TO "narrow"; or run it once as the owner.');
});

test('too many connections are told as that', async () => {
  await ask(`CREATE ROLE crowded LOGIN PASSWORD 'crowded-password' CONNECTION LIMIT 0`);
  const crowded = by(postgres.port, { username: 'crowded', password: 'crowded-password' });
  const error = await refusal(acquire('RUN23', makeProduct({ OPS_DATABASE_URL: crowded })));
  assert.equal([error?.code, error?.exit], ['DATABASE_FULL', 1]);
  assert.match(error?.message ?? '', 'takes no more connections: too many connections for role "crowded"');
  assert.not.match(JSON.stringify(error?.hint ?? ''), 'password');
});

test('a wrong password is told apart from an outage', async () => {
  const wrong = makeProduct({ OPS_DATABASE_URL: url.replace(/:[^:@]+@/, ':wrong-password@') });
  const error = await acquire('RUN10', wrong).then(
    () => undefined,
    (thrown) => thrown as OpsError,
  );
  assert.is(error?.code, 'DATABASE_REFUSED');
  assert.not.match(error?.message ?? '', 'wrong-password');
});

test.run();
