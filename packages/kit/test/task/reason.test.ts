// Uses PostgreSQL; tasks run as processes of their own.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { withPostgres } from '../../src/postgres.ts';
import { Secret } from '../../src/secret.ts';
import { bareEnvironment } from '../../src/testing/index.ts';
import { makeProduct } from '../product.ts';

const test = suite('reasons and names of people');
const FIXTURE = join(import.meta.dirname, '../fixtures/tasks.ts');
const SECRET = 'correct-horse-battery-9';
const NASTY = `because ${SECRET}\n  7  2026-01-01  forged\u001b[2K \u202e::error::x`;
const KEPT = 'because ***\\n  7  2026-01-01  forged\\u001b[2K \\u202e::error::x';
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres();
});
test.after(() => postgres.stop());

function start(root: string, script: string, ...args: string[]): ChildProcess {
  return spawn(process.execPath, [script, '--env', 'staging', ...args], {
    cwd: root,
    env: bareEnvironment({ CI: 'true', TEST_TASK: 'change', DRYDOCK_ACTOR: NASTY }),
  });
}

async function run(...args: Parameters<typeof start>): Promise<{ code: number | null; said: string }> {
  const child = start(...args);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (said += chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  assert.not.match(said, SECRET);
  return { code, said };
}

const read = (url: string, sql: string) =>
  withPostgres(new Secret(url), 'drydock test', async (client) => (await client.query(sql)).rows[0]);

test('are kept on one line, masked, in the lock, the audit log and the journal, and shown so', async () => {
  const url = await postgres.createDatabase();
  const root = makeProduct({ OPS_DATABASE_URL: url, API_KEY: SECRET });
  const child = start(root, FIXTURE, '--stop-in', 'two', '--reason', NASTY);
  const ended = once(child, 'exit');
  while (!existsSync(join(root, 'world')) || !readFileSync(join(root, 'world'), 'utf8').includes('two'))
    await sleep(10);

  const lock = await read(url, 'SELECT owner, reason FROM drydock.operation_lock');
  assert.equal(lock, { owner: KEPT, reason: KEPT });
  const refused = await run(root, FIXTURE);
  assert.is(refused.code, 5);
  const lines = refused.said.trimEnd().split('\n');
  assert.is(lines.length, 3, refused.said);
  assert.match(lines[1] ?? '', `because: ${KEPT}`);

  child.kill('SIGKILL');
  await ended;
  assert.is((await run(root, FIXTURE, '--resume')).code, 0);
  const event = await read(url, 'SELECT actor, reason FROM drydock."AuditEvent"');
  assert.equal(event, { actor: KEPT, reason: KEPT });
  const [id = ''] = readdirSync(join(root, '.drydock/runs'));
  const [begun = ''] = readFileSync(join(root, '.drydock/runs', id, 'journal.jsonl'), 'utf8').split('\n');
  assert.not.match(begun, SECRET);
  assert.is(JSON.parse(begun).data.reason, KEPT);

  const log = await run(root, join(import.meta.dirname, '../../scripts/ops-log.ts'));
  assert.is(log.code, 0, log.said);
  const { count } = await read(url, 'SELECT count(*)::int AS count FROM drydock."AuditEvent"');
  assert.is(log.said.trimEnd().split('\n').length, count + 3, log.said);
});

test('one that nobody can read is refused, and not shown whole', async () => {
  const root = makeProduct();
  const { code, said } = await run(root, FIXTURE, '--reason', 'x'.repeat(120_000));
  assert.is(code, 2);
  assert.match(said, '--reason must be at most 2000 characters (it has 120000), not "xxx');
  assert.ok(said.length < 1_000);
  assert.is((await run(root, FIXTURE, '--reason', '  ')).code, 2);
});

test.run();
