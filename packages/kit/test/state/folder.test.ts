// Uses no service: files of this user and, as root, of another.
import '../../src/testing/alone.ts';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { z } from 'zod';
import { loadConfig } from '../../src/config/load.ts';
import type { OpsError } from '../../src/errors.ts';
import { openFileJournal } from '../../src/journal/file-journal.ts';
import { openRuns, readRun, readRuns } from '../../src/journal/read.ts';
import { listDaemons, startDaemon, stopDaemon } from '../../src/process/daemon.ts';
import { readStateFile } from '../../src/state/file.ts';
import { makeConfiguredFolder, makeStateFolder, stateFolder, statePath } from '../../src/state/folder.ts';
import { takeNotices } from '../../src/state/notices.ts';
import { makeProduct } from '../product.ts';

const test = suite('state');
const asRoot = process.getuid?.() === 0 ? test : test.skip;
const NOBODY = 65_534;
const folder = () => mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-state-'));
const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);
test.before.each(() => void takeNotices());

function refusal(work: () => unknown): OpsError {
  try {
    work();
  } catch (error) {
    return error as OpsError;
  }
  throw new Error('was not refused');
}

/** Every file and folder below, with its mode. */
function modesBelow(path: string): string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true }).map((entry) => {
    const file = join(entry.parentPath, entry.name);
    return `${entry.isDirectory() ? 'folder' : 'file'} ${modeOf(file)}`;
  });
}

for (const umask of [0o000, 0o022, 0o077])
  test(`with umask ${umask.toString(8)} folders are 700, files 600, and git ignores them`, async () => {
    const root = folder();
    const before = process.umask(umask);
    try {
      await openFileJournal(root, { run: '01A', task: 'x', env: 'staging' }).append({ event: 'run.started', data: {} });
      await startDaemon(root, {
        name: 'sleeper',
        command: process.execPath,
        args: ['-e', "require('fs').writeFileSync('made', 'x'); setInterval(() => {}, 1000)"],
        env: {},
        cwd: makeStateFolder(root, 'work'),
        logFile: join(statePath(root, 'logs'), 'sleeper.log'),
        private: true,
      });
      while (!existsSync(join(statePath(root, 'work'), 'made'))) await new Promise((done) => setTimeout(done, 20));
      assert.is(process.umask(umask), umask, 'that of a private daemon is its own');
    } finally {
      process.umask(before);
      await stopDaemon(root, 'sleeper', { graceMs: 2_000 });
    }
    assert.is(modeOf(join(root, '.drydock')), '700');
    assert.equal([...new Set(modesBelow(join(root, '.drydock')))].sort(), ['file 600', 'folder 700']);
    assert.is(readFileSync(join(root, '.drydock/.gitignore'), 'utf8'), '*\n');
  });

test('one that was left open is closed', () => {
  const root = folder();
  mkdirSync(join(root, '.drydock/runs'), { recursive: true });
  for (const path of ['.drydock', '.drydock/runs']) chmodSync(join(root, path), 0o777);
  makeStateFolder(root, 'runs');
  assert.equal([modeOf(join(root, '.drydock')), modeOf(join(root, '.drydock/runs'))], ['700', '700']);
});

for (const link of ['.drydock', '.drydock/outbox', '.drydock/outbox/staging'])
  test(`a link in place of ${link} is not followed`, () => {
    const root = folder();
    const elsewhere = folder();
    mkdirSync(join(root, link, '..'), { recursive: true });
    symlinkSync(elsewhere, join(root, link));
    const error = refusal(() => makeStateFolder(root, 'outbox', 'staging'));
    assert.equal([error.code, error.exit], ['STATE_NOT_OURS', 2]);
    assert.match(error.message, `${join(root, link)} is a link`);
    assert.equal(readdirSync(elsewhere), []);
  });

test('no name leads out', () => {
  const root = folder();
  for (const name of ['../x', '..', '.', '', 'a/b', 'a\0b']) assert.throws(() => statePath(root, 'runs', name));
  for (const run of ['../../else', '..', 'a/b', ''])
    assert.is(refusal(() => readRun(root, run)).code, 'RUN_UNKNOWN', run);
});

test('what the config puts below .drydock lies in the state, what it puts elsewhere does not', async () => {
  const root = makeProduct();
  const { path } = await loadConfig(undefined, root);
  assert.is(path('.drydock/health'), join(root, '.drydock/health'));
  assert.is(path('./.drydock/health'), join(root, '.drydock/health'));
  assert.is(path('/var/x'), '/var/x');
  makeConfiguredFolder(root, path('.drydock/health'));
  assert.is(modeOf(join(root, '.drydock')), '700');
  makeConfiguredFolder(root, join(root, 'ops/rules'));
  assert.ok(existsSync(join(root, 'ops/rules')));
});

const schema = z.object({ n: z.int() });

test('a file that is not what it should be is set aside, and told of by name', () => {
  const root = folder();
  const file = join(makeStateFolder(root, 'x'), 'n.json');
  for (const text of ['{', '{"n":"one"}', 'null', '', '[]', '{"n":1}\0']) {
    writeFileSync(file, text);
    assert.is(readStateFile(file, schema), undefined, text);
    assert.is(existsSync(file), false);
    const [told = ''] = takeNotices();
    assert.match(told, file);
    assert.match(told, 'set aside');
  }
  writeFileSync(file, '{"n":1}');
  assert.equal(readStateFile(file, schema), { n: 1 });
  assert.equal(takeNotices(), []);
});

test('a link or a folder in place of a file is set aside, and not followed', () => {
  const root = folder();
  const target = join(root, 'target.json');
  writeFileSync(target, '{"n":1}');
  const file = join(makeStateFolder(root, 'x'), 'n.json');
  symlinkSync(target, file);
  assert.is(readStateFile(file, schema), undefined);
  mkdirSync(file);
  assert.is(readStateFile(file, schema), undefined);
  assert.is(takeNotices().length, 2);
  assert.is(readFileSync(target, 'utf8'), '{"n":1}');
});

test('a record of a process that cannot be one of ours is set aside, and nobody is signalled', async () => {
  const root = folder();
  const processes = makeStateFolder(root, 'processes');
  const record = { name: 'x', processStart: '1', command: 'x', logFile: 'x', stopSignal: 'SIGTERM', startedAt: 'x' };
  const records: Record<string, object> = {
    'zero.json': { ...record, name: 'zero', pid: 0 },
    'init.json': { ...record, name: 'init', pid: 1 },
    'group.json': { ...record, name: 'group', pid: -process.pid },
    'other.json': { ...record, name: '../x', pid: 12_345 },
    'signal.json': { ...record, name: 'signal', pid: 12_345, stopSignal: 'SIGKILL -1' },
    'named.json': { ...record, name: 'else', pid: 12_345 },
  };
  for (const [name, content] of Object.entries(records)) writeFileSync(join(processes, name), JSON.stringify(content));
  assert.equal(await listDaemons(root), []);
  const told = takeNotices();
  for (const name of Object.keys(records))
    assert.ok(
      told.some((text) => text.includes(`/${name} `)),
      name,
    );
});

asRoot("another user's state is left alone: ours lies beside it, and that is said", async () => {
  const root = folder();
  makeStateFolder(root, 'runs');
  chownSync(join(root, '.drydock'), NOBODY, NOBODY);
  assert.is(stateFolder(root), join(root, '.drydock-0'));
  assert.match(takeNotices().join(), `is another operator's (uid ${NOBODY}); what you do is kept in .drydock-0`);
  makeStateFolder(root, 'runs');
  assert.is(readFileSync(join(root, '.drydock-0/.gitignore'), 'utf8'), '*\n');
  chownSync(join(root, '.drydock-0'), NOBODY, NOBODY);
  assert.is(refusal(() => makeStateFolder(root)).code, 'STATE_NOT_OURS');
});

asRoot("another user's file or folder below ours is left where it is, told of, and not believed", () => {
  const root = folder();
  const file = join(makeStateFolder(root, 'x'), 'n.json');
  writeFileSync(file, '{"n":1}', { mode: 0o600 });
  chownSync(file, NOBODY, NOBODY);
  assert.is(readStateFile(file, schema), undefined);
  assert.match(takeNotices().join(), `${file} is another user's (uid ${NOBODY})`);
  assert.ok(existsSync(file));
  chownSync(join(root, '.drydock/x'), NOBODY, NOBODY);
  makeStateFolder(root, 'x');
  assert.equal(readdirSync(join(root, '.drydock')).sort(), ['.gitignore', 'x', 'x.set-aside']);
  assert.match(
    takeNotices().join(),
    `${join(root, '.drydock/x')} belongs to another user (uid ${NOBODY}); it is set aside`,
  );
});

asRoot("another user's journal stands in nobody's way", async () => {
  const root = folder();
  await openFileJournal(root, { run: '01A', task: 'x', env: 'staging' }).append({ event: 'run.started', data: {} });
  chownSync(join(root, '.drydock/runs/01A/journal.jsonl'), NOBODY, NOBODY);
  await openFileJournal(root, { run: '01B', task: 'x', env: 'staging' }).append({ event: 'run.started', data: {} });
  for (const read of [readRuns, openRuns])
    assert.equal(
      read(root).map(({ run }) => run),
      ['01B'],
    );
  assert.match(takeNotices().join(), '01A');
});

test('a journal that tells of another run, or of nothing, is none', () => {
  const root = folder();
  const runs = makeStateFolder(root, 'runs', '01A');
  const entry = { at: 't', run: '01B', task: 'x', env: 'staging', seq: 1, event: 'run.started', data: {} };
  writeFileSync(join(runs, 'journal.jsonl'), `${JSON.stringify(entry)}\n`);
  assert.equal(openRuns(root), []);
  assert.match(takeNotices().join(), 'no line that can be read');
  symlinkSync(makeStateFolder(root, 'elsewhere'), join(root, '.drydock/runs/01C'));
  appendFileSync(join(root, '.drydock/elsewhere/journal.jsonl'), `${JSON.stringify({ ...entry, run: '01C' })}\n`);
  assert.equal(openRuns(root), []);
});

test('a plan that cannot be one makes a journal that cannot be gone on with', () => {
  const root = folder();
  const runs = makeStateFolder(root, 'runs', '01A');
  const entry = {
    at: 't',
    run: '01A',
    task: 'x',
    env: 'staging',
    seq: 1,
    event: 'run.started',
    data: { flags: 'all', pid: -1 },
  };
  writeFileSync(join(runs, 'journal.jsonl'), `${JSON.stringify(entry)}\n`);
  assert.equal(readRun(root, '01A').damaged, [1]);
});

test.run();
