// Uses no service: tasks on a product in a temporary folder, the way that main takes.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { paused } from '../../src/errors.ts';
import { withPostgres } from '../../src/postgres.ts';
import { Secret } from '../../src/secret.ts';
import { flag } from '../../src/task/flags.ts';
import { defineChangeTask, defineReadTask } from '../../src/task/types.ts';
import { makeStrangeProduct, runTaskForTest } from '../../src/testing/index.ts';

const test = suite('the way of a task');

const look = defineReadTask({
  name: 'test:look',
  summary: 'Says what it was given.',
  flags: { beside: flag.environment({ about: 'another one' }) },
  run: async ({ env, environment, flags, emit, json }) => {
    emit({ line: 1 });
    const beside = flags.beside ?? null;
    return { verdict: 'Looked.', data: { env, beside, json, kept: environment.get('KEPT') ?? null } };
  },
});
const first = defineReadTask({
  name: 'test:first',
  summary: 'Lets another one run.',
  handsOver: async () => ({ task: look, argv: ['--env', 'stage'] }),
  run: () => Promise.reject(new Error('runs itself')),
});

test('an environment is the one that is meant, for --env and for flags of the task', async () => {
  const root = makeStrangeProduct({}, { KEPT: 'staging’s' });
  const { outcome } = await runTaskForTest(look, root, ['--env', 'stage', '--beside', 'prod']);
  assert.equal(outcome?.data, { env: 'staging', beside: 'production', json: false, kept: 'staging’s' });
  const bare = await runTaskForTest(look, root, []);
  assert.equal(bare.outcome?.data, { env: 'development', beside: null, json: false, kept: null });
});

test('one that is none is refused with exit 2, and nothing runs', async () => {
  const { error, outcome } = await runTaskForTest(look, makeStrangeProduct({}), ['--beside', 'moon']);
  assert.equal([error?.code, error?.exit, outcome], ['USAGE', 2, undefined]);
  assert.match(error?.message ?? '', '--beside must be one of development, staging, production');
});

test('a task that hands over is not run itself, and what is told line by line is told with --json alone', async () => {
  const root = makeStrangeProduct({});
  const { outcome } = await runTaskForTest(first, root, []);
  assert.is((outcome?.data as { env?: string } | undefined)?.env, 'staging');
  assert.equal((await runTaskForTest(look, root, ['--json'])).said, ['{"line":1}']);
  assert.equal((await runTaskForTest(look, root, [])).said, []);
});

test('a database that is away is told to the sandbox’s products alone to be of the sandbox', async () => {
  const away = defineReadTask({
    name: 'test:away',
    summary: 'Asks the database.',
    run: ({ environment }) =>
      withPostgres(environment.secret('DATABASE_URL') ?? new Secret(''), 'test', () =>
        Promise.reject(new Error('is there')),
      ),
  });
  const root = makeStrangeProduct({}, { DATABASE_URL: 'postgresql://127.0.0.1:1/shop' });
  const hintThere = async () => (await runTaskForTest(away, root, ['--env', 'staging'])).error?.hint;
  assert.is(await hintThere(), 'Is it running, and is DATABASE_URL right?');
  mkdirSync(join(root, '.drydock/sandbox'), { recursive: true });
  assert.match((await hintThere()) ?? '', / In the sandbox: npm run sandbox:up$/);
});

test('words beside the flags reach a change, and a run that goes on has those that it was begun with', async () => {
  const root = makeStrangeProduct({});
  let fails = true;
  const change = defineChangeTask({
    name: 'test:change',
    summary: 'Does something to what is named.',
    words: { value: 'NAME', about: 'what' },
    lock: 'checkout',
    perEnvironment: false,
    plan: async ({ words }) => [...words],
    describe: (plan) => plan,
    steps: ({ words }) => [
      {
        name: 'do it',
        run: async () => {
          if (fails) throw paused('Wait.', 'Go on.');
          return [...words];
        },
      },
    ],
    outcome: ({ words }) => ({ verdict: 'Done.', data: { words: [...words] } }),
  });
  const begun = await runTaskForTest(change, root, ['one', '--yes', 'two']);
  assert.is(begun.error?.code, 'PAUSED');
  fails = false;
  const { outcome } = await runTaskForTest(change, root, ['--resume', '--yes']);
  assert.equal(outcome?.data, { words: ['one', 'two'] });
});

test.run();
