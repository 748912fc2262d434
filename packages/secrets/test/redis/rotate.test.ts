// Uses Redis.
import { readFileSync } from 'node:fs';
import type { OpsError } from '@drydock/kit';
import { startTestRedis, type TestRedis } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Rotator } from '../../src/rotators/types.ts';
import { isUnknown } from '../../src/unknown.ts';
import { holding, logIn, namedFor, passwordsOf, quiet, rotatorFor, say, startCutter, urlIn } from './world.ts';

const test = suite('rotating a password of Redis');
let redis: TestRedis;
test.before.each(async () => {
  redis = await startTestRedis();
});
test.after.each(() => redis.stop());

const fresh = (more = {}) => rotatorFor({ url: redis.url, operatorUrl: redis.operatorUrl, ...more });
const refusal = (work: Promise<unknown>): Promise<OpsError> =>
  work.then(
    () => assert.unreachable('it was taken') as never,
    (error) => error,
  );

test('old and new are both taken between add and retire, and afterwards the new one alone', async () => {
  const old = holding(redis.url);
  const before = await say(redis.operatorUrl, ['ACL', 'LIST']);
  const rotator = await fresh();
  await rotator.refuse(old);
  const next = await rotator.make(old);
  assert.match(urlIn(next), /^redis:\/\/app:[\w-]{43}@127\.0\.0\.1:\d+$/);
  assert.match(await logIn(urlIn(next)), 'WRONGPASS');
  await rotator.add(old, next);
  assert.equal([await logIn(redis.url), await logIn(urlIn(next))], ['OK', 'OK']);
  assert.is((await rotator.proof(old, next)).verdict, 'alive');
  assert.match(await rotator.validate(old, next), 'login as app at 127.0.0.1');
  assert.is(rotator.promoted(old, next), next);
  assert.equal(await rotator.stragglers(old, next), []);
  await rotator.retire(old, next);
  assert.match(await logIn(redis.url), 'WRONGPASS');
  assert.is(await logIn(urlIn(next)), 'OK');
  const proof = await rotator.proof(old, next);
  assert.is(proof.verdict, 'dead');
  assert.match(proof.says, /login as app at 127\.0\.0\.1:\d+: WRONGPASS/);
  const withoutHash = (text: unknown) => String(text).replaceAll(/#[0-9a-f]{64} ?/g, '');
  assert.is(
    withoutHash(await say(redis.operatorUrl, ['ACL', 'LIST'])),
    withoutHash(before),
    'what they may do is as before',
  );
});

test('withdrawn, it is as if it had never been; what retire has ended cannot be withdrawn', async () => {
  const old = holding(redis.url);
  const rotator = await fresh();
  const next = await rotator.make(old);
  await rotator.withdraw(old, {});
  await rotator.withdraw(old, next);
  await rotator.add(old, next);
  const used = quiet(urlIn(next), { ...namedFor(next) });
  await used.connect();
  await rotator.withdraw(old, next);
  assert.equal([await logIn(redis.url), (await logIn(urlIn(next))).split(' ')[0]], ['OK', 'WRONGPASS']);
  assert.is(used.status, 'end', 'what came in with it is ended');
  await rotator.add(old, next);
  await rotator.retire(old, next);
  assert.is((await refusal(rotator.withdraw(old, next))).code, 'REDIS_WOULD_LOCK_OUT');
  assert.is(await logIn(urlIn(next)), 'OK');
});

test('retire never takes the last password that works', async () => {
  const old = holding(redis.url);
  const rotator = await fresh();
  const next = await rotator.make(old);
  assert.is((await refusal(rotator.retire(old, next))).code, 'REDIS_WOULD_LOCK_OUT');
  assert.is(await logIn(redis.url), 'OK');
});

test('Redis is started again between any two phases', async () => {
  const old = holding(redis.url);
  const next = await (await fresh()).make(old);
  for (const phase of ['add', 'validate', 'stragglers', 'retire', 'proof'] as const) {
    await (await fresh())[phase](old, next);
    await redis.restart();
    assert.is(await logIn(urlIn(next)), 'OK', `after ${phase}`);
    const retired = phase === 'retire' || phase === 'proof';
    assert.match(await logIn(redis.url), retired ? 'WRONGPASS' : 'OK', `after ${phase}`);
  }
});

test('killed before and after each command of each phase, and called again from fresh objects', async () => {
  const cutter = await startCutter(redis.port);
  const through = redis.operatorUrl.replace(String(redis.port), String(cutter.port));
  let cuts = 0;
  let old = holding(redis.url);
  const calls: [keyof Rotator & string, string[]][] = [
    ['refuse', ['OK', 'WRONGPASS']],
    ['add', ['OK', 'OK']],
    ['validate', ['OK', 'OK']],
    ['stragglers', ['OK', 'OK']],
    ['withdraw', ['OK', 'WRONGPASS']],
    ['add', ['OK', 'OK']],
    ['retire', ['WRONGPASS', 'OK']],
    ['proof', ['WRONGPASS', 'OK']],
  ];
  try {
    for (const side of ['before', 'after'] as const) {
      const asked = () => rotatorFor({ url: urlIn(old), operatorUrl: through });
      const next = await (await asked()).make(old);
      for (const [phase, logins] of calls) {
        for (let commands = 0; ; commands++) {
          cutter.at(commands, side);
          const rotator = (await asked()) as unknown as Record<string, (...values: unknown[]) => Promise<unknown>>;
          const ended = await rotator[phase]?.(old, next).then(
            () => undefined,
            (error) => error,
          );
          if (!cutter.wasCut()) {
            assert.is(ended, undefined, `${phase}, uncut`);
            break;
          }
          cuts += 1;
          assert.ok(isUnknown(ended), `${phase} cut ${side} command ${commands}: ${ended?.message}`);
          assert.is((await passwordsOf(redis)).length > 0, true);
        }
        const now = [await logIn(urlIn(old)), await logIn(urlIn(next))].map((said) => said.split(' ')[0]);
        assert.equal(now, logins, `${phase} cut ${side} each command`);
      }
      assert.is((await passwordsOf(redis)).length, 1, 'no second secret is left over');
      old = next;
    }
    assert.ok(cuts > 60, `${cuts} cuts`);
  } finally {
    cutter.stop();
  }
});

test('a user whose name and password are made of what URLs are made of', async () => {
  const user = 'we:ird@/%?#ü&=+';
  const password = 'p@ss:w/o%rd?#';
  await say(redis.operatorUrl, ['ACL', 'SETUSER', user, 'on', `>${password}`, '~*', '+@all', '-acl']);
  const at = `127.0.0.1:${redis.port}/3?family=4`;
  const url = `redis://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${at}`;
  const old = holding(url);
  const rotator = await rotatorFor({ url, operatorUrl: redis.operatorUrl });
  await rotator.refuse(old);
  const next = await rotator.make(old);
  assert.ok(urlIn(next).startsWith(`redis://${encodeURIComponent(user)}:`) && urlIn(next).endsWith(`@${at}`));
  await rotator.add(old, next);
  const used = quiet(url);
  await used.connect();
  const [straggler] = await rotator.stragglers(old, next);
  assert.match(straggler?.state ?? '', 'cannot be told');
  used.disconnect();
  await rotator.retire(old, next);
  assert.is((await rotator.proof(old, next)).verdict, 'dead');
  assert.is(await logIn(urlIn(next)), 'OK');
});

test("the operator's own password rotates by the same kind", async () => {
  const asked = { url: redis.operatorUrl, secret: { operator: 'REDIS_URL' } };
  const old = holding(redis.operatorUrl);
  const next = await (await rotatorFor(asked)).make(old);
  for (const phase of ['refuse', 'add', 'add', 'validate', 'stragglers', 'retire', 'retire'] as const)
    await (await rotatorFor(asked))[phase](old, next);
  assert.is((await (await rotatorFor(asked)).proof(old, next)).verdict, 'dead');
  assert.equal([(await logIn(redis.operatorUrl)).split(' ')[0], await logIn(urlIn(next))], ['WRONGPASS', 'OK']);
});

test('no answer proves nothing: away, starting, or refusing both', async () => {
  const old = holding(redis.url);
  const rotator = await fresh();
  const next = await rotator.make(old);
  await rotator.add(old, next);
  await rotator.retire(old, next);
  await say(redis.operatorUrl, ['ACL', 'SETUSER', 'app', 'off']);
  assert.ok(isUnknown(await refusal(rotator.proof(old, next))), 'a user that is off refuses both');
  await redis.kill();
  const gone = await refusal(rotator.proof(old, next));
  assert.ok(isUnknown(gone));
  assert.match(gone.message, 'ECONNREFUSED');
  for (const phase of ['add', 'validate', 'stragglers', 'retire', 'withdraw'] as const)
    assert.ok(isUnknown(await refusal(rotator[phase](old, next) as Promise<unknown>)), phase);
});

test('the ACL file keeps hashes alone', async () => {
  const old = holding(redis.url);
  const rotator = await fresh();
  const next = await rotator.make(old);
  await rotator.add(old, next);
  const text = readFileSync(redis.acl ?? '', 'utf8');
  assert.is(text.match(/user app .*/)?.[0].match(/#[0-9a-f]{64}/g)?.length, 2);
});

test.run();
