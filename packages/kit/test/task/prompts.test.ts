// Uses PostgreSQL; tasks run on terminals of their own, and somebody types.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readRuns } from '../../src/journal/read.ts';
import { LOCK_KEY, LOCK_SPACE } from '../../src/lock/session.ts';
import { databaseOf, withPostgres } from '../../src/postgres.ts';
import { Secret } from '../../src/secret.ts';
import { Terminal } from '../../src/testing/index.ts';
import { makeProduct, writeEnv } from '../product.ts';

const test = suite('questions');
const SCRIPT = join(import.meta.dirname, '../fixtures/tasks.ts');
const ENTER = '\r';
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres();
});
test.after(() => postgres.stop());

async function product(): Promise<{ root: string; url: string }> {
  const url = await postgres.createDatabase();
  const all = { OPS_DATABASE_URL: url, API_KEY: 'a-very-secret-key' };
  const root = makeProduct(all);
  writeEnv(root, '.env.production', all);
  return { root, url };
}

const env = { TEST_TASK: 'change', DRYDOCK_ACTOR: 'tester' };
const onTerminal = (root: string, ...args: string[]) => new Terminal(root, [SCRIPT, ...args], env);

async function unattended(root: string, ...args: string[]): Promise<{ code: number | null; said: string }> {
  const child = spawn(process.execPath, [SCRIPT, ...args], {
    cwd: root,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, CI: 'true', ...env },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (said += chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, said };
}

const reasons = (url: string) =>
  withPostgres(new Secret(url), 'drydock test', async (client) => {
    const { rows } = await client.query<{ reason: string | null }>(
      `SELECT reason FROM drydock."AuditEvent" WHERE outcome = 'done' ORDER BY seq`,
    );
    return rows.map(({ reason }) => reason);
  });

test('a name that is mistyped and a reason that is left out are asked for again', async () => {
  const { root, url } = await product();
  const terminal = onTerminal(root, '--env', 'production');
  await terminal.sees('test:change changes production. Type its name to go on');
  terminal.type(`prodution${ENTER}`);
  await terminal.sees('"prodution" is not production. Type production to go on');
  terminal.type(`production${ENTER}`);
  await terminal.sees('Why? (kept in the audit log of production)');
  terminal.type(ENTER);
  await terminal.sees('will ask why test:change was run on production');
  terminal.type(`because of the tide${ENTER}`);
  assert.is(await terminal.ended(), 0, terminal.seen);
  assert.equal(await reasons(url), ['because of the tide']);
  const first = terminal.seen.trim().split('\r\n')[0] ?? '';
  assert.match(first, /^test:change on production \(database 127\.0\.0\.1:\d+\/\w+\)$/);
  assert.match(first, databaseOf(new Secret(url)));
});

test('who mistypes it three times is refused (exit 4), and nothing was changed', async () => {
  const { root } = await product();
  const terminal = onTerminal(root, '--env', 'production');
  await terminal.sees('Type its name to go on');
  for (const typed of ['a', 'b']) {
    terminal.type(typed + ENTER);
    await terminal.sees(`"${typed}" is not production`);
  }
  terminal.type(`c${ENTER}`);
  assert.is(await terminal.ended(), 4);
  assert.not.ok(existsSync(join(root, 'world')));
});

test('a question that is left open holds nobody off; what was agreed to must still hold', async () => {
  const { root } = await product();
  const terminal = onTerminal(root, '--env', 'production', '--reason', 'tide');
  await terminal.sees('write three');
  await terminal.sees('Type its name to go on');
  // Somebody else works on the same environment meanwhile, and with what they did there is something else to do.
  const other = await unattended(root, '--env', 'production', '--yes', '--confirm', 'production', '--reason', 'ebb');
  assert.is(other.code, 0, other.said);
  writeFileSync(join(root, 'lines'), 'four\n');
  terminal.type(`production${ENTER}`);
  await terminal.sees('Something else has changed meanwhile');
  await terminal.sees('write four');
  await terminal.sees('Type its name to go on');
  terminal.type(`production${ENTER}`);
  assert.is(await terminal.ended(), 0, terminal.seen);
  assert.is(readFileSync(join(root, 'world'), 'utf8'), 'one\ntwo\nthree\nfour\n');
});

test('who would have to wait for the lock hears so before a question', async () => {
  const { root, url } = await product();
  await withPostgres(new Secret(url), 'drydock test', async (client) => {
    await client.query('SELECT pg_advisory_lock($1, $2)', [LOCK_SPACE, LOCK_KEY]);
    const terminal = onTerminal(root, '--env', 'production');
    assert.is(await terminal.ended(), 5, terminal.seen);
    assert.not.match(terminal.seen, 'Type its name');
  });
});

/** Begun for a reason, and killed in its second step, which then may go on. */
async function killed(root: string): Promise<string> {
  const args = ['--env', 'production', '--yes', '--confirm', 'production', '--reason', 'tide', '--stop-in', 'two'];
  const child = spawn(process.execPath, [SCRIPT, ...args], {
    cwd: root,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, CI: 'true', ...env },
  });
  child.stdout.on('data', (chunk) => String(chunk).includes('hanging') && child.kill('SIGKILL'));
  await once(child, 'close');
  writeFileSync(join(root, 'go-on'), '');
  return readRuns(root).at(-1)?.run ?? '';
}

test('a run that did not end is told with its task, step, reason and actor; its own reason is kept', async () => {
  const { root, url } = await product();
  const run = await killed(root);
  const terminal = onTerminal(root, '--env', 'production');
  await terminal.sees(`Run ${run} of test:change on production did not end: begun`);
  await terminal.sees('Go on with it?');
  const told = terminal.seen.replaceAll(/[\s│]+/g, ' ');
  assert.match(told, 'by tester');
  assert.match(told, 'it came to "two" (started), because: tide');
  terminal.type('y');
  await terminal.sees('Type its name to go on');
  terminal.type(`production${ENTER}`);
  assert.is(await terminal.ended(), 0, terminal.seen);
  assert.equal(await reasons(url), ['tide'], 'nobody is asked again for what is known');
});

test('why somebody goes on is kept beside why it was begun', async () => {
  const { root, url } = await product();
  const run = await killed(root);
  const args = ['--env', 'production', '--yes', '--confirm', 'production', '--resume', run, '--reason', 'ebb'];
  const { code, said } = await unattended(root, ...args);
  assert.is(code, 0, said);
  assert.equal(await reasons(url), ['tide (gone on with: ebb)']);
});

test.run();
