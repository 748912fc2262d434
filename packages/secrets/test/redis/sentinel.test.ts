// Uses Redis: a master, a replica, and a Sentinel that watches them.
import { readFileSync } from 'node:fs';
import type { OpsError } from '@drydock/kit';
import { startTestRedis, type TestRedis } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { holding, logIn, rotatorFor, say, urlIn } from './world.ts';

const test = suite('a Redis that a Sentinel watches');
const running: TestRedis[] = [];
test.after(async () => void (await Promise.all(running.map((redis) => redis.stop()))));

async function started(...options: Parameters<typeof startTestRedis>): Promise<TestRedis> {
  const redis = await startTestRedis(...options);
  running.push(redis);
  return redis;
}
async function until(what: string, is: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await is()); tries++) {
    assert.ok(tries < 400, what);
    await new Promise((done) => setTimeout(done, 50));
  }
}
const refusal = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: OpsError) => error,
  );

test('it is named with its master; rotated by the address of that, a failover finds the new password and not the old', async () => {
  const users = `${readFileSync((await started()).acl ?? '', 'utf8')}
user replicator on >replicate +psync +replconf +ping
user sentinel on >watch allchannels +multi +slaveof +ping +exec +subscribe +config|rewrite +role +publish +info +client|setname +client|kill +script|kill
`;
  const own = ['--masteruser', 'replicator', '--masterauth', 'replicate'];
  const config = 'repl-diskless-sync-delay 0\n';
  const master = await started({ acl: users, config, args: own });
  const replica = await started({ acl: users, config, args: [...own, '--replicaof', `127.0.0.1 ${master.port}`] });
  await until('the replica follows', async () =>
    String(await say(master.operatorUrl, ['INFO', 'replication'])).includes('state=online'),
  );
  const watches = [
    'monitor shop 127.0.0.1 '.concat(String(master.port), ' 1'),
    'auth-user shop sentinel',
    'auth-pass shop watch',
  ];
  const sentinel = await started({
    acl: null,
    config: [...watches, 'down-after-milliseconds shop 60000'].map((line) => `sentinel ${line}\n`).join(''),
    args: ['--sentinel'],
  });
  const watched = `redis://127.0.0.1:${sentinel.port}`;
  await until('the Sentinel knows the replica', async () =>
    JSON.stringify(await say(watched, ['SENTINEL', 'REPLICAS', 'shop'])).includes(String(replica.port)),
  );

  const there = (url: string, { port }: TestRedis) => url.replace(`:${master.port}`, `:${port}`);
  for (const [variable, urls] of [
    ['OPS_REDIS_URL', { url: master.url, operatorUrl: there(master.operatorUrl, sentinel) }],
    ['REDIS_URL', { url: there(master.url, sentinel), operatorUrl: master.operatorUrl }],
  ] as const) {
    const error = await refusal((await rotatorFor(urls)).refuse(holding(urls.url)));
    assert.is(error?.code, 'REDIS_IS_SENTINEL', `${variable}: ${error?.message}`);
    assert.match(error?.message ?? '', `127.0.0.1:${sentinel.port}, in ${variable}, is a Sentinel`);
    assert.match(error?.message ?? '', `(shop at 127.0.0.1:${master.port})`);
    assert.match(String(error?.hint), `Set ${variable} to the master's own address`);
  }

  const rotator = () => rotatorFor({ url: master.url, operatorUrl: master.operatorUrl });
  const old = holding(master.url);
  await (await rotator()).refuse(old);
  const next = await (await rotator()).make(old);
  for (const phase of ['add', 'validate', 'retire'] as const) await (await rotator())[phase](old, next);
  assert.is((await (await rotator()).proof(old, next)).verdict, 'dead');
  assert.is(await say(watched, ['SENTINEL', 'FAILOVER', 'shop']), 'OK');
  await until('the replica is the master', async () =>
    String(await say(there(master.operatorUrl, replica), ['INFO', 'replication'])).includes('role:master'),
  );
  assert.is(await logIn(there(urlIn(next), replica)), 'OK');
  assert.match(await logIn(there(master.url, replica)), 'WRONGPASS');
});

test.run();
