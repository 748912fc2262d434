// Uses PostgreSQL: the logins of a stranger's database, rotated by the tasks that people type.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectPostgres, Secret, withPostgres } from '@drydock/kit';
import { LeakScan, makeStrangeProduct, runTaskForTest } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import adopt from '../secrets-adopt.ts';
import plan from '../secrets-plan.ts';
import retire from '../secrets-retire.ts';
import revert from '../secrets-revert.ts';
import rotate from '../secrets-rotate.ts';
import status from '../secrets-status.ts';
import validate from '../secrets-validate.ts';

const test = suite('secrets of kind postgres, by their tasks');
const FIRST = 'first-of-a-shop-1c9d';
let postgres: TestPostgres;
let root: string;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
  await postgres.createDatabase('shop');
  await query(
    `CREATE ROLE shop LOGIN PASSWORD '${FIRST}'; CREATE ROLE ops LOGIN PASSWORD '${FIRST}';
     CREATE ROLE rotator LOGIN CREATEROLE PASSWORD '${FIRST}'; GRANT pg_signal_backend, pg_read_all_stats TO rotator;
     ALTER DATABASE shop OWNER TO ops`,
  );
  const secret = (variable: string) => ({ kind: 'postgres', variable, rotator: 'ROTATOR_URL' });
  const parity = { nodeEnv: 'production', schema: 'deploy', features: 'all', sentry: 'optional', redis: 'optional' };
  root = makeStrangeProduct(
    {
      environments: { staging: { guard: 'none', parity } },
      secrets: {
        rotate: { database: secret('DATABASE_URL'), 'operator-database': secret('OPS_DATABASE_URL') },
        redeploy: { command: [process.execPath, '--version'] },
      },
    },
    { DATABASE_URL: as('shop', FIRST), OPS_DATABASE_URL: as('ops', FIRST), ROTATOR_URL: as('rotator', FIRST) },
  );
});
test.after(() => postgres.stop());

const as = (user: string, password: string) => postgres.urlOf('shop', { user, password });
const query = (sql: string, url = postgres.urlOf('shop')) =>
  withPostgres(new Secret(url), 'test', async (client) => [await client.query(sql)].flat().at(-1)?.rows);
const urlNow = (variable: string) =>
  new RegExp(`^${variable}='?([^'\n]*)`, 'm').exec(readFileSync(join(root, '.env.staging'), 'utf8'))?.[1] ?? '';
const run = (task: Parameters<typeof runTaskForTest>[0], ...args: string[]) =>
  runTaskForTest(task, root, [...args, '--env', 'staging']);
const letIn = (url: string) =>
  query('SELECT 1', url).then(
    () => true,
    () => false,
  );

test('a login of its own is adopted, rotated, and dead; a straggler keeps it open', async () => {
  const refused = await run(rotate, 'database', '--yes');
  assert.is(refused.error?.code, 'SECRET_NOT_ADOPTED');
  assert.match(refused.error?.hint ?? '', 'npm run secrets:adopt -- database --env staging --plan');
  const shown = await run(adopt, 'database', '--plan');
  assert.match(shown.said.join('\n'), 'CREATE ROLE "shop_a" NOLOGIN');
  assert.is((await run(adopt, 'database', '--yes')).error, undefined);

  assert.match((await run(plan, 'database')).said.join('\n'), /both|together/);
  const before = urlNow('DATABASE_URL');
  const idle = await connectPostgres(new Secret(before), 'shop worker');
  await idle.query('BEGIN');
  const begun = await run(rotate, 'database', '--yes', '--wait', '1s');
  assert.is(begun.error, undefined, begun.error?.message);
  const after = urlNow('DATABASE_URL');
  assert.match(after, '//shop_a:');
  assert.ok((await letIn(before)) && (await letIn(after)));
  const kept = await run(retire, 'database', '--yes', '--wait', '1s');
  assert.is(kept.outcome?.ok, false);
  assert.match(
    kept.outcome?.findings?.map(({ message }) => message).join() ?? '',
    /shop worker on 127\.0\.0\.1 \(\d+\) still uses the old one: idle in transaction in database shop/,
  );
  await idle.end();
  const ended = await run(rotate, '--continue', '--yes');
  assert.is(ended.error, undefined, ended.error?.message);
  assert.not(await letIn(before));
  assert.ok(await letIn(after));
  assert.is((await run(validate, 'database')).error, undefined);
});

test('taken back before its end, the one of before is in use again', async () => {
  const before = urlNow('DATABASE_URL');
  const idle = await connectPostgres(new Secret(before), 'shop worker');
  await run(rotate, 'database', '--yes', '--wait', '1s');
  const made = urlNow('DATABASE_URL');
  assert.is.not(made, before);
  const back = await run(revert, 'database', '--yes');
  assert.is(back.error, undefined, back.error?.message);
  assert.is(urlNow('DATABASE_URL'), before);
  assert.not(await letIn(made));
  await idle.end();
});

test("the operator's own login: the run that promotes goes on under the old one, and a later run ends that", async () => {
  assert.is((await run(adopt, 'operator-database', '--yes')).error, undefined);
  const before = urlNow('OPS_DATABASE_URL');
  const begun = await run(rotate, 'operator-database', '--yes', '--wait', '1s');
  assert.is(begun.error, undefined, begun.error?.message);
  const after = urlNow('OPS_DATABASE_URL');
  assert.match(after, '//ops_a:');
  assert.ok(await letIn(before));
  const ended = await run(rotate, '--continue', '--yes');
  assert.is(ended.error, undefined, ended.error?.message);
  assert.not(await letIn(before));
  assert.equal(await query(`SELECT DISTINCT tableowner::text AS owner FROM pg_tables WHERE schemaname = 'drydock'`), [
    { owner: 'ops' },
  ]);
});

for (const name of ['database', 'operator-database'])
  test(`an emergency, ${name}: one run, and the old one is refused`, async () => {
    const variable = name === 'database' ? 'DATABASE_URL' : 'OPS_DATABASE_URL';
    const before = urlNow(variable);
    const thief = await connectPostgres(new Secret(before), 'thief');
    const gone = new Promise((done) => thief.once('end', done));
    const { error, outcome } = await run(rotate, name, '--emergency', '--reason', 'in a public log', '--yes');
    assert.is(error, undefined, error?.message);
    assert.ok(outcome);
    await gone;
    assert.not(await letIn(before));
    assert.ok(await letIn(urlNow(variable)));
    assert.is((await run(status)).error, undefined);
  });

test('no password of any of them was said or written down', () => {
  const passwords = { database: urlNow('DATABASE_URL'), operator: urlNow('OPS_DATABASE_URL'), first: FIRST };
  const scan = new LeakScan(passwords).folder(root, ['.env.staging']);
  assert.ok(scan.looked.files > 3);
  assert.equal(scan.leaks, []);
});

test.run();
