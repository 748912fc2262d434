// Uses bash; the command runs as a process, as people run it.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readWired } from '@drydock/kit/cli';
import { testRoot } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('drydock');
const BIN = join(import.meta.dirname, '../bin/drydock.ts');

function drydock(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((done) =>
    execFile(process.execPath, [BIN, ...args], { env: { ...process.env, NO_COLOR: '1' } }, (error, stdout, stderr) =>
      done({ code: Number(error?.code ?? 0), stdout, stderr }),
    ),
  );
}

test('help lists every task once, under its section of the runbook, in 80 columns', async () => {
  for (const args of [[], ['help'], ['-h']]) {
    const { code, stdout } = await drydock(...args);
    assert.is(code, 0);
    const lines = stdout.split('\n');
    for (const { name } of readWired())
      assert.is(lines.filter((line) => line.startsWith(`  ${name} `)).length, 1, name);
    assert.ok(lines.indexOf('3 Migrations') < lines.findIndex((line) => line.startsWith('  db:deploy ')));
    assert.equal(
      lines.filter((line) => [...line].length > 80),
      [],
    );
  }
});

test('a task runs with its flags and its exit code, and tells its help', async () => {
  const { code, stdout } = await drydock('db:status', '--env', 'stagging');
  assert.is(code, 2);
  assert.match(stdout, 'Did you mean staging?');
  const typo = await drydock('db:status', '--jsn');
  assert.match(typo.stdout, 'npx drydock db:status --help', 'what comes next goes by the same door');
  const help = await drydock('help', 'db:deploy');
  assert.is(help.code, 0);
  assert.match(help.stdout, 'npx drydock db:deploy [flags]');
  assert.is((await drydock('db:deploy', '-h')).stdout, help.stdout);
  assert.match(help.stdout, 'npx drydock db:deploy --env staging');
  assert.match((await drydock('help', 'db:drift')).stdout, 'npx drydock db:drift --env staging > drift.sql');
});

test('a task that is not there is answered with what was probably meant', async () => {
  for (const [typed, meant] of [
    ['db:sttaus', 'db:status'],
    ['dbdeploy', 'db:deploy'],
    ['drill', 'backup:drill'],
  ]) {
    const { code, stderr } = await drydock(typed ?? '');
    assert.is(code, 2);
    assert.match(stderr, `There is no task "${typed}"`);
    assert.match(stderr, `Did you mean ${meant}?`);
  }
  assert.not.match((await drydock('frobnicate')).stderr, 'Did you mean');
});

test('--version says the version', async () => {
  assert.match((await drydock('--version')).stdout, /^\d+\.\d+\.\d+\n$/);
});

test('bash completes tasks with their colon, flags of a task, and values of a flag', async () => {
  const file = join(testRoot('completion'), 'drydock.bash');
  writeFileSync(file, (await drydock('completion', 'bash')).stdout);
  const complete = (line: string) =>
    new Promise<string[]>((done, fail) =>
      execFile(
        'bash',
        [
          '-c',
          `source "$0"; COMP_LINE="$1"; COMP_POINT=\${#1}; _drydock; printf '%s\\n' "\${COMPREPLY[@]}"`,
          file,
          line,
        ],
        (error, stdout) => (error ? fail(error) : done(stdout.split('\n').filter(Boolean))),
      ),
    );
  assert.equal(
    await complete('drydock db:d'),
    ['deploy', 'dev', 'down', 'drift', 'dry-run', 'drop-old'],
    'what bash puts behind db:',
  );
  assert.equal(await complete('drydock conso'), ['console']);
  assert.ok((await complete('drydock db:deploy --')).includes('--plan'));
  assert.equal(await complete('drydock db:deploy --env st'), ['staging']);
  assert.equal(await complete('drydock db:deploy --confirm pro'), ['production']);
  assert.equal(await complete('drydock completion f'), ['fish']);
});

test('a completion for another shell is refused by name, those for zsh and fish name every task', async () => {
  assert.match((await drydock('completion', 'tcsh')).stderr, 'bash, zsh, fish');
  for (const shell of ['zsh', 'fish']) {
    const { stdout } = await drydock('completion', shell);
    for (const { name } of readWired())
      assert.ok(stdout.includes(name.replaceAll(':', shell === 'zsh' ? '\\:' : ':')), name);
  }
});

test.run();
