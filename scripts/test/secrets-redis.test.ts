// Uses PostgreSQL and Redis: the password of a stranger's Redis, rotated by the tasks that people type, and killed while it is.

import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  LeakScan,
  linesToKillAt,
  makeStrangeProduct,
  runTaskForTest,
  type TaskProcesses,
  taskProcesses,
} from '@drydock/kit/testing';
import { startTestPostgres, startTestRedis, type TestPostgres, type TestRedis } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { logIn, quiet, say } from '../../packages/secrets/test/redis/world.ts';
import adopt from '../secrets-adopt.ts';
import retire from '../secrets-retire.ts';
import revert from '../secrets-revert.ts';
import rotate from '../secrets-rotate.ts';

const test = suite('secrets of kind redis, by their tasks');
const FIRST = 'first-of-a-shop-7e21';
let postgres: TestPostgres;
let redis: TestRedis;
let root: string;
let tasks: TaskProcesses;
test.before(async () => {
  [postgres, redis] = await Promise.all([
    startTestPostgres(),
    startTestRedis({ acl: `user default off\nuser app on >${FIRST} ~* &* +@all\n` }),
  ]);
  const parity = { nodeEnv: 'production', schema: 'deploy', features: 'all', sentry: 'optional', redis: 'optional' };
  root = makeStrangeProduct(
    {
      environments: { staging: { guard: 'none', parity } },
      secrets: { rotate: { redis: { kind: 'redis' } }, redeploy: { command: [process.execPath, '--version'] } },
    },
    { OPS_DATABASE_URL: await postgres.createDatabase(), REDIS_URL: `redis://app:${FIRST}@127.0.0.1:${redis.port}/1` },
  );
  tasks = taskProcesses(root);
});
test.after(async () => {
  await Promise.all([postgres.stop(), redis.stop()]);
});

const urlNow = (variable = 'REDIS_URL') => {
  const files = ['.env.staging', '.env.staging.local'].flatMap((file) => {
    try {
      return [readFileSync(join(root, file), 'utf8')];
    } catch {
      return [];
    }
  });
  return new RegExp(`^${variable}='?([^'\n]*)`, 'm').exec(files.join('\n'))?.[1] ?? '';
};
const run = (task: Parameters<typeof runTaskForTest>[0], ...args: string[]) =>
  runTaskForTest(task, root, [...args, '--env', 'staging', '--yes']);
const passwords = async () =>
  String(await say(urlNow('OPS_REDIS_URL'), ['ACL', 'LIST']))
    .match(/user app [^,]*/)?.[0]
    .match(/#[0-9a-f]{64}/g)?.length;

test('one user for all is adopted, rotated, and the old one is dead; a straggler keeps it open', async () => {
  const refused = await run(rotate, 'redis');
  assert.is(refused.error?.code, 'REDIS_NO_OPERATOR');
  for (const _ of ['the operator’s user', 'the right of the product’s']) {
    const { error } = await run(adopt, 'redis');
    assert.is(error, undefined, error?.message);
  }
  assert.match(String(await say(urlNow(), ['ACL', 'LIST'])), 'NOPERM');
  const before = urlNow();
  const pool = quiet(before);
  await pool.connect();
  const begun = await run(rotate, 'redis', '--wait', '1s');
  assert.is(begun.error, undefined, begun.error?.message);
  assert.is.not(urlNow(), before);
  assert.equal([await logIn(before), await logIn(urlNow())], ['OK', 'OK']);
  const kept = await run(retire, 'redis', '--wait', '1s');
  assert.is(kept.outcome?.ok, false);
  assert.match(kept.outcome?.findings?.map(({ message }) => message).join() ?? '', /127\.0\.0\.1:\d+ \(client \d+ of/);
  pool.disconnect();
  const ended = await run(rotate, '--continue');
  assert.is(ended.error, undefined, ended.error?.message);
  assert.match(await logIn(before), 'WRONGPASS');
  assert.is(await logIn(urlNow()), 'OK');
});

test('taken back before its end, the one of before is in use again', async () => {
  const before = urlNow();
  const pool = quiet(before);
  await pool.connect();
  await run(rotate, 'redis', '--wait', '1s');
  const made = urlNow();
  assert.is.not(made, before);
  // Nobody can tell which of the two it came in with: it would keep both ways open.
  pool.disconnect();
  const back = await run(revert, 'redis');
  assert.is(back.error, undefined, back.error?.message);
  assert.is(urlNow(), before);
  assert.equal([await logIn(before), (await logIn(made)).split(' ')[0]], ['OK', 'WRONGPASS']);
});

test('an emergency ends who came in with the old one', async () => {
  const before = urlNow();
  const thief = quiet(before);
  await thief.connect();
  const { error } = await run(rotate, 'redis', '--emergency', '--reason', 'in a public log');
  assert.is(error, undefined, error?.message);
  assert.is(thief.status, 'end');
  assert.match(await logIn(before), 'WRONGPASS');
});

test('killed at any line of its journal, what the file holds works, and the run goes on to its end', async () => {
  const whole = await tasks.run('secrets:rotate', 'redis', '--yes');
  assert.is(whole.code, 0, whole.stderr);
  const lines = linesToKillAt(tasks.journal().length, 3);
  let killed = 0;
  for (const line of lines) {
    const before = urlNow();
    // Its lines are counted from none.
    rmSync(join(root, '.drydock/runs'), { recursive: true, force: true });
    killed += Number(await tasks.killAt(line, 'secrets:rotate', 'redis', '--yes'));
    assert.is(await logIn(urlNow()), 'OK', `killed at line ${line}`);
    const resumed = await tasks.run('secrets:rotate', 'redis', '--yes', '--resume');
    assert.is(resumed.code, 0, `killed at line ${line}: ${resumed.stderr}`);
    assert.equal([await logIn(urlNow()), (await logIn(before)).split(' ')[0]], ['OK', 'WRONGPASS'], `line ${line}`);
    assert.is(await passwords(), 1, `line ${line}: no second secret is left over`);
  }
  assert.ok(killed > 0);
});

test('no password of any of them was said or written down', () => {
  const scan = new LeakScan({ product: urlNow(), operator: urlNow('OPS_REDIS_URL'), first: FIRST });
  scan.folder(root, ['.env.staging', '.env.staging.local']);
  assert.ok(scan.looked.files > 3);
  assert.equal(scan.leaks, []);
});

test.run();
