// Uses no service: steps on the memory journal.
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { OpsError } from '../../src/errors.ts';
import { command } from '../../src/hint.ts';
import { createMemoryJournal } from '../../src/journal/memory-journal.ts';
import { foldJournal } from '../../src/journal/state.ts';
import type { JournalEntry } from '../../src/journal/types.ts';
import { runSteps } from '../../src/steps/run.ts';
import {
  defineGroup,
  defineStep,
  namedSteps,
  type Step,
  type StepContext,
  type StepNode,
} from '../../src/steps/types.ts';
import { typed } from '../../src/task/typed.ts';
import { hintOf, silentOutput } from '../../src/testing/index.ts';

const test = suite('steps');

function options(nodes: StepNode[], earlier: JournalEntry[] = [], signal = new AbortController().signal) {
  const journal = createMemoryJournal();
  const start = { at: 't', run: 'r', task: 't', env: 'e', seq: 0, event: 'run.started', data: {} } as const;
  const before = foldJournal([start, ...earlier])?.steps ?? new Map();
  return {
    journal,
    run: {
      nodes,
      journal,
      before,
      out: silentOutput(),
      signal,
      assertLocked: async () => {},
      withoutLockSession: <T>(work: () => Promise<T>) => work(),
      audit: async () => {},
      typed,
      onFailure: 'undo' as const,
    },
  };
}

const events = (entries: JournalEntry[]) => entries.map(({ event, step }) => `${event} ${step}`);

test('steps run in order and later ones see the data of earlier ones', async () => {
  const one = defineStep({ name: 'one', run: async () => ({ n: 1 }) });
  const two = defineStep({ name: 'two', run: async ({ results }) => results.of(one).n + 1 });
  const { run, journal } = options([one, two]);
  const results = await runSteps(run);
  assert.is(results.of(two), 2);
  assert.equal(events(journal.entries), ['step.started one', 'step.done one', 'step.started two', 'step.done two']);
});

test('a result is reached by its step alone: one that is not part of the run, or has not come, is an error at once', async () => {
  const other = defineStep({ name: 'one', run: async () => ({ n: 1 }) });
  const later = defineStep({ name: 'three', run: async () => null });
  for (const asked of [other, later]) {
    const nodes = [
      defineStep({ name: 'one', run: async () => ({ n: 1 }) }),
      defineStep({ name: 'two', run: async ({ results }) => results.of(asked as Step) }),
      later,
    ];
    const error = await runSteps(options(nodes).run).then(
      () => undefined,
      (thrown) => thrown as OpsError,
    );
    assert.match(error?.message ?? '', `Step "${asked.name}" is not part of this run, or has not come to its turn.`);
  }
  // @ts-expect-error a name is no handle
  const byName = defineStep({ name: 'two', run: async ({ results }) => results.of('one') });
  // @ts-expect-error and what a step returns is typed
  const mistyped = defineStep<string>({ name: 'two', run: async ({ results }) => results.of(other) });
  assert.ok(byName && mistyped);
});

test('steps of one name in two groups have each their own result', async () => {
  const inner = (n: number) => defineStep({ name: 'stage', run: async () => n });
  const [a, b] = [inner(1), inner(2)];
  const group = (name: string, step: Step<number>) => namedSteps(name, [step]);
  const sum = defineStep({ name: 'sum', run: async ({ results }) => results.of(a) * 10 + results.of(b) });
  assert.is((await runSteps(options([group('a', a), group('b', b), sum]).run)).of(sum), 12);
});

test('a failing step names itself and undoes what was done, newest first', async () => {
  const undone: string[] = [];
  const done = (name: string) =>
    defineStep({ name, run: async () => name, undo: async (_, data) => void undone.push(data) });
  const nodes = [
    done('one'),
    done('two'),
    defineStep({ name: 'three', run: () => Promise.reject(new OpsError({ code: 'BROKEN', message: 'it broke' })) }),
  ];
  const { run, journal } = options(nodes);
  const error = await runSteps(run).then(
    () => undefined,
    (thrown) => thrown as OpsError,
  );
  assert.is(error?.message, 'Step "three" failed: it broke. Undone: "two", "one".');
  assert.is(error?.code, 'BROKEN');
  assert.equal(undone, ['two', 'one']);
  assert.equal(events(journal.entries).slice(-3), ['step.failed three', 'step.undone two', 'step.undone one']);
});

test('undoing ends where it fails, and the last words say what is as it was and what is not', async () => {
  const undone: string[] = [];
  const nodes = [
    defineStep({ name: 'one', run: async () => null, undo: async () => void undone.push('one') }),
    defineStep({ name: 'two', run: async () => null, undo: () => Promise.reject(new Error('stuck')) }),
    defineStep({ name: 'three', run: async () => null, undo: async () => void undone.push('three') }),
    defineStep({ name: 'four', run: () => Promise.reject(new Error('it broke')) }),
  ];
  const error = await runSteps(options(nodes).run).then(
    () => undefined,
    (thrown) => thrown as OpsError,
  );
  assert.is(
    error?.message,
    'Step "four" failed: it broke. Undone: "three". Undoing stopped at "two" (stuck); still in effect: "two", "one".',
  );
  assert.equal(undone, ['three']);
});

const failing = { name: 'two', run: () => Promise.reject(new Error('it broke')) };

test('the failure of house-keeping undoes nothing', async () => {
  const undone: string[] = [];
  const nodes = [
    defineStep({ name: 'one', run: async () => null, undo: async () => void undone.push('one') }),
    defineStep({ ...failing, houseKeeping: true }),
  ];
  const error = await runSteps(options(nodes).run).then(
    () => undefined,
    (thrown) => thrown as OpsError,
  );
  assert.is(error?.message, 'Step "two" failed: it broke');
  assert.equal(undone, []);
});

test('nothing is undone once the lock is lost: another operator may be at work', async () => {
  const undone: string[] = [];
  const lost = new OpsError({ code: 'LOCK_LOST', message: 'The lock was lost.' });
  const undo = async () => void undone.push('one');
  for (const [when, asks] of [
    ['before a step', 1],
    ['before the undo', 2],
  ] as const) {
    let asked = 0;
    const { run } = options([defineStep({ name: 'one', run: async () => null, undo }), defineStep(failing)]);
    const assertLocked = async () => {
      if (asked++ >= asks) throw lost;
    };
    const error = await runSteps({ ...run, assertLocked }).then(
      () => undefined,
      (thrown) => thrown as OpsError,
    );
    assert.match(error?.message ?? '', 'The lock was lost', when);
  }
  assert.equal(undone, []);
});

test('a disk that fails keeps the first reason, and nothing is undone that could not be written down', async () => {
  const undone: string[] = [];
  const nodes = [
    defineStep({ name: 'one', run: async () => null, undo: async () => void undone.push('one') }),
    defineStep(failing),
  ];
  const { run } = options(nodes);
  const journal = {
    ...run.journal,
    async append(body: Parameters<typeof run.journal.append>[0]) {
      if (body.event === 'step.failed') throw new Error('ENOSPC: no space left on device');
      await run.journal.append(body);
    },
  };
  const error = await runSteps({ ...run, journal }).then(
    () => undefined,
    (thrown) => thrown as OpsError,
  );
  assert.is(
    error?.message,
    'Step "two" failed: it broke. Nothing was undone, for it could not be written down: ENOSPC: no space left on device',
  );
  assert.equal(undone, []);
});

for (const [entry, said, undone] of [
  ['step.started two', 'Step "two" was not begun, for that could not be written down: ENOSPC', []],
  ['step.done two', 'Step "two" is done, but that could not be written down: ENOSPC', []],
  [
    'step.undone two',
    'Step "three" failed: it broke. Undone: "two". Undoing stopped at "two" (that it is undone could not be written down: ENOSPC); still in effect: "one".',
    ['two'],
  ],
] as const)
  test(`a disk that fails at "${entry}" is told beside what was done, and nothing is undone behind the journal's back`, async () => {
    const gone: string[] = [];
    const done = (name: string) => defineStep({ name, run: async () => null, undo: async () => void gone.push(name) });
    const { run } = options([done('one'), done('two'), defineStep({ ...failing, name: 'three' })]);
    const journal = {
      ...run.journal,
      async append(body: Parameters<typeof run.journal.append>[0]) {
        if (`${body.event} ${body.step}` === entry) throw new Error('ENOSPC');
        await run.journal.append(body);
      },
    };
    const error = await runSteps({ ...run, journal }).then(
      () => undefined,
      (thrown) => thrown as OpsError,
    );
    assert.is(error?.message, said);
    assert.equal(gone, undone);
  });

test('a step whose verification fails is undone itself', async () => {
  const undone: string[] = [];
  const step = defineStep({
    name: 'one',
    run: async () => 'x',
    verify: () => Promise.reject(new Error('the world disagrees')),
    undo: async (_, data) => void undone.push(data),
  });
  await runSteps(options([step]).run).catch(() => {});
  assert.equal(undone, ['x']);
});

test('a resumed run repeats no done step and hands on its data', async () => {
  const ran: string[] = [];
  const one = defineStep({ name: 'one', run: async () => ran.push('one') - 1 });
  const nodes = [
    one,
    defineStep({ name: 'two', run: async ({ results }) => ran.push(`two after ${results.of(one)}`) }),
  ];
  const at = { at: 't', run: 'r', task: 't', env: 'e', seq: 1 };
  const { run } = options(nodes, [
    { ...at, event: 'step.started', step: 'one' },
    { ...at, event: 'step.done', step: 'one', data: 41 },
  ]);
  await runSteps(run);
  assert.equal(ran, ['two after 41']);
});

test('a step killed in the middle is checked before it is run again', async () => {
  let runs = 0;
  const step = (already: boolean) =>
    defineStep({ name: 'one', check: async () => (already ? 'found' : undefined), run: async () => `run ${++runs}` });
  const killed: JournalEntry = { at: 't', run: 'r', task: 't', env: 'e', seq: 1, event: 'step.started', step: 'one' };
  const [found, not] = [step(true), step(false)];
  assert.is((await runSteps(options([found], [killed]).run)).of(found), 'found');
  assert.is(runs, 0);
  assert.is((await runSteps(options([not], [killed]).run)).of(not), 'run 1');
});

test('what was already so at first sight is skipped, and not undone later', async () => {
  const undone: string[] = [];
  const nodes = [
    defineStep({
      name: 'one',
      alwaysCheck: true,
      check: async () => 'was so',
      run: async () => 'ran',
      undo: async () => void undone.push('one'),
    }),
    defineStep({ name: 'two', run: () => Promise.reject(new Error('no')) }),
  ];
  const { run, journal } = options(nodes);
  await runSteps(run).catch(() => {});
  assert.equal(undone, []);
  assert.ok(events(journal.entries).includes('step.skipped one'));
});

test('a group keeps the plan it began with', async () => {
  const ran: string[] = [];
  let planned = 0;
  const group = defineGroup({
    name: 'group',
    ahead: 'two steps',
    plan: async () => [`a${++planned}`, `b${planned}`],
    steps: (names) => names.map((name) => defineStep({ name, run: async () => ran.push(name) })),
  });
  const first = options([group]);
  await runSteps(first.run);
  assert.equal(ran, ['a1', 'b1']);
  const cut = first.journal.entries.slice(0, 3);
  await runSteps(options([group], cut).run);
  assert.equal(ran, ['a1', 'b1', 'b1'], 'the done half is not repeated and no new plan is made');
});

test('what a group of another environment says to type next is about that one', async () => {
  const failing = defineStep({
    name: 'one',
    run: () => Promise.reject(new OpsError({ code: 'X', message: 'x.', hint: command('db:status') })),
  });
  const group = namedSteps('group', [namedSteps('inner', [failing])], { env: 'staging' });
  const { run, journal } = options([group]);
  const error = await runSteps(run).catch((thrown) => thrown);
  assert.is(hintOf(error), 'npm run db:status -- --env staging');
  assert.is(journal.entries.at(-1)?.error?.hint, 'npm run db:status -- --env staging');
});

test('an interrupted step leaves the run open and undoes nothing', async () => {
  const undone: string[] = [];
  const controller = new AbortController();
  const nodes = [
    defineStep({ name: 'one', run: async () => null, undo: async () => void undone.push('one') }),
    defineStep({
      name: 'two',
      run: async ({ signal }) => {
        controller.abort();
        signal.throwIfAborted();
        return null;
      },
    }),
  ];
  const { run, journal } = options(nodes, [], controller.signal);
  const error = await runSteps(run).then(
    () => undefined,
    (thrown) => thrown as OpsError,
  );
  assert.is(error?.exit, 130);
  assert.equal(undone, []);
  assert.is(journal.entries.at(-1)?.error?.code, 'INTERRUPTED');
});

const PLACES = ['plan', 'check', 'run', 'verify', 'undo'] as const;

/** Two steps, and a group behind them, of which one part is at work when the signal comes. */
function atWork(place: (typeof PLACES)[number], work: (signal: AbortSignal) => Promise<unknown>) {
  const undone: string[] = [];
  const part = (here: string, ctx: StepContext) => (here === place ? work(ctx.signal) : Promise.resolve());
  const one = defineStep({ name: 'one', run: async () => null, undo: async () => void undone.push('one') });
  const two = defineStep({
    name: 'two',
    alwaysCheck: true,
    check: async (ctx) => void (await part('check', ctx)),
    run: async (ctx) => part('run', ctx).then(() => null),
    verify: async (ctx) => void (await part('verify', ctx)),
    undo: async (ctx) => void (await part('undo', ctx)),
  } as Step<null>);
  const group = defineGroup({
    name: 'group',
    ahead: 'what it plans',
    plan: (ctx) => part('plan', ctx).then(() => null),
    steps: () => [defineStep({ name: 'three', run: () => Promise.reject(new Error('it broke')) })],
  });
  return { nodes: [one, two, group], undone };
}

for (const reason of [
  new OpsError({ code: 'INTERRUPTED', message: 'Interrupted by SIGINT.', exit: 130 }),
  new OpsError({ code: 'LOCK_LOST', message: 'The lock was lost.' }),
])
  test(`${reason.code} reaches plan, check, run, verify and undo, and undoes nothing more`, async () => {
    for (const place of PLACES) {
      const controller = new AbortController();
      const { nodes, undone } = atWork(place, (signal) => {
        setTimeout(() => controller.abort(reason), 5);
        return sleep(60_000, undefined, { signal });
      });
      const error = await runSteps(options(nodes, [], controller.signal).run).then(
        () => undefined,
        (thrown) => thrown as OpsError,
      );
      assert.match(error?.message ?? '', reason.message.replace('.', ''), place);
      assert.equal(undone, [], place);
      if (place === 'undo')
        assert.is(
          error?.message,
          `Step "group › three" failed: it broke. Undoing stopped at "two" (${reason.message.replace('.', '')}); still in effect: "two", "one".`,
        );
      else assert.equal([error?.code, error?.exit], [reason.code, reason.exit], place);
    }
  });

test('a part that does not hear the signal is left behind after a few seconds', async () => {
  const told = PLACES.map(async (place) => {
    const controller = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const { nodes } = atWork(place, () => {
      controller.abort();
      return new Promise((done) => {
        timer = setTimeout(done, 60_000);
      });
    });
    const started = performance.now();
    await runSteps(options(nodes, [], controller.signal).run).catch(() => {});
    clearTimeout(timer);
    return performance.now() - started;
  });
  for (const ms of await Promise.all(told)) assert.ok(ms > 4_000 && ms < 30_000, `${ms} ms`);
});

test('no step runs once the lock is lost', async () => {
  let ran = false;
  const { run } = options([defineStep({ name: 'one', run: async () => (ran = true) })]);
  const lost = new OpsError({ code: 'LOCK_LOST', message: 'the lock is gone' });
  const error = await runSteps({ ...run, assertLocked: () => Promise.reject(lost) }).then(
    () => undefined,
    (e) => e as OpsError,
  );
  assert.is(error?.code, 'LOCK_LOST');
  assert.not(ran);
});

test.run();
