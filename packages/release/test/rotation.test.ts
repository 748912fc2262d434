// Uses PostgreSQL, HAProxy and runit: a secret of a product that was released, rotated while people use it.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig, loadEnvironment, readRuns } from '@drydock/kit';
import { taskFile } from '@drydock/kit/cli';
import { runTaskForTest, sampleRounds, taskProcesses } from '@drydock/kit/testing';
import { withSecretRecord } from '@drydock/secrets';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { underLoad } from './load.ts';
import { makeWorld, type World } from './world.ts';

const test = suite('a rotation while people use the product');
const PROGRAM = join(import.meta.dirname, '../../secrets/test/fixtures/keys.mjs');
let world: World;
let keysFile: string;

const call = (what: string) => [process.execPath, PROGRAM, what, keysFile];
const held = () => /^API_KEY='?([\w-]+)/m.exec(readFileSync(join(world.root, '.env.staging'), 'utf8'))?.[1] ?? '';
const taken = () => JSON.parse(readFileSync(keysFile, 'utf8')) as string[];

test.before(async () => {
  keysFile = join(mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-keys-')), 'keys.json');
  const first = randomBytes(32).toString('base64url');
  writeFileSync(keysFile, JSON.stringify([first]));
  const mail = {
    ...{ kind: 'generic', variable: 'API_KEY', overlap: 'both' },
    ...{ add: call('add'), retire: call('retire'), proof: call('proof'), validate: { command: call('validate') } },
  };
  world = await makeWorld(
    {
      secrets: {
        rotate: { mail, 'mail-alone': { ...mail, overlap: 'none' }, slow: { ...mail, settleSeconds: 3_600 } },
      },
    },
    { local: { instances: 2 } },
    { API_KEY: first, KEYS_FILE: keysFile },
  );
  // It works as long as the service takes the key that it was started with.
  world.commit((source) =>
    source
      .replace("from 'node:http';", "from 'node:http';\nimport { readFileSync } from 'node:fs';")
      .replace(
        'const PAGE = 200;',
        `const page = () => (JSON.parse(readFileSync(process.env.KEYS_FILE)).includes(process.env.API_KEY) ? 200 : 500);`,
      )
      .replace(': PAGE;', ': page();'),
  );
  const { error } = await world.release();
  assert.is(error, undefined, error?.message);
});
test.after(() => world.stop());

async function run(task: string, ...args: string[]) {
  const { default: definition } = await import(taskFile(task));
  return runTaskForTest(definition, world.root, [
    '--env',
    'staging',
    ...(definition.kind === 'change' ? ['--yes'] : []),
    ...args,
  ]);
}

async function record() {
  const config = await loadConfig(undefined, world.root);
  return withSecretRecord(config, loadEnvironment(config, 'staging', {}), async (record) => ({
    rotations: await record.rotations(),
    generations: await record.generations(),
  }));
}

test('the new one is in use, the old one is dead, nobody noticed, and nothing that was written down holds a value', async () => {
  const before = held();
  const load = await underLoad(world.url, async () => {
    const { outcome, error } = await run('secrets:rotate', 'mail');
    assert.is(error, undefined, error?.message);
    assert.match(outcome?.verdict ?? '', 'mail of staging: rotated, and the old one is ended');
  });
  assert.equal(load.failed, []);
  const now = held();
  assert.is.not(now, before);
  assert.equal(taken(), [now]);
  const { rotations, generations } = await record();
  assert.equal([rotations[0]?.outcome, rotations[0]?.proof?.verdict], ['done', 'dead']);
  assert.equal(
    generations.map(({ state }) => state),
    ['retired', 'current'],
  );
  const journal = readFileSync(
    join(world.root, '.drydock/runs', readRuns(world.root).at(-1)?.run ?? '', 'journal.jsonl'),
    'utf8',
  );
  for (const value of [before, now]) assert.not.match(journal + JSON.stringify([rotations, generations]), value);
});

test('status tells its age, who uses it, and what differs; plan and validate look only', async () => {
  type Status = { ageDays: number; state: string; product: string; drift: { code: string }[]; overdue: boolean };
  const look = async () => {
    const { outcome, error } = await run('secrets:status', 'mail');
    assert.is(error, undefined, error?.message);
    assert.ok(outcome);
    const {
      secrets: [secret],
    } = outcome.data as unknown as { secrets: [Status] };
    return { ...secret, drift: secret.drift.map(({ code }) => code) };
  };
  const good = await look();
  assert.equal([good.ageDays, good.state, good.product, good.drift], [0, 'in use', '2 of 2 use it', []]);
  const file = join(world.root, '.env.staging');
  const kept = readFileSync(file, 'utf8');
  writeFileSync(file, kept.replace(held(), randomBytes(32).toString('base64url')));
  assert.equal(new Set((await look()).drift), new Set(['FILE_CHANGED_BY_HAND', 'INSTANCE_DIFFERS', 'VALUE_REFUSED']));
  const tried = await run('secrets:validate', 'mail');
  assert.is(tried.outcome?.ok, false);
  writeFileSync(file, kept);
  assert.is((await run('secrets:validate', 'mail')).outcome?.ok, true);
  const plan = await run('secrets:plan');
  assert.match(plan.outcome?.verdict ?? '', '3 of 3 could be rotated in staging now');
  assert.is((await run('secrets:status', 'nail')).error?.exit, 2);
});

test('one that fails its validation goes back by itself: the old one is in use, and the new one is gone', async () => {
  const before = held();
  const all = taken();
  writeFileSync(keysFile, JSON.stringify(all));
  const broken = async (what: string, name = 'mail') => {
    writeFileSync(join(world.root, '.env.staging.local'), `BROKEN='${what}'\n`);
    try {
      return await run('secrets:rotate', name);
    } finally {
      writeFileSync(join(world.root, '.env.staging.local'), '');
    }
  };
  const load = await underLoad(world.url, async () => {
    const { error } = await broken('validate');
    assert.match(error?.message ?? '', /start with the new one.*Undone: .*"mail › promote"/s);
  });
  assert.equal(load.failed, []);
  assert.equal([held(), taken()], [before, all]);
  assert.is((await record()).rotations[0]?.outcome, 'reverted');
  const { error } = await broken('add');
  assert.match(error?.message ?? '', 'mail › add');
  assert.equal([held(), taken()], [before, all]);
  assert.is((await record()).rotations[0]?.outcome, 'reverted');
});

test('one that has to settle waits without a process, is not begun twice, and is taken back', async () => {
  const before = held();
  const { outcome, error } = await run('secrets:rotate', 'slow', '--wait', '0s');
  assert.is(error, undefined, error?.message);
  assert.match(outcome?.verdict ?? '', 'the new one is in use; the old one stays valid until 20');
  assert.equal(taken().length, 2);
  const again = await run('secrets:rotate', 'slow');
  assert.equal([again.error?.code, again.error?.exit], ['ROTATION_UNDER_WAY', 5]);
  const early = await run('secrets:retire', 'slow', '--wait', '0s');
  assert.is(early.outcome?.ok, false);
  const load = await underLoad(world.url, async () => {
    const back = await run('secrets:revert', 'slow', '--wait', '0s');
    assert.match(back.outcome?.verdict ?? '', 'the old one is in use again; the new one stays valid until');
  });
  assert.equal(load.failed, []);
  assert.is(held(), before);
  // Nobody is waited for in an emergency.
  const ended = await run('secrets:retire', 'slow', '--emergency', '--reason', 'it is out');
  assert.is(ended.error, undefined, ended.error?.message);
});

test('in an emergency the old one ends at once; a reason is wanted', async () => {
  assert.is((await run('secrets:rotate', 'slow', '--emergency')).error?.exit, 2);
  const before = held();
  const { error } = await run('secrets:rotate', 'slow', '--emergency', '--reason', 'in a public log');
  assert.is(error, undefined, error?.message);
  assert.equal(taken(), [held()]);
  assert.is.not(held(), before);
});

test('where the service takes one alone, it is replaced right before the product is started again', async () => {
  const { error } = await run('secrets:rotate', 'mail-alone');
  assert.is(error, undefined, error?.message);
  assert.ok(taken().includes(held()));
});

test('killed at any step it goes on, here or in another clone: one new value, nobody noticed', async () => {
  const steps = [
    'begin',
    'make',
    'add',
    'stage',
    'validate',
    'promote',
    'start with the new one',
    'settle',
    'end the old one › retire',
    'end the old one › prove',
    'end the old one › document',
  ];
  const rounds = steps.flatMap((step) =>
    (['started', 'done'] as const).map((state) => ({ step: `mail › ${step}`, state })),
  );
  for (const { step, state } of sampleRounds(rounds, 3)) {
    const before = held();
    const load = await underLoad(world.url, async () => {
      const known = readRuns(world.root).length;
      const child = taskProcesses(world.root).start('secrets:rotate', 'mail', '--yes');
      const ended = once(child, 'close');
      const reached = () => {
        const found = readRuns(world.root)[known]?.steps.get(step)?.state;
        return found === 'done' || (state === 'started' && found !== undefined);
      };
      while (child.exitCode === null && !reached()) await new Promise((done) => setTimeout(done, 5));
      child.kill('SIGKILL');
      await ended;
      if (readRuns(world.root)[known]?.status !== 'open') return;
      const { error } = await run('secrets:rotate', '--resume');
      assert.is(error, undefined, `${step} ${state}: ${error?.message}`);
    });
    assert.equal(load.failed, [], `${step} ${state}`);
    assert.is.not(held(), before, `${step} ${state}`);
    assert.equal(taken(), [held()], `${step} ${state}`);
  }
});

test.run();
