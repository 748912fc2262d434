// Uses no service: real files in a temporary folder.
import '../../src/testing/alone.ts';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { LoadedConfig } from '../../src/config/load.ts';
import { journalFile, openFileJournal } from '../../src/journal/file-journal.ts';
import { openRuns, readJournal as read, readRun, readRuns, refuseDamaged } from '../../src/journal/read.ts';
import { registerSecret } from '../../src/redact.ts';
import { Secret } from '../../src/secret.ts';
import { giveUp } from '../../src/task/left.ts';

const test = suite('journal');
const root = mkdtempSync(join(tmpdir(), 'drydock-journal-'));
test.after(() => rmSync(root, { recursive: true }));

const config = { root, file: join(root, 'drydock.config.ts'), product: 'shop' } as LoadedConfig;
const readJournal = (...[folder, run]: Parameters<typeof read>) => {
  const journal = read(folder, run);
  if (!journal) throw new Error(`no journal of ${run}`);
  return journal;
};
const identity = (run: string) => ({ run, task: 'db:deploy', env: 'staging' });

test('a run is open until it says that it ended', async () => {
  const journal = openFileJournal(root, identity('01A'));
  await journal.append({ event: 'run.started', data: { argv: [] } });
  await journal.append({ event: 'step.started', step: 'one' });
  assert.equal(
    openRuns(root, 'db:deploy', 'staging').map(({ run }) => run),
    ['01A'],
  );
  await journal.append({ event: 'run.done' });
  assert.equal(openRuns(root, 'db:deploy', 'staging'), []);
});

test('a half-written last line is tolerated, told, and cut off by the next write', async () => {
  const journal = openFileJournal(root, identity('01B'));
  await journal.append({ event: 'run.started', data: {} });
  await journal.append({ event: 'step.started', step: 'one' });
  appendFileSync(journalFile(root, '01B'), '{"at":"2026-01-01T00:00:00Z","eve');
  assert.is(readRun(root, '01B').truncated, true);
  await openFileJournal(root, identity('01B')).append({ event: 'run.resumed' });
  const { entries, truncated } = readJournal(root, '01B');
  assert.is(truncated, false);
  assert.equal(
    entries.map(({ event, seq }) => `${seq} ${event}`),
    ['1 run.started', '2 step.started', '3 run.resumed'],
  );
});

test('a damaged journal stops its own run alone, and can be set aside', async () => {
  const identity = '"run":"01C","task":"db:deploy","env":"staging"';
  mkdirSync(join(root, '.drydock/runs/01C'), { recursive: true });
  writeFileSync(
    journalFile(root, '01C'),
    `{${identity},"at":"t","seq":1,"event":"run.started","data":{}}\nnonsense\n{${identity},"at":"t","seq":3,"event":"step.done","step":"x"}\n`,
  );
  const damaged = readRun(root, '01C');
  assert.equal([damaged.status, damaged.damaged, [...damaged.steps.keys()]], ['open', [2], ['x']]);
  assert.throws(
    () => refuseDamaged(root, damaged),
    /Line 2 of .*01C.* cannot be read: the journal of db:deploy on staging/,
  );
  assert.equal(openRuns(root, 'db:backup', 'staging'), [], 'another task goes on');
  await giveUp(config, damaged, 'by a test');
  assert.not(openRuns(root, 'db:deploy', 'staging').some(({ run }) => run === '01C'));
});

test('a journal whose first line is damaged is still known as a run', async () => {
  mkdirSync(join(root, '.drydock/runs/01CC'), { recursive: true });
  writeFileSync(
    journalFile(root, '01CC'),
    '{"run":\n{"run":"01CC","task":"db:deploy","env":"staging","at":"t","seq":2,"event":"step.started","step":"x"}\n',
  );
  const state = readRun(root, '01CC');
  assert.equal([state.task, state.status, state.damaged], ['db:deploy', 'open', [1]]);
  await giveUp(config, state, 'by a test');
});

test('a secret that is also a name in the run changes no name, number or structure', async () => {
  registerSecret('run.done-is-a-password');
  registerSecret('1234567-rows-secret');
  const journal = openFileJournal(root, { run: '01CD', task: 'db:deploy', env: 'run.done-is-a-password' });
  await journal.append({
    event: 'run.started',
    data: { rows: 1234567, '1234567-rows-secret': 'a 1234567-rows-secret' },
  });
  const [entry] = readJournal(root, '01CD').entries;
  assert.is(entry?.env, 'run.done-is-a-password');
  assert.equal(entry?.data, { rows: 1234567, '1234567-rows-secret': 'a ***' });
});

test('a run killed before its first whole line is no run', () => {
  mkdirSync(join(root, '.drydock/runs/01D'), { recursive: true });
  writeFileSync(journalFile(root, '01D'), '{"event":"run.st');
  assert.not(readRuns(root).some(({ run }) => run === '01D'));
});

test('secrets stand in a journal as fingerprints, wherever they come from', async () => {
  const secret = new Secret('correct-horse-battery', 'PASSWORD');
  const journal = openFileJournal(root, identity('01E'));
  await journal.append({ event: 'run.started', data: JSON.parse(JSON.stringify({ secret })) });
  await journal.append({
    event: 'step.failed',
    step: 'x',
    error: { code: 'X', message: 'login with correct-horse-battery failed' },
  });
  const text = readFileSync(journalFile(root, '01E'), 'utf8');
  assert.not.match(text, /correct-horse/);
  assert.match(text, /\{"\$secret":"sha256:[0-9a-f]{12}"\}/);
  assert.match(text, /login with \*\*\* failed/);
});

test('a folder that cannot be written is one sentence', async () => {
  const file = join(root, 'not-a-folder');
  writeFileSync(file, '');
  assert.throws(() => openFileJournal(file, identity('01F')), /cannot be written \(ENOTDIR\)/);
});

const idsOf = (runs: { run: string }[]) => runs.map(({ run }) => run);
const ended = async (folder: string, run: string, event: 'run.done' | 'run.failed' = 'run.done') => {
  const journal = openFileJournal(folder, identity(run));
  await journal.append({ event: 'run.started', data: {} });
  await journal.append({ event });
};

test('a journal that is known to have ended is not read again, until it grows', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'drydock-journal-'));
  await ended(folder, '01A', 'run.failed');
  assert.equal(openRuns(folder), []);
  const file = journalFile(folder, '01A');
  // The same length: were it read, it would be open.
  writeFileSync(file, readFileSync(file, 'utf8').replace('"run.failed"', '"step.done" '));
  assert.equal(openRuns(folder), []);
  await openFileJournal(folder, identity('01A')).append({ event: 'run.resumed', data: {} });
  assert.equal(idsOf(openRuns(folder)), ['01A'], 'killed as soon as it goes on, it is open');
  rmSync(folder, { recursive: true });
});

test('what is known of journals is made again where it is lost, cut off, or of another time', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'drydock-journal-'));
  await ended(folder, '01A');
  const open = openFileJournal(folder, identity('01B'));
  await open.append({ event: 'run.started', data: {} });
  const summary = (run: string) => join(folder, '.drydock/runs', run, 'summary.json');
  assert.equal(idsOf(openRuns(folder)), ['01B']);
  const known = readFileSync(summary('01A'), 'utf8');
  rmSync(summary('01A'));
  assert.equal(idsOf(openRuns(folder)), ['01B']);
  assert.is(readFileSync(summary('01A'), 'utf8'), known);
  writeFileSync(summary('01A'), known.slice(0, 20));
  // A summary that says of an open run that it has ended is of another length.
  writeFileSync(summary('01B'), known);
  assert.equal(idsOf(openRuns(folder)), ['01B']);
  assert.equal(idsOf(readRuns(folder)), ['01A', '01B']);
  assert.equal(idsOf(readRuns(folder, { of: (task) => task === 'db:backup' })), []);
  rmSync(folder, { recursive: true });
});

test('a run keeps room on the disk for its end, and gives it back', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'drydock-journal-'));
  const reserve = join(folder, '.drydock/runs/01A/reserve');
  const journal = openFileJournal(folder, identity('01A'));
  await journal.append({ event: 'run.started', data: {} });
  assert.is(readFileSync(reserve).length, 32_768);
  await journal.append({ event: 'run.failed' });
  assert.not(existsSync(reserve));
  rmSync(folder, { recursive: true });
});

test.run();
