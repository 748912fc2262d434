// Uses PostgreSQL: a database says which environment it is, and wins over whatever leads to it.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import envClaimTask from '../../scripts/env-claim.ts';
import { Secret, withPostgres } from '../../src/index.ts';
import { defineStep } from '../../src/steps/types.ts';
import { defineChangeTask } from '../../src/task/types.ts';
import { runTaskForTest } from '../../src/testing/index.ts';
import { makeProduct, writeEnv } from '../product.ts';

const test = suite('identity of a database');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres();
});
test.after(() => postgres.stop());

const query = (url: string, sql: string) =>
  withPostgres(new Secret(url), 'test', async (client) => (await client.query(sql)).rows);

/** Writes into the table `world` of each environment of the run. */
const changing = (environments: ('development' | 'staging' | 'production')[] = []) =>
  defineChangeTask({
    name: 'test:change',
    summary: 'Changes something.',
    lock: 'environment',
    ...(environments.length > 0 ? { environments: () => environments } : {}),
    plan: async () => null,
    describe: () => ['change it'],
    steps: (ctx) => [
      defineStep({
        name: 'change',
        run: async () => {
          await query(ctx.environment.require('OPS_DATABASE_URL'), 'CREATE TABLE IF NOT EXISTS world (n int)');
          return null;
        },
      }),
    ],
    outcome: () => ({ verdict: 'Changed.' }),
  });

const PRODUCTION = ['--env', 'production', '--yes', '--confirm', 'production', '--reason', 'a test'];
const changed = async (url: string) => (await query(url, `SELECT to_regclass('world') AS t`))[0].t !== null;
const identity = async (url: string) => (await query(url, 'SELECT product, environment FROM drydock.identity'))[0];

test('the first task that changes a database tells it which environment it is', async () => {
  const url = await postgres.createDatabase();
  const { outcome } = await runTaskForTest(changing(), makeProduct({ OPS_DATABASE_URL: url }), ['--env', 'staging']);
  assert.is(outcome?.verdict, 'Changed.');
  assert.equal(await identity(url), { product: 'strange', environment: 'staging' });
});

test('a task that was pointed at the database of another environment changes nothing (exit 4)', async () => {
  const url = await postgres.createDatabase();
  const root = makeProduct({ OPS_DATABASE_URL: url });
  writeEnv(root, '.env.production', { OPS_DATABASE_URL: url });
  await runTaskForTest(envClaimTask, root, PRODUCTION);
  for (const argv of [
    ['--env', 'staging', '--yes'],
    ['--env', 'staging', '--plan'],
  ]) {
    const { error } = await runTaskForTest(changing(), root, argv);
    assert.is(error?.code, 'WRONG_ENVIRONMENT');
    assert.is(error?.exit, 4);
    assert.match(
      error?.message ?? '',
      /says that it is production of strange, not staging of strange; nothing was changed/,
    );
  }
  assert.not.ok(await changed(url));
  const outbox = join(root, '.drydock/outbox/staging');
  assert.equal(existsSync(outbox) ? readdirSync(outbox) : [], [], 'no event waits');
});

test('another product of the same environment is refused too', async () => {
  const url = await postgres.createDatabase();
  await runTaskForTest(changing(), makeProduct({ OPS_DATABASE_URL: url }, { product: 'other' }), ['--env', 'staging']);
  const { error } = await runTaskForTest(changing(), makeProduct({ OPS_DATABASE_URL: url }), ['--env', 'staging']);
  assert.is(error?.code, 'WRONG_ENVIRONMENT');
});

test('a database of before that has an audit log only is known by it', async () => {
  const url = await postgres.createDatabase();
  const root = makeProduct({ OPS_DATABASE_URL: url });
  await runTaskForTest(changing(), root, ['--env', 'staging']);
  await query(url, 'DROP TABLE drydock.identity');
  writeEnv(root, '.env.development', { OPS_DATABASE_URL: url });
  const { error } = await runTaskForTest(changing(), root, ['--env', 'development']);
  assert.is(error?.code, 'WRONG_ENVIRONMENT');
  await runTaskForTest(changing(), root, ['--env', 'staging']);
  assert.equal(await identity(url), { product: 'strange', environment: 'staging' });
});

test('one variable that serves two environments of a run is refused before either is changed', async () => {
  const url = await postgres.createDatabase();
  const root = makeProduct({ OPS_DATABASE_URL: url });
  writeEnv(root, '.env.production', { OPS_DATABASE_URL: url });
  const both = changing(['staging', 'production']);
  const { error } = await runTaskForTest(both, root, PRODUCTION);
  assert.is(error?.code, 'SAME_DATABASE');
  assert.is(error?.exit, 4);
  assert.not.ok(await changed(url));
  assert.is((await query(url, `SELECT to_regclass('drydock.identity') AS t`))[0].t, null, 'nor is it told anything');
});

test('a run that is not confirmed tells the database nothing', async () => {
  const url = await postgres.createDatabase();
  const root = makeProduct({ OPS_DATABASE_URL: url });
  const refusing = { ...changing(), plan: () => Promise.reject(new Error('the plan fails')) };
  await runTaskForTest(refusing, root, ['--env', 'staging']);
  assert.is((await query(url, `SELECT to_regclass('drydock.identity') AS t`))[0].t, null);
});

test('a copy of production becomes staging by env:claim, on the record', async () => {
  const url = await postgres.createDatabase();
  const root = makeProduct({ OPS_DATABASE_URL: url });
  writeEnv(root, '.env.production', { OPS_DATABASE_URL: url });
  await runTaskForTest(changing(), root, PRODUCTION);
  const planned = await runTaskForTest(envClaimTask, root, ['--env', 'staging', '--plan']);
  assert.match(planned.said.join(), 'the database says that it is production of strange');
  assert.is((await identity(url)).environment, 'production');
  const { outcome } = await runTaskForTest(envClaimTask, root, ['--env', 'staging', '--yes', '--reason', 'a copy']);
  assert.is(outcome?.verdict, 'The database is staging of strange.');
  assert.is((await runTaskForTest(changing(), root, ['--env', 'staging'])).outcome?.verdict, 'Changed.');
  assert.is((await runTaskForTest(changing(), root, PRODUCTION)).error?.code, 'WRONG_ENVIRONMENT');
  const events = await query(url, `SELECT metadata FROM drydock."AuditEvent" WHERE event = 'env.claim'`);
  assert.equal(events, [{ metadata: { before: 'production', product: 'strange' } }]);
});

test('a role that may make nothing in the database works where the schema is there', async () => {
  const url = await postgres.createDatabase();
  const root = makeProduct({ OPS_DATABASE_URL: url });
  await runTaskForTest(changing(), root, ['--env', 'staging']);
  const { pathname } = new URL(url);
  await query(
    url,
    `CREATE ROLE narrow LOGIN PASSWORD 'narrow-password';
     GRANT CONNECT ON DATABASE "${pathname.slice(1)}" TO narrow; GRANT USAGE ON SCHEMA drydock TO narrow; GRANT CREATE ON SCHEMA public TO narrow;
     GRANT ALL ON ALL TABLES IN SCHEMA drydock TO narrow; GRANT ALL ON world TO narrow`,
  );
  const narrow = new URL(url);
  Object.assign(narrow, { username: 'narrow', password: 'narrow-password' });
  writeEnv(root, '.env.staging', { OPS_DATABASE_URL: narrow.href });
  const { outcome, error } = await runTaskForTest(changing(), root, ['--env', 'staging']);
  await query(url, 'DROP OWNED BY narrow; DROP ROLE narrow');
  assert.is(error?.message, undefined);
  assert.is(outcome?.verdict, 'Changed.');
});

test.run();
