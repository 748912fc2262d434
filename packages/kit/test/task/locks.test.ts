// Uses PostgreSQL: the locks of a run, while it takes its own database away.
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import lockTask from '../../scripts/ops-lock.ts';
import { OpsError } from '../../src/errors.ts';
import { Secret, withPostgres } from '../../src/index.ts';
import { defineStep, type Step } from '../../src/steps/types.ts';
import { defineChangeTask } from '../../src/task/types.ts';
import { runTaskForTest } from '../../src/testing/index.ts';
import { makeProduct } from '../product.ts';

const test = suite('locks of a run');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
});
test.after(() => postgres.stop());

const admin = (sql: string) =>
  withPostgres(new Secret(postgres.adminUrl), 'test', async (client) => (await client.query(sql)).rows);

const task = (steps: (root: string) => Step[]) =>
  defineChangeTask({
    name: 'test:swap',
    summary: 'Takes its database away.',
    lock: 'environment',
    mendsDatabase: true,
    plan: async () => null,
    describe: () => [],
    steps: (ctx) => steps(ctx.config.root),
    outcome: () => ({ verdict: 'Swapped.' }),
  });

/** What another operator is told meanwhile. */
const other = async (root: string) =>
  (
    await runTaskForTest(
      task(() => []),
      root,
      ['--env', 'staging'],
    )
  ).error?.code ?? 'nothing';

test('work that takes the database away and fails leaves the run under a lock, and so its undo', async () => {
  const name = 'goes_away';
  const root = makeProduct({ OPS_DATABASE_URL: await postgres.createDatabase(name) });
  const told: string[] = [];
  const { error } = await runTaskForTest(
    task(() => [
      defineStep({
        name: 'before',
        run: async () => null,
        undo: async () => {
          told.push(await other(root));
          await admin(`ALTER DATABASE gone RENAME TO ${name}`);
        },
      }),
      defineStep({
        name: 'swap',
        run: ({ withoutLockSession }) =>
          withoutLockSession(async () => {
            await admin(`ALTER DATABASE ${name} RENAME TO gone`);
            told.push(await other(root));
            throw new OpsError({ code: 'SWAP_BROKE', message: 'the swap broke' });
          }),
      }),
    ]),
    root,
    ['--env', 'staging'],
  );
  assert.is(error?.code, 'SWAP_BROKE');
  assert.match(error?.message ?? '', 'Undone: "before".');
  assert.equal(told, ['LOCKED', 'LOCKED']);
  assert.is(await other(root), 'nothing', 'and it is free again afterwards');
});

test('work that fails with the database in its place leaves the run under the lock of the database', async () => {
  const root = makeProduct({ OPS_DATABASE_URL: await postgres.createDatabase() });
  const elsewhere = makeProduct({ OPS_DATABASE_URL: postgres.urlOf('test_1') });
  const told: string[] = [];
  await runTaskForTest(
    task(() => [
      defineStep({ name: 'before', run: async () => null, undo: async () => void told.push(await other(elsewhere)) }),
      defineStep({ name: 'swap', run: (ctx) => ctx.withoutLockSession(() => Promise.reject(new Error('it broke'))) }),
    ]),
    root,
    ['--env', 'staging'],
  );
  assert.equal(told, ['LOCKED'], 'another checkout sees it too');
});

test('the journal is in the database again after another one has taken its place, whole', async () => {
  const name = 'swapped';
  const url = await postgres.createDatabase(name);
  const root = makeProduct({ OPS_DATABASE_URL: url });
  const step = (one: string) => defineStep({ name: one, run: async () => one });
  const { error } = await runTaskForTest(
    task(() => [
      step('before'),
      defineStep({
        name: 'swap',
        run: (ctx) =>
          ctx.withoutLockSession(async () => {
            await admin(`ALTER DATABASE ${name} RENAME TO before_swap`);
            await admin(`CREATE DATABASE ${name}`);
            return null;
          }),
      }),
      step('after'),
    ]),
    root,
    ['--env', 'staging'],
  );
  assert.is(error, undefined);
  const told = await withPostgres(new Secret(url), 'test', async (client) => {
    const entries = await client.query('SELECT entry FROM drydock.run_entry ORDER BY seq');
    const [run] = (await client.query('SELECT status FROM drydock.run')).rows;
    return { status: run.status, events: entries.rows.map(({ entry }) => `${entry.event} ${entry.step ?? ''}`.trim()) };
  });
  assert.is(told.status, 'done');
  assert.equal(told.events, [
    ...['run.started', 'step.started before', 'step.done before', 'step.started swap', 'step.done swap'],
    ...['step.started after', 'step.done after', 'run.done'],
  ]);
});

test('the lock is taken by hand with a reason, told to whoever comes, and waited for', async () => {
  const url = await postgres.createDatabase();
  const [here, elsewhere] = [makeProduct({ OPS_DATABASE_URL: url }), makeProduct({ OPS_DATABASE_URL: url })];
  const refused = await runTaskForTest(lockTask, here, ['--env', 'staging']);
  assert.equal([refused.error?.code, refused.error?.exit], ['REASON_MISSING', 2]);
  // It may come upon one of those that look whether it is held.
  const freeze = ['--env', 'staging', '--for', '3s', '--reason', 'code freeze', '--lock-wait', '60s'];
  const held = runTaskForTest(lockTask, here, freeze);
  const change = task(() => [defineStep({ name: 'change', run: async () => null })]);
  const attempt = async () =>
    (await runTaskForTest(change, elsewhere, ['--env', 'staging', '--lock-wait', '1ms'])).error;
  // Whoever has just taken it has not written down yet who it is.
  const isTold = (refused: OpsError | undefined) => refused?.message.includes('running') === true;
  let error = await attempt();
  for (const end = Date.now() + 60_000; !isTold(error) && Date.now() < end; error = await attempt())
    await new Promise((done) => setTimeout(done, 50));
  assert.is(error?.code, 'LOCKED');
  assert.match(error?.message ?? '', /running ops:lock .* because: code freeze/);
  const waited = await runTaskForTest(change, elsewhere, ['--env', 'staging', '--lock-wait', '60s']);
  assert.is(waited.outcome?.verdict, 'Swapped.');
  assert.match(waited.said.join(), /Waiting up to .* because: code freeze/);
  assert.is((await held).outcome?.verdict, 'The lock of staging is given back.');
});

test('a wait for a lock that is not given back in time ends as one that did not wait: exit 5', async () => {
  const url = await postgres.createDatabase();
  const [here, elsewhere] = [makeProduct({ OPS_DATABASE_URL: url }), makeProduct({ OPS_DATABASE_URL: url })];
  const release = Promise.withResolvers<null>();
  const started = Promise.withResolvers<void>();
  const holds = task(() => [
    defineStep({
      name: 'hold',
      run: () => {
        started.resolve();
        return release.promise;
      },
    }),
  ]);
  const held = runTaskForTest(holds, here, ['--env', 'staging']);
  await started.promise;
  const since = performance.now();
  const { error, said } = await runTaskForTest(holds, elsewhere, ['--env', 'staging', '--lock-wait', '1500ms']);
  assert.equal([error?.code, error?.exit], ['LOCKED', 5]);
  assert.ok(performance.now() - since >= 1_450);
  assert.match(said.join(), 'Waiting up to');
  release.resolve(null);
  assert.is((await held).outcome?.verdict, 'Swapped.');
});

test.run();
