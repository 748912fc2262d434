// Uses strace: processes that are killed at a chosen system call, and calls that fail.
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { failingAt, killedAt, straceIsMissing, tracingDisk } from '../src/testing/index.ts';

const suiteOf = suite('a process that is disturbed at a system call');
const test = straceIsMissing() ? suiteOf.skip : suiteOf;
const folder = () => mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-calls-'));

/** Writes five files, one after the other, with a program of its own in between; prints each. */
const PROGRAM = `
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from 'node:fs';
for (const n of [1, 2, 3, 4, 5]) {
  const fd = openSync('new', 'w');
  writeFileSync(fd, String(n));
  fsyncSync(fd);
  closeSync(fd);
  renameSync('new', String(n));
  if (n === 1) { execFileSync('true'); spawn('true'); }
}`;

/** Writes two, the second by a name with its process' id. */
const BY_PID = `
import { writeFileSync } from 'node:fs';
writeFileSync('first', '1');
writeFileSync(String(process.pid), '2');`;

function run(cwd: string, [program = '', ...args]: string[], text = PROGRAM) {
  writeFileSync(join(cwd, 'program.mjs'), text);
  return promisify(execFile)(program, [...args, process.execPath, 'program.mjs'], { cwd });
}
const made = (cwd: string) => ['1', '2', '3', '4', '5', 'new'].filter((name) => existsSync(join(cwd, name)));

test('its calls are told in order, each by the number that strace counts it by', async () => {
  const cwd = folder();
  const traced = tracingDisk();
  await run(cwd, traced.through);
  const calls = traced.calls().filter(({ name }) => name === 'fsync' || name.startsWith('rename'));
  assert.equal(
    calls.map(({ name, nth }) => `${name.slice(0, 6)} ${nth}`),
    [1, 2, 3, 4, 5].flatMap((n) => [`fsync ${n}`, `rename ${n}`]),
  );
  assert.equal(calls[4]?.paths, [join(cwd, 'new')]);
});

test('killed before a call it never happens, after it nothing else does', async () => {
  for (const [when, left] of [
    ['before', ['1', '2', 'new']],
    ['after', ['1', '2', '3']],
  ] as const) {
    const cwd = folder();
    const { through, during } = killedAt({ name: 'rename', nth: 3 }, when);
    assert.ok(await during(run(cwd, through).catch(() => {})), when);
    assert.equal(made(cwd), left, when);
  }
  const cwd = folder();
  const { through, during } = killedAt({ name: 'rename', nth: 6 }, 'before');
  assert.not(await during(run(cwd, through)), 'it came to its end');
});

test('a call fails once, and it is told which one', async () => {
  const cwd = folder();
  const { through, hit } = failingAt({ name: 'fsync', nth: 4 }, 'EIO');
  const error = await run(cwd, through).catch((thrown: Error) => thrown);
  assert.equal([hit()?.name, hit()?.nth, hit()?.paths], ['fsync', 4, [join(cwd, 'new')]]);
  assert.match(String((error as { stderr?: string }).stderr), 'EIO');
  assert.equal(made(cwd), ['1', '2', '3', 'new']);
  assert.is(readFileSync(join(cwd, 'new'), 'utf8'), '4');
});

test('of one file, whose name holds the process that writes it, a call fails, and no other', async () => {
  const cwd = folder();
  const { through, hit } = failingAt({ name: 'write', nth: 1, of: `${cwd}/$$` }, 'ENOSPC');
  const error = await run(cwd, through, BY_PID).catch((thrown: Error) => thrown);
  assert.match(String((error as { stderr?: string }).stderr), 'ENOSPC');
  assert.is(hit()?.name, 'write');
  assert.match(hit()?.paths[0] ?? '', new RegExp(`^${cwd}/\\d+$`));
  assert.equal(readFileSync(join(cwd, 'first'), 'utf8'), '1');
});

suiteOf.run();
