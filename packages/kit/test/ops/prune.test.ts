// Uses no service: journals in a product's folder.
import { mkdirSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import opsPrune from '../../scripts/ops-prune.ts';
import { putInOutbox } from '../../src/audit/outbox.ts';
import { openRuns } from '../../src/journal/read.ts';
import { makeStateFolder } from '../../src/state/folder.ts';
import { runTaskForTest, taskProcesses } from '../../src/testing/index.ts';
import { makeProduct } from '../product.ts';

const test = suite('ops:prune');
const LONG_AGO = '2026-01-01T00:00:00.000Z';

/** A run whose last entry is of that time. */
function put(root: string, run: string, last: string | undefined, { at = LONG_AGO, task = 'db:deploy' } = {}): string {
  const folder = makeStateFolder(root, 'runs', run);
  const entries = ['run.started', ...(last ? [last] : [])].map((event, i) => ({
    at,
    run,
    task,
    env: 'staging',
    seq: i + 1,
    event,
    ...(event === 'run.started' ? { data: { plan: null } } : {}),
  }));
  writeFileSync(join(folder, 'journal.jsonl'), entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
  return folder;
}

/** Those of the product, without ops:prune's own. */
const runsOf = (root: string) => readdirSync(join(root, '.drydock/runs')).filter((run) => run.length < 26);

function product(): string {
  const root = makeProduct();
  put(root, '01DONE', 'run.done');
  put(root, '01FAILED', 'run.failed');
  put(root, '01OPEN', undefined);
  put(root, '01RESUMED', 'run.resumed');
  put(root, '01YOUNG', 'run.done', { at: new Date().toISOString() });
  put(root, '01UNTOLD', 'run.done');
  put(root, '01CHAIN', 'run.done', { task: 'escrow:retry' });
  put(root, '01UNKNOWN', 'run.done', { task: 'gone:task' });
  writeFileSync(join(put(root, '01MORE', 'run.done'), 'notes.txt'), 'by hand');
  const event = { at: LONG_AGO, actor: 'me', task: 'db:deploy', env: 'staging', reason: null, metadata: {} };
  putInOutbox(root, { ...event, id: '01UNTOLD', run: '01UNTOLD', event: 'db:deploy', outcome: 'done' });
  const begun = makeStateFolder(root, 'runs', '01BEGUN');
  const leftOver = makeStateFolder(root, 'runs', '01LEFT');
  writeFileSync(join(begun, 'journal.jsonl'), '');
  utimesSync(leftOver, new Date(LONG_AGO), new Date(LONG_AGO));
  return root;
}

test('what ended long ago goes; what --resume, the audit log and later runs need stays, and is counted by why', async () => {
  const root = product();
  const before = runsOf(root);
  const planned = await runTaskForTest(opsPrune, root, ['--plan']);
  assert.equal(runsOf(root), before, 'a plan changes nothing');
  const said = planned.said.join('\n');
  assert.match(said, 'remove 4 journals that ended before');
  for (const [many, why] of [
    ['2 journals', 'did not end'],
    ['1 journal', 'are younger'],
    ['1 journal', 'have an event that the audit log was not told of yet'],
    ['1 journal', 'are what later runs of escrow:retry go by'],
    ['1 journal', 'hold something that is not a journal'],
    ['1 journal', 'are just begun'],
  ])
    assert.match(said, `keep ${many} that ${why}`);
  const { outcome, error } = await runTaskForTest(opsPrune, root, ['--yes']);
  assert.is(error, undefined);
  assert.match(outcome?.verdict ?? '', '4 journals removed; kept: ');
  const stay = ['01BEGUN', '01CHAIN', '01MORE', '01OPEN', '01RESUMED', '01UNTOLD', '01YOUNG'];
  assert.equal(runsOf(root).sort(), stay);
  assert.equal(
    openRuns(root).map(({ run }) => run),
    ['01OPEN', '01RESUMED'],
  );
  assert.match((await runTaskForTest(opsPrune, root, ['--yes'])).outcome?.verdict ?? '', '0 journals removed');
  assert.equal(runsOf(root).sort(), stay);
});

test('--older-than says how long ago, and nothing but folders of runs is touched', async () => {
  const root = makeProduct();
  const at = new Date(Date.now() - 10 * 86_400_000).toISOString();
  put(root, '01TENDAYS', 'run.done', { at });
  const elsewhere = join(root, 'elsewhere');
  mkdirSync(elsewhere);
  writeFileSync(join(elsewhere, 'journal.jsonl'), '');
  symlinkSync(elsewhere, join(root, '.drydock/runs/01LINK'));
  await runTaskForTest(opsPrune, root, ['--yes', '--older-than', '11d']);
  assert.equal(runsOf(root), ['01LINK', '01TENDAYS']);
  await runTaskForTest(opsPrune, root, ['--yes', '--older-than', '9d']);
  assert.equal(runsOf(root), ['01LINK']);
  assert.equal(readdirSync(elsewhere), ['journal.jsonl']);
});

test('a run that was gone on with since it was planned stays', async () => {
  const { planPruning, removeRun } = await import('../../src/journal/prune.ts');
  const root = makeProduct();
  const folder = put(root, '01FAILED', 'run.failed');
  assert.equal(planPruning(root, '2026-06-01', () => false).remove, ['01FAILED']);
  const entry = { at: LONG_AGO, run: '01FAILED', task: 'x', env: 'staging', seq: 3, event: 'run.resumed', data: {} };
  writeFileSync(join(folder, 'journal.jsonl'), `${JSON.stringify(entry)}\n`, { flag: 'a' });
  assert.is(removeRun(root, '01FAILED'), false);
  assert.equal(runsOf(root), ['01FAILED']);
});

test('a prune, as a process, knows the journal of the prune before it', async () => {
  const { ask } = taskProcesses(makeProduct());
  for (const kept of [0, 1]) {
    const { code, data } = await ask('ops:prune');
    assert.is(code, 0);
    assert.is(
      Object.values(data.kept as Record<string, number>).reduce((sum, many) => sum + many, 0),
      kept,
    );
  }
});

test('what db:squash has put aside long ago goes, but not while a run is open, and not through a link', async () => {
  const root = makeProduct();
  const aside = (name: string, at = LONG_AGO) => {
    const folder = makeStateFolder(root, 'squashed', name);
    mkdirSync(join(folder, '1_a'));
    writeFileSync(join(folder, '1_a/migration.sql'), 'SELECT 1;');
    utimesSync(folder, new Date(at), new Date(at));
  };
  aside('1_old');
  aside('2_young', new Date().toISOString());
  symlinkSync(root, join(root, '.drydock/squashed/3_link'));
  const open = put(root, '01OPEN', undefined);
  const left = () => readdirSync(join(root, '.drydock/squashed')).sort();
  await runTaskForTest(opsPrune, root, ['--yes']);
  assert.equal(left(), ['1_old', '2_young', '3_link']);
  rmSync(open, { recursive: true });
  const planned = await runTaskForTest(opsPrune, root, ['--plan']);
  assert.match(planned.said.join('\n'), 'remove .drydock/squashed/1_old, put aside before');
  const { outcome, error } = await runTaskForTest(opsPrune, root, ['--yes']);
  assert.is(error, undefined);
  assert.match(outcome?.verdict ?? '', '1 put aside removed');
  assert.equal(left(), ['2_young', '3_link']);
});

test.run();
