// Uses PostgreSQL; the task runs as a process.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readHolder } from '../../src/lock/environment.ts';
import { withPostgres } from '../../src/postgres.ts';
import { Secret } from '../../src/secret.ts';
import { taskFile } from '../../src/task/wired.ts';
import { makeProduct } from '../product.ts';

const test = suite('ops:lock');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres();
});
test.after(() => postgres.stop());

test('Ctrl-C gives the lock back, says so, and is its ordinary end', async () => {
  const url = await postgres.createDatabase();
  const root = makeProduct({ OPS_DATABASE_URL: url });
  const holder = () => withPostgres(new Secret(url), 'drydock test', readHolder);
  const child = spawn(process.execPath, [taskFile('ops:lock'), '--env', 'staging', '--reason', 'freeze'], {
    cwd: root,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, CI: 'true' },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  const ended = once(child, 'close');
  while (!said.includes('hold') || !(await holder())) {
    assert.is(child.exitCode, null, said);
    await new Promise((done) => setTimeout(done, 50));
  }
  child.kill('SIGINT');
  assert.is((await ended)[0], 0, said);
  assert.match(said, '✔ The lock of staging is given back.');
  assert.is(await holder(), undefined);
});

test.run();
