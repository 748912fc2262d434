// Uses Redis.
import { readFileSync } from 'node:fs';
import { LeakScan } from '@drydock/kit/testing';
import { startTestRedis, type TestRedis } from '@drydock/sandbox/testing';
import { Redis } from 'ioredis';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { holding, logIn, namedFor, quiet, rotatorFor, say, urlIn } from './world.ts';

const test = suite('who still uses an old password of Redis');
let redis: TestRedis;
test.before.each(async () => {
  redis = await startTestRedis({
    args: ['--slowlog-log-slower-than', '0', '--slowlog-max-len', '10000', '--loglevel', 'debug'],
  });
});
test.after.each(() => redis.stop());

const fresh = (more = {}) => rotatorFor({ url: redis.url, operatorUrl: redis.operatorUrl, ...more });
const sleep = (ms: number) => new Promise((done) => setTimeout(done, ms));

test('each connection of another generation is named by address, id and age; what has none cannot be told', async () => {
  const old = holding(redis.url);
  const rotator = await fresh();
  const next = await rotator.make(old);
  await rotator.add(old, next);
  const pool = quiet(redis.url, namedFor(old));
  const nameless = quiet(urlIn(next));
  const current = quiet(urlIn(next), namedFor(next));
  for (const client of [pool, nameless, current]) await client.connect();
  await sleep(1_100);
  const found = await rotator.stragglers(old, next);
  const [former, unnamed] = [
    found.find(({ who }) => who.startsWith('shop:')),
    found.find(({ who }) => !who.startsWith('shop:')),
  ];
  assert.is(found.length, 2);
  assert.is(former?.who, `shop:${old.REDIS_URL?.fingerprint()}`);
  assert.match(former?.host ?? '', /^127\.0\.0\.1:\d+$/);
  assert.is(former?.pid, `client ${await pool.client('ID')} of 127.0.0.1:${redis.port}`);
  assert.ok((former?.ageSeconds ?? 0) >= 1);
  assert.match(former?.state ?? '', /^opened with another value \(sha256:[0-9a-f]{12}\), idle for \d+ s$/);
  assert.match(unnamed?.state ?? '', 'cannot be told');

  const said: string[] = [];
  const passing = await fresh({ secret: { unnamed: 'pass' }, onLine: (line: string) => said.push(line) });
  assert.is((await passing.stragglers(old, next)).length, 1);
  assert.match(said.join(), 'has no generation in its name');

  await rotator.retire(old, next);
  assert.equal(
    [pool.status, nameless.status, current.status],
    ['end', 'ready', 'ready'],
    'retire ends the old generation',
  );
  assert.is((await rotator.stragglers(old, next)).length, 1, 'who cannot be told is not gone');
  nameless.disconnect();
  current.disconnect();
});

test('a client that says its name after its login, and one that comes and goes, use no old password; one that stays nameless may', async () => {
  const old = holding(redis.url);
  const rotator = await fresh();
  const next = await rotator.make(old);
  await rotator.add(old, next);
  const late = quiet(urlIn(next));
  const short = quiet(urlIn(next));
  for (const client of [late, short]) await client.connect();
  const looking = rotator.stragglers(old, next);
  await sleep(300);
  await late.client('SETNAME', `shop:${next.REDIS_URL?.fingerprint()}`);
  short.disconnect();
  assert.equal(await looking, []);
  const nameless = quiet(urlIn(next));
  await nameless.connect();
  const [one, ...more] = await rotator.stragglers(old, next);
  assert.equal([one?.pid, more], [`client ${await nameless.client('ID')} of 127.0.0.1:${redis.port}`, []]);
  late.disconnect();
  nameless.disconnect();
});

test('in an emergency the old one is refused and all of its connections are gone within two seconds', async () => {
  const old = holding(redis.url);
  const rotator = await fresh({ emergency: true });
  const next = await rotator.make(old);
  await rotator.add(old, next);
  const all = Array.from({ length: 20 }, (_, n) => quiet(redis.url, n % 2 ? namedFor(old) : {}));
  for (const client of all) await client.connect();
  // Comes back by itself, as a product's does.
  const product = new Redis(urlIn(next), { ...namedFor(next), maxRetriesPerRequest: 1 });
  await product.set('k', 'v');
  const began = Date.now();
  await rotator.retire(old, next);
  const took = Date.now() - began;
  assert.match(await logIn(redis.url), 'WRONGPASS');
  assert.equal([...new Set(all.map(({ status }) => status))], ['end']);
  assert.is(await product.get('k'), 'v');
  assert.ok(took < 2_000, `${took} ms`);
  product.disconnect();
});

test('no password in plain reaches what Redis shows or keeps, nor the arguments of a process', async () => {
  const old = holding(redis.url);
  const seen: string[] = [];
  // A user of the test's own: the operator's may not listen.
  await say(redis.operatorUrl, ['ACL', 'SETUSER', 'watcher', 'on', '>watching', '+@all', '~*', '&*']);
  const watcher = quiet(redis.url.replace(/\/\/[^@]+@/, '//watcher:watching@'));
  await watcher.connect();
  const monitor = await watcher.monitor();
  monitor.on('monitor', (_time: string, args: string[], source: string) => seen.push(`${source} ${args.join(' ')}`));
  const rotator = await fresh();
  const next = await rotator.make(old);
  const third = await rotator.make(old);
  const scan = new LeakScan({ old: redis.url, next: urlIn(next), third: urlIn(third) });
  const watched = scan.watchArguments();
  const lists: string[] = [];
  const listed = async () => lists.push(String(await watcher.client('LIST')));
  const run = async (work: Promise<unknown>) => {
    await Promise.all([work.catch(() => {}), listed()]);
    await listed();
  };
  const product = quiet(redis.url, namedFor(old));
  await product.connect();
  await run(rotator.refuse(old));
  for (const phase of ['add', 'validate', 'stragglers', 'retire', 'proof'] as const)
    await run(rotator[phase](old, next) as Promise<unknown>);
  await run(rotator.add(next, third));
  await run(rotator.withdraw(next, third));
  await logIn(redis.url);
  await say(redis.operatorUrl, ['GET', 'not-allowed']);
  watched.stop();
  scan.text('MONITOR', seen.join('\n'));
  scan.text('CLIENT LIST', lists.join('\n'));
  scan.text('SLOWLOG', JSON.stringify(await watcher.call('SLOWLOG', 'GET', '-1')));
  scan.text('ACL LOG', JSON.stringify(await watcher.call('ACL', 'LOG')));
  scan.text('ACL LIST', JSON.stringify(await watcher.call('ACL', 'LIST')));
  scan.folder(redis.folder);
  assert.equal(scan.leaks, []);
  assert.ok(seen.length > 5 && lists.join().includes('user=app') && scan.looked.processes > 0);
  assert.match(JSON.stringify(await watcher.call('SLOWLOG', 'GET', '-1')), 'SETUSER');
  assert.match(readFileSync(redis.logFile, 'utf8'), 'Accepted');
  // A planted one is found.
  const planted = quiet(redis.operatorUrl, { connectionName: new URL(urlIn(next)).password });
  await planted.connect();
  assert.is(scan.text('planted', String(await watcher.client('LIST'))).leaks.length, 1);
  for (const client of [planted, product, monitor, watcher]) client.disconnect();
});

test.run();
