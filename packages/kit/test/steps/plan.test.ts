// Uses no service: what is said to come, and what then came, on the memory journal.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openFileJournal } from '../../src/journal/file-journal.ts';
import { readRuns } from '../../src/journal/read.ts';
import { describeSteps, plannedSteps } from '../../src/steps/plan.ts';
import { defineGroup, defineStep, namedSteps, type StepNode } from '../../src/steps/types.ts';
import { newRunId } from '../../src/task/change.ts';
import { defineChangeTask } from '../../src/task/types.ts';
import { makeStrangeProduct, runStepsForTest, runTaskForTest } from '../../src/testing/index.ts';

const test = suite('the plan of a run');
const step = (name: string) => defineStep({ name, run: async () => null });

test('the steps that are planned are the steps that run, groups in groups and those that plan later too', async () => {
  const known = async () => ['apply a', 'apply b'];
  const nodes: StepNode[] = [
    step('build'),
    namedSteps('staging', [
      step('backup'),
      defineGroup({ name: 'deploy', plan: known, ahead: known, steps: (names) => names.map(step) }),
    ]),
    defineGroup({
      name: 'again',
      plan: async () => ({ again: true }),
      ahead: 'once more if it is not mined',
      steps: () => [step('sign')],
    }),
  ];
  const planned = await plannedSteps(nodes);
  assert.equal(describeSteps(planned), [
    '1  build',
    '2  staging › backup',
    '3  staging › deploy › apply a',
    '4  staging › deploy › apply b',
    '5  again › … once more if it is not mined',
  ]);
  const { entries } = await runStepsForTest(nodes);
  const ran = entries.filter(({ event, data }) => event === 'step.started' && data === undefined);
  assert.equal(
    ran.map((entry) => entry.step),
    [...planned.filter(({ later }) => later === undefined).map(({ name }) => name), 'again › sign'],
  );
});

test('two steps of one name are refused: the journal could not tell them apart', async () => {
  const twins = [namedSteps('a', [step('x'), step('x')])];
  await plannedSteps(twins).then(
    () => assert.unreachable(),
    (error) => assert.is(error.message, 'Two steps are named "a › x".'),
  );
});

const task = (come: (root: string) => StepNode[], describe: string[] = ['do it']) =>
  defineChangeTask({
    name: 'test:plan',
    summary: 'Has a plan.',
    perEnvironment: false,
    lock: 'checkout',
    plan: async () => null,
    describe: () => describe,
    steps: (ctx) => come(ctx.config.root),
    outcome: () => ({ verdict: 'Done.' }),
  });

test('--plan prints what it is about and each step, and the journal of a run keeps what was printed', async () => {
  const root = makeStrangeProduct({});
  const two = task(() => [step('one'), step('two')]);
  const { outcome, said } = await runTaskForTest(two, root, ['--plan']);
  assert.equal(said.slice(1), ['  do it', '  Steps:', '    1  one', '    2  two']);
  assert.equal(outcome?.data, { plan: null, steps: [{ name: 'one' }, { name: 'two' }] });
  assert.is(outcome?.verdict, 'This is the plan; nothing was changed.');
  assert.equal(readRuns(root), []);
  assert.is((await runTaskForTest(two, root, [])).outcome?.verdict, 'Done.');
  assert.equal(readRuns(root)[0]?.start.steps, [{ name: 'one' }, { name: 'two' }]);
});

test('a run that an older version began is gone on with: the names of its steps are what they were', async () => {
  const root = makeStrangeProduct({});
  const run = newRunId();
  const journal = openFileJournal(root, { run, task: 'test:plan', env: 'development' });
  const start = {
    argv: [],
    perEnvironment: false,
    flags: {},
    plan: null,
    actor: 'me',
    pid: 4_000_000,
    host: 'elsewhere',
  };
  await journal.append({ event: 'run.started', data: start });
  await journal.append({ event: 'step.started', step: 'staging', data: {} });
  await journal.append({ event: 'step.started', step: 'staging › stage' });
  await journal.append({ event: 'step.done', step: 'staging › stage', data: { version: 'of then' } });
  await journal.append({ event: 'step.started', step: 'staging › switch' });
  const told: string[] = [];
  const come = () => {
    const stage = defineStep({ name: 'stage', run: async () => ({ version: 'of now' }) });
    const shift = defineStep({
      name: 'switch',
      run: async ({ results }) => told.push(`to the version ${results.of(stage).version}`),
    });
    return [namedSteps('staging', [stage, shift])];
  };
  const { outcome, error } = await runTaskForTest(task(come), root, ['--resume', run]);
  assert.is(error, undefined);
  assert.is(outcome?.verdict, 'Done.');
  assert.equal(told, ['to the version of then']);
});

test('where nothing is to be done --plan says so, and what would be looked at', async () => {
  const looks = await runTaskForTest(
    task(() => [step('look')], []),
    makeStrangeProduct({}),
    ['--plan'],
  );
  assert.is(looks.outcome?.verdict, 'Nothing to do: the steps would only make sure.');
  const nothing = await runTaskForTest(
    task(() => [], []),
    makeStrangeProduct({}),
    ['--plan'],
  );
  assert.is(nothing.outcome?.verdict, 'Nothing to do.');
});

test('a task that takes a step that its plan did not tell is found by the bed of every test', async () => {
  let asked = 0;
  const sly = task(() => (asked++ === 0 ? [step('one')] : [step('one'), step('untold')]));
  await runTaskForTest(sly, makeStrangeProduct({}), []).then(
    () => assert.unreachable(),
    (error) => assert.is(error.message, 'test:plan took steps that its plan does not tell: untold'),
  );
});

test.run();
