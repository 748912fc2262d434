// Uses PostgreSQL: each test starts from one throw-away server.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../src/config/load.ts';
import { loadEnvironment } from '../../src/env/environment.ts';
import type { OpsError } from '../../src/errors.ts';
import { acquireEnvironmentLock } from '../../src/lock/environment.ts';
import { connectPostgres } from '../../src/postgres.ts';
import { Secret } from '../../src/secret.ts';
import { makeProduct } from '../product.ts';

const test = suite('environment lock');
let postgres: TestPostgres;
let url: string;
let root: string;

test.before(async () => {
  postgres = await startTestPostgres();
  url = await postgres.createDatabase();
  root = makeProduct({ OPS_DATABASE_URL: url });
});
test.after(() => postgres.stop());

async function acquire(run: string, folder = root) {
  const config = await loadConfig(undefined, folder);
  return acquireEnvironmentLock(loadEnvironment(config, 'staging', {}), {
    config,
    task: 'db:deploy',
    run,
    reason: 'a test',
  });
}

/** Another process that takes the lock and keeps it until it is killed. */
async function holder(run: string) {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../fixtures/hold-lock.ts'), root, run], {
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
  assert.match(error?.hint ?? '', 'npm run ops:unlock -- --env staging');
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

test('with the database down a lock file stands in, and holds off a second run', async () => {
  const away = makeProduct({ OPS_DATABASE_URL: 'postgresql://owner:password@127.0.0.1:9/none' });
  const lock = await acquire('RUN7', away);
  assert.is(lock.kind, 'file');
  const error = await acquire('RUN8', away).then(
    () => undefined,
    (thrown) => thrown as OpsError,
  );
  assert.is(error?.exit, 5);
  assert.match(error?.message ?? '', 'run RUN7');
  await lock.release();
  await (await acquire('RUN9', away)).release();
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
