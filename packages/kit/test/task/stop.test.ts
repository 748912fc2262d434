// Uses no service: a task as a process of its own, stopped in each of its parts.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { OpsError, paused } from '../../src/errors.ts';
import { command } from '../../src/hint.ts';
import { readRuns } from '../../src/journal/read.ts';
import { defineGroup, defineStep, type StepNode } from '../../src/steps/types.ts';
import { type AnyChangeTask, defineChangeTask } from '../../src/task/types.ts';
import { makeStrangeProduct, runTaskForTest } from '../../src/testing/index.ts';

const test = suite('a run that is stopped');
const SCRIPT = join(import.meta.dirname, '../fixtures/stopping.ts');

async function stopIn(place: string): Promise<{ root: string; code: number | null; said: string }> {
  const root = makeStrangeProduct({});
  const child = spawn(process.execPath, [SCRIPT, '--in', place], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk) => (said += chunk));
  child.stdout.on('data', (chunk) => {
    said += chunk;
    if (String(chunk).includes('waiting')) child.kill('SIGINT');
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { root, code, said };
}

test('while it plans: no run is opened', async () => {
  const { root, code, said } = await stopIn('plan');
  assert.is(code, 130, said);
  assert.equal(readRuns(root), []);
});

for (const place of ['check', 'run', 'undo'])
  test(`in ${place}: exit 130, the run stays open, and the command to go on with is told`, async () => {
    const { root, code, said } = await stopIn(place);
    assert.is(code, 130, said);
    const [run] = readRuns(root);
    assert.is(run?.status, 'open');
    assert.match(said, `npm run test:stopping -- --resume ${run?.run}`);
    assert.not.ok([...(run?.steps.values() ?? [])].some(({ state }) => state === 'undone'));
    if (place === 'undo')
      assert.match(
        said,
        'Step "two" failed: it broke. Undoing stopped at "one" (Interrupted by SIGINT); still in effect: "one".',
      );
  });

const failing = (lastWords: NonNullable<AnyChangeTask['lastWords']>, hint?: string) =>
  defineChangeTask({
    name: 'test:failing',
    summary: 'Fails.',
    perEnvironment: false,
    lock: 'checkout',
    plan: async () => null,
    describe: () => ['fail'],
    steps: () => [
      defineStep({
        name: 'one',
        run: () => Promise.reject(new OpsError({ code: 'BROKE', message: 'it broke', hint })),
      }),
    ],
    outcome: () => ({ verdict: 'Done.' }),
    lastWords,
  });

test('the last words follow the reason, and the hint says how to begin again', async () => {
  const words = async () => ({ says: 'Version 1 serves.', next: command('test:failing') });
  const { error } = await runTaskForTest(failing(words, 'Mend it.'), makeStrangeProduct({}), []);
  assert.equal([error?.code, error?.exit], ['BROKE', 1]);
  assert.is(error?.message, 'Step "one" failed: it broke. Version 1 serves.');
  assert.is(error?.hint, 'Mend it.   Then: npm run test:failing');
  const bare = await runTaskForTest(failing(words), makeStrangeProduct({}), []);
  assert.is(bare.error?.hint, 'npm run test:failing');
});

test('last words that cannot be had never take the place of the reason', async () => {
  const { error } = await runTaskForTest(
    failing(() => Promise.reject(new Error('the proxy is away'))),
    makeStrangeProduct({}),
    [],
  );
  assert.is(error?.message, 'Step "one" failed: it broke. What stands now could not be asked: the proxy is away');
});

test('a run that pauses keeps what it did, answers no, and goes on where it waited; or fails there, and undoes', async () => {
  const root = makeStrangeProduct({});
  const did: string[] = [];
  let decision: 'continue' | 'abort' | undefined;
  const task = defineChangeTask({
    name: 'test:pausing',
    summary: 'Waits for a decision.',
    perEnvironment: false,
    lock: 'checkout',
    plan: async () => null,
    describe: () => ['wait'],
    steps: () => [
      defineStep({
        name: 'one',
        run: async () => did.push('one'),
        undo: async () => void did.push('undo one'),
      }),
      defineStep({
        name: 'two',
        check: async () => (decision === 'continue' ? null : undefined),
        run: () =>
          Promise.reject(
            decision === 'abort'
              ? new Error('somebody said so')
              : paused('It cannot be told.', command('test:pausing')),
          ),
      }),
    ],
    outcome: () => ({ verdict: 'Done.' }),
  });
  for (const decided of ['continue', 'abort'] as const) {
    did.length = 0;
    decision = undefined;
    const { error } = await runTaskForTest(task, root, []);
    assert.equal([error?.code, error?.exit, error?.hint], ['PAUSED', 3, 'npm run test:pausing']);
    assert.is(readRuns(root).at(-1)?.status, 'open');
    decision = decided;
    const resumed = await runTaskForTest(task, root, ['--resume']);
    assert.is(resumed.error?.message.includes('Undone: "one"') ?? false, decided === 'abort');
    assert.equal(did, decided === 'abort' ? ['one', 'undo one'] : ['one']);
    assert.is(readRuns(root).at(-1)?.status, decided === 'abort' ? 'failed' : 'done');
  }
});

test('a run is not gone on with by other steps than it was begun with, nor by a plan that cannot be read any more', async () => {
  const root = makeStrangeProduct({});
  const did: string[] = [];
  const group = (names: string[]) =>
    defineGroup<string[]>({ name: 'group', plan: async () => names, ahead: 'some', steps: (plan) => plan.map(step) });
  const step = (name: string) =>
    defineStep({
      name,
      async run() {
        did.push(name);
        if (name === 'stops') throw paused('It waits.', command('test:steps'));
        return null;
      },
    });
  const task = (nodes: (plan: { word: string }) => StepNode[]) =>
    defineChangeTask({
      name: 'test:steps',
      summary: 'Changes its steps.',
      perEnvironment: false,
      lock: 'checkout',
      plan: async () => ({ word: 'x' }),
      describe: () => ['do it'],
      steps: (_, plan) => nodes(plan),
      outcome: () => ({ verdict: 'Done.' }),
    });
  const named = (...names: string[]) => task(() => names.map(step));
  await runTaskForTest(
    task(() => [step('one'), group(['two', 'stops']), step('last')]),
    root,
    [],
  );
  assert.equal(did.splice(0), ['one', 'two', 'stops']);
  for (const other of [
    named('one', 'stops', 'last'),
    task(() => [step('one'), step('new'), group(['not', 'asked']), step('last')]),
    task(() => [group(['two', 'stops']), step('one'), step('new'), step('last')].toReversed()),
    task((plan) => [step((plan as unknown as { gone: { name: string } }).gone.name)]),
  ]) {
    const { error } = await runTaskForTest(other, root, ['--resume']);
    assert.is(error?.code, 'RUN_OF_OTHER_STEPS');
    assert.match(error?.hint ?? '', 'ops:resume -- --abandon');
  }
  assert.equal(did, [], 'nothing was done');
  // The plan of a group is the one that it began with, and what comes behind may be another.
  await runTaskForTest(
    task(() => [step('one'), group(['other']), step('another')]),
    root,
    ['--resume'],
  );
  assert.equal(did, ['stops']);
});

test.run();
