// Uses Redis, under load of two processes. All rotations of an evening with --thorough; otherwise two.
import { setTimeout as sleep } from 'node:timers/promises';
import { sampleRounds, THOROUGH } from '@drydock/kit/testing';
import { startTestRedis, type TestRedis } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Values } from '../../src/values.ts';
import { startWorkers } from './load.ts';
import { holding, logIn, passwordsOf, quiet, rotatorFor, say, urlIn } from './world.ts';

const PER_SECOND = 200;
const ROTATIONS = Array.from({ length: 20 }, (_, n) => n);
const LEAST = THOROUGH ? 50_000 : 500;

const test = suite('Redis under load');
let redis: TestRedis;
test.before.each(async () => {
  redis = await startTestRedis();
});
test.after.each(() => redis.stop());

const fresh = (url: string, emergency = false) => rotatorFor({ url, operatorUrl: redis.operatorUrl, emergency });

async function untilNobody(old: Values, next: Values): Promise<void> {
  for (let tries = 0; ; tries++) {
    const left = await (await fresh(urlIn(old))).stragglers(old, next);
    if (left.length === 0) return;
    assert.ok(tries < 200, JSON.stringify(left));
    await sleep(50);
  }
}

test(`${PER_SECOND} operations a second over one rotation after another: none fails`, async () => {
  const workers = await startWorkers(redis.url, { perSecond: PER_SECOND });
  const began = Date.now();
  const rounds = sampleRounds(ROTATIONS, 2);
  let old = holding(redis.url);
  for (const [round, _] of rounds.entries()) {
    await (await fresh(urlIn(old))).refuse(old);
    const next = await (await fresh(urlIn(old))).make(old);
    await (await fresh(urlIn(old))).add(old, next);
    await (await fresh(urlIn(old))).validate(old, next);
    assert.ok((await (await fresh(urlIn(old))).stragglers(old, next)).length >= 2, 'both processes use the old one');
    await workers.restart(urlIn(next));
    await untilNobody(old, next);
    await (await fresh(urlIn(old))).retire(old, next);
    assert.is((await (await fresh(urlIn(old))).proof(old, next)).verdict, 'dead');
    old = next;
    // So that all of them together see as many operations as are asked for.
    const due = began + ((round + 1) / rounds.length) * (LEAST / PER_SECOND) * 1_000;
    await sleep(Math.max(0, due - Date.now()));
  }
  await sleep(500);
  const { done, failed } = await workers.stop();
  console.log(`  ${done} operations, ${rounds.length} rotations, ${failed.length} failed`);
  assert.equal(failed, []);
  assert.ok(done >= LEAST, `${done} operations`);
  assert.is((await passwordsOf(redis)).length, 1);
});

test('connections that are ended while the new one is set lose nothing', async () => {
  const old = holding(redis.url);
  const next = await (await fresh(redis.url)).make(old);
  await (await fresh(redis.url)).add(old, next);
  const workers = await startWorkers(urlIn(next), { perSecond: PER_SECOND });
  for (const _ of [1, 2, 3]) {
    await sleep(300);
    assert.ok(Number(await say(redis.operatorUrl, ['CLIENT', 'KILL', 'USER', 'app'])) >= 2);
  }
  await (await fresh(redis.url, true)).retire(old, next);
  await sleep(500);
  const { done, failed } = await workers.stop();
  assert.equal(failed, []);
  assert.ok(done > PER_SECOND);
});

test('the control: a password that is replaced at once fails who comes back with the old one', async () => {
  const workers = await startWorkers(redis.url, { perSecond: PER_SECOND });
  await sleep(300);
  await say(redis.operatorUrl, ['ACL', 'SETUSER', 'app', 'resetpass', '>replaced-at-once']);
  await say(redis.operatorUrl, ['CLIENT', 'KILL', 'USER', 'app']);
  await sleep(1_000);
  const { failed } = await workers.stop();
  assert.ok(failed.length > 0, 'the count can fail');
});

test('the old one is refused within five seconds of promote in an emergency', async () => {
  const workers = await startWorkers(redis.url, { perSecond: PER_SECOND });
  const old = holding(redis.url);
  const next = await (await fresh(redis.url)).make(old);
  await (await fresh(redis.url, true)).add(old, next);
  await workers.restart(urlIn(next));
  const thief = quiet(redis.url);
  await thief.connect();
  const promoted = Date.now();
  await (await fresh(redis.url, true)).retire(old, next);
  const took = Date.now() - promoted;
  assert.match(await logIn(redis.url), 'WRONGPASS');
  assert.is(thief.status, 'end');
  const { failed } = await workers.stop();
  assert.equal(failed, []);
  assert.ok(took < 5_000, `${took} ms`);
});

test.run();
