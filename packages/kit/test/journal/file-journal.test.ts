// Uses no service: real files in a temporary folder.
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { journalFile, openFileJournal } from '../../src/journal/file-journal.ts';
import { openRuns, readJournal, readRun, readRuns } from '../../src/journal/read.ts';
import { Secret } from '../../src/secret.ts';

const test = suite('journal');
const root = mkdtempSync(join(tmpdir(), 'drydock-journal-'));
test.after(() => rmSync(root, { recursive: true }));

const identity = (run: string) => ({ run, task: 'db:deploy', env: 'staging' });

test('a run is open until it says that it ended', () => {
  const journal = openFileJournal(root, identity('01A'));
  journal.append({ event: 'run.started', data: { argv: [] } });
  journal.append({ event: 'step.started', step: 'one' });
  assert.equal(
    openRuns(root, 'db:deploy', 'staging').map(({ run }) => run),
    ['01A'],
  );
  journal.append({ event: 'run.done' });
  assert.equal(openRuns(root, 'db:deploy', 'staging'), []);
});

test('a half-written last line is tolerated, told, and cut off by the next write', () => {
  const journal = openFileJournal(root, identity('01B'));
  journal.append({ event: 'run.started', data: {} });
  journal.append({ event: 'step.started', step: 'one' });
  appendFileSync(journalFile(root, '01B'), '{"at":"2026-01-01T00:00:00Z","eve');
  assert.is(readRun(root, '01B').truncated, true);
  openFileJournal(root, identity('01B')).append({ event: 'run.resumed' });
  const { entries, truncated } = readJournal(root, '01B');
  assert.is(truncated, false);
  assert.equal(
    entries.map(({ event, seq }) => `${seq} ${event}`),
    ['1 run.started', '2 step.started', '3 run.resumed'],
  );
});

test('a damaged line in the middle is refused by number', () => {
  mkdirSync(join(root, '.drydock/runs/01C'), { recursive: true });
  writeFileSync(journalFile(root, '01C'), '{"event":"run.started"}\nnonsense\n{"event":"run.done"}\n');
  assert.throws(() => readRun(root, '01C'), /Line 2 of .* is not JSON/);
  rmSync(join(root, '.drydock/runs/01C'), { recursive: true });
});

test('a run killed before its first whole line is no run', () => {
  mkdirSync(join(root, '.drydock/runs/01D'), { recursive: true });
  writeFileSync(journalFile(root, '01D'), '{"event":"run.st');
  assert.not(readRuns(root).some(({ run }) => run === '01D'));
});

test('secrets stand in a journal as fingerprints, wherever they come from', () => {
  const secret = new Secret('correct-horse-battery', 'PASSWORD');
  const journal = openFileJournal(root, identity('01E'));
  journal.append({ event: 'run.started', data: JSON.parse(JSON.stringify({ secret })) });
  journal.append({
    event: 'step.failed',
    step: 'x',
    error: { code: 'X', message: 'login with correct-horse-battery failed' },
  });
  const text = readFileSync(journalFile(root, '01E'), 'utf8');
  assert.not.match(text, /correct-horse/);
  assert.match(text, /\{"\$secret":"sha256:[0-9a-f]{12}"\}/);
  assert.match(text, /login with \*\*\* failed/);
});

test('a folder that cannot be written is one sentence', () => {
  const file = join(root, 'not-a-folder');
  writeFileSync(file, '');
  assert.throws(() => openFileJournal(file, identity('01F')), /cannot be written \(ENOTDIR\)/);
});

test.run();
