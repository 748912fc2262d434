import { runStepsForTest } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Target } from '../src/index.ts';
import { keepSnapshot, readSnapshot, readStatements } from '../src/load/statements.ts';
import { promisedByApplied, verify } from '../src/verify/verify.ts';
import { deployedOn, SCHEMA, UP } from './moods.ts';
import { deployNodes, makeTarget, query } from './world.ts';

const test = suite('db verify');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
});
test.after(() => postgres.stop());

const deployed = () => deployedOn(postgres);
const errorsOf = async (target: Target) =>
  (await verify(target, (await promisedByApplied(target)).promised)).findings
    .filter(({ level }) => level === 'error')
    .map(({ code, message }) =>
      `${code} ${/(?:no |^)((?:index|constraint|column|enum value) \S+?)[, ]/.exec(message)?.[1] ?? ''}`.trim(),
    );

test('what the migrations make is found: tables, columns, indexes, constraints and enum values', async () => {
  const target = await deployed();
  assert.equal(await errorsOf(target), []);
  const { objects } = await verify(target, (await promisedByApplied(target)).promised);
  assert.is(objects, 13);
});

test('each kind of object that is gone, invalid or different is named', async () => {
  const target = await deployed();
  const url = target.url.reveal();
  await query(url, 'DROP INDEX "Users_name_idx"');
  await query(url, `UPDATE pg_index SET indisvalid = false WHERE indexrelid = '"Users_age_idx"'::regclass`);
  await query(url, 'ALTER TABLE "Users" DROP CONSTRAINT "adult", DROP COLUMN "mood", ALTER COLUMN "age" TYPE BIGINT');
  const errors = await errorsOf(target);
  for (const expected of [
    'OBJECT_MISSING index public.Users_name_idx',
    'OBJECT_MISSING constraint public.Users.adult',
    'OBJECT_MISSING column public.Users.mood',
    'OBJECT_DIFFERS column public.Users.age',
  ])
    assert.ok(errors.includes(expected), `${expected} in ${errors.join(', ')}`);
  await query(url, `UPDATE pg_index SET indisvalid = false WHERE indexrelid = '"Users_age_idx"'::regclass`);
  assert.ok((await errorsOf(target)).includes('OBJECT_INVALID index public.Users_age_idx'));
});

test('a deploy ends with an error when an object of its own is not there', async () => {
  const target = makeTarget(await postgres.createDatabase(), UP, SCHEMA);
  const [rehearse, ...steps] = await deployNodes(target);
  const verifies = steps.pop();
  if (!rehearse || !verifies) throw new Error('the steps');
  const sabotage = {
    name: 'sabotage',
    run: async () => {
      await query(target.url.reveal(), 'ALTER TABLE "Users" DROP CONSTRAINT "adult"');
      return null;
    },
  };
  const error = await runStepsForTest([rehearse, ...steps, sabotage, verifies]).then(
    () => undefined,
    (thrown) => thrown,
  );
  assert.is(error?.code, 'OBJECT_MISSING');
  assert.match(error?.message ?? '', 'constraint public.Users.adult');
});

test('a deploy keeps the numbers, and verify finds a statement that got slower since', async () => {
  const target = await deployed();
  const url = target.url.reveal();
  assert.is(await readStatements(target.url), undefined, 'without the extension there is nothing to compare');
  await query(url, 'CREATE EXTENSION pg_stat_statements');
  await query(
    url,
    `INSERT INTO "Users" SELECT n, 'name ' || n, 'GOOD', n FROM generate_series(1, 60000) n; ANALYZE "Users"`,
  );
  const ask = async (times: number) => {
    for (let n = 0; n < times; n++) await query(url, `SELECT count(*) FROM "Users" WHERE "name" = 'name ${n}'`);
  };
  await ask(20);
  assert.is(await keepSnapshot(target.url, 'run-1'), true);
  await query(url, 'DROP INDEX "Users_name_idx"');
  await ask(20);
  assert.ok((await readSnapshot(target.url))?.statements.length);
  const { findings, statements } = await verify(target, []);
  assert.ok(statements?.some(({ kind, query: sql }) => kind === 'slower' && sql.includes('"name" =')));
  assert.ok(findings.some(({ code }) => code === 'STATEMENT_SLOWER'));
});

test.run();
