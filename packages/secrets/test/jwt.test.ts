// Uses no service; small products run as processes of their own.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { redact } from '@drydock/kit';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Rotator } from '../src/rotators/types.ts';
import { isUnknown } from '../src/unknown.ts';
import type { Values } from '../src/values.ts';
import { type Fleet, startFleet } from './jwt/fleet.ts';
import {
  ACCESS,
  access,
  hs256,
  keyOf,
  kidsOf,
  type Opening,
  openRotator,
  REFRESH,
  refresh,
  textOf,
  valuesOf,
} from './jwt/open.ts';
import { kidOf, me, renew, signIn } from './jwt/people.ts';

const test = suite('rotation of keys of tokens');
const fleets: Fleet[] = [];
test.after.each(async () => {
  await Promise.all(fleets.splice(0).map((fleet) => fleet.stop()));
});

const NEW = 'k0000000000a1';
const rolling = { signal: new AbortController().signal, onLine() {}, each: async () => {} };

async function fleetOf(env: Record<string, string> = {}): Promise<Fleet> {
  const fleet = await startFleet({ [ACCESS]: hs256('a1'), [REFRESH]: hs256('r1'), ...env });
  fleets.push(fleet);
  return fleet;
}
const oldOf = ({ env }: Fleet, variable = ACCESS) => valuesOf(variable, env[variable] ?? '');

async function deploy(fleet: Fleet, values: Values): Promise<void> {
  fleet.write(values);
  await fleet.redeploy(rolling);
}
const failure = (asked: Promise<unknown>) =>
  asked.then(
    () => undefined,
    (error: Error & { code: string }) => error,
  );
const everywhere = async (fleet: Fleet, token: string) => Promise.all(fleet.urls().map((url) => me(url, token)));

for (const alg of ['EdDSA', 'ES256'])
  test(`a ring of HS256 goes on as it is, and its rotation brings a key of ${alg} without anybody being signed out`, async () => {
    const fleet = await fleetOf();
    const old = oldOf(fleet);
    const rotator = await openRotator({ product: fleet, secret: { ...access, alg } });
    const adoption = await rotator.adoption?.(old);
    assert.equal(adoption?.says, []);
    assert.equal(await adoption?.run(), {});
    await rotator.refuse(old);
    const next = await rotator.make(old);
    await rotator.add(old, next);
    const [one = '', two = ''] = fleet.urls();
    const before = await signIn(one);

    const staged = rotator.staged(old, next);
    assert.equal(kidsOf(staged), ['a1 secret', `${NEW} public`], 'known, and cannot sign');
    await deploy(fleet, staged);
    assert.match(
      await rotator.validate(old, next),
      /takes a token of k0000000000a1, refuses a forged one, and publishes it/,
    );
    const during = await signIn(fleet.urls()[1] ?? '');
    assert.is(kidOf(during.accessToken), 'a1 HS256');

    const promoted = rotator.promoted(old, next);
    assert.equal(kidsOf(promoted), [`${NEW} private`, 'a1 secret']);
    fleet.write(promoted);
    await fleet.restart(0);
    const mixed = await signIn(fleet.urls()[0] ?? '');
    assert.is(kidOf(mixed.accessToken), `${NEW} ${alg}`);
    assert.is(await me(fleet.urls()[1] ?? '', mixed.accessToken), 200, 'the other one does not sign with it yet');
    await fleet.restart(1);
    for (const { accessToken } of [before, during, mixed])
      assert.equal(await everywhere(fleet, accessToken), [200, 200]);
    assert.is((await renew(fleet.urls()[0] ?? '', before.refreshToken)).status, 200, 'the other ring is as it was');

    await rotator.retire(old, next);
    await deploy(fleet, rotator.retired(old, next));
    assert.equal(await everywhere(fleet, before.accessToken), [401, 401]);
    assert.equal(await everywhere(fleet, mixed.accessToken), [200, 200]);
    const { verdict, says } = await rotator.proof(old, next);
    assert.is(verdict, 'dead');
    assert.match(says, 'a token of a1: refused by 2 of 2 instances; one of k0000000000a1: taken');
    assert.is.not(one, fleet.urls()[0]);
    assert.is.not(two, fleet.urls()[1]);
  });

test('the next rotation of an asymmetric ring takes the private part of the old key out of the environment at promote', async () => {
  const fleet = await fleetOf({ [ACCESS]: keyOf('k1', 'ed25519') });
  const old = oldOf(fleet);
  const rotator = await openRotator({ product: fleet });
  const next = await rotator.make(old);
  assert.equal(kidsOf(rotator.staged(old, next)), ['k1 private', `${NEW} public`]);
  assert.equal(kidsOf(rotator.promoted(old, next)), [`${NEW} private`, 'k1 public']);
  await deploy(fleet, rotator.retired(old, next));
  assert.is((await rotator.proof(old, next)).verdict, 'dead', 'with the private part that is kept for it');
});

test('refresh tokens live through the rotation of their ring, and are no access tokens', async () => {
  const fleet = await fleetOf();
  const old = oldOf(fleet, REFRESH);
  const rotator = await openRotator({ product: fleet, secret: refresh });
  const next = await rotator.make(old);
  const before = await signIn(fleet.urls()[0] ?? '');
  await deploy(fleet, rotator.staged(old, next));
  assert.match(await rotator.validate(old, next), /takes a token of k0000000000a1, refuses a forged one$/);
  await deploy(fleet, rotator.promoted(old, next));
  const [one = '', two = ''] = fleet.urls();
  const renewed = await renew(one, before.refreshToken);
  assert.is(kidOf(renewed.refreshToken), `${NEW} EdDSA`);
  assert.is((await renew(two, renewed.refreshToken)).status, 200);
  assert.is(await me(one, renewed.refreshToken), 401);
  assert.equal(
    (await rotator.stragglers(old, next)).map(({ who, pid }) => [who, pid]),
    [['tokens of r1', one]],
    'the one that took it',
  );
  await deploy(fleet, rotator.retired(old, next));
  assert.is((await rotator.proof(old, next)).verdict, 'dead');
  assert.equal(await rotator.stragglers(old, next), []);
});

test('what is taken back leaves the new key verifying until it is withdrawn', async () => {
  const fleet = await fleetOf();
  const old = oldOf(fleet);
  const rotator = await openRotator({ product: fleet });
  const next = await rotator.make(old);
  await deploy(fleet, rotator.promoted(old, next));
  const meanwhile = await signIn(fleet.urls()[0] ?? '');
  await deploy(fleet, rotator.staged(old, next));
  assert.is(kidOf((await signIn(fleet.urls()[0] ?? '')).accessToken), 'a1 HS256');
  assert.equal(await everywhere(fleet, meanwhile.accessToken), [200, 200]);
  assert.equal(
    [...new Set((await rotator.stragglers(next, old)).map(({ who }) => who))],
    [`tokens of ${NEW}`],
    'in the place of the old one',
  );
  await rotator.withdraw(old, next);
  await deploy(fleet, old);
  assert.equal(await everywhere(fleet, meanwhile.accessToken), [401, 401]);
});

test('in an emergency the old key is refused as soon as the last instance is started again', async () => {
  const fleet = await fleetOf();
  const old = oldOf(fleet);
  const rotator = await openRotator({ product: fleet, emergency: true });
  const next = await rotator.make(old);
  const before = await signIn(fleet.urls()[0] ?? '');
  const began = Date.now();
  await deploy(fleet, { ...rotator.promoted(old, next), ...rotator.retired(old, next) });
  assert.equal(await everywhere(fleet, before.accessToken), [401, 401]);
  const ms = Date.now() - began;
  assert.ok(ms < 5_000, `${ms} ms`);
  assert.match(await rotator.validate(old, next), 'takes a token');
  assert.is((await rotator.proof(old, next)).verdict, 'dead');
  assert.is((await renew(fleet.urls()[0] ?? '', before.refreshToken)).status, 200, 'who was signed in gets a new one');
});

test('without a standby the new key is refused by whom does not know it yet', async () => {
  const fleet = await fleetOf();
  const old = oldOf(fleet);
  const rotator = await openRotator({ product: fleet });
  const next = await rotator.make(old);
  fleet.write(rotator.promoted(old, next));
  await fleet.restart(0);
  const { accessToken } = await signIn(fleet.urls()[0] ?? '');
  assert.equal(await everywhere(fleet, accessToken), [200, 401]);
  const refused = await failure(rotator.validate(old, next));
  assert.is(refused?.code, 'TOKEN_REFUSED');
  assert.match(refused?.message ?? '', fleet.urls()[1] ?? '?');
  assert.match(
    await rotator.validate(old, next, [fleet.urls()[0] ?? '']),
    'takes a token',
    'asked alone, the first is well',
  );
});

test('an instance that takes anything, publishes nothing, or lets others keep keys for longer does not validate', async () => {
  const cases: [string, object, string][] = [
    ['trusts', {}, 'TOKEN_FORGED'],
    ['hides', {}, 'KEY_NOT_PUBLISHED'],
    ['', { verifierCacheSeconds: 599 }, 'CACHED_LONGER'],
    ['', {}, 'nothing'],
  ];
  for (const [FAULTS, more, code] of cases) {
    const fleet = await fleetOf({ FAULTS });
    const old = oldOf(fleet);
    const rotator = await openRotator({ product: fleet, secret: { ...access, ...more } });
    const next = await rotator.make(old);
    await deploy(fleet, rotator.staged(old, next));
    assert.is((await failure(rotator.validate(old, next)))?.code ?? 'nothing', code, `${FAULTS} ${code}`);
  }
});

test('the old key is alive where one instance takes it, and nothing is known where one does not answer', async () => {
  const fleet = await fleetOf({ [ACCESS]: keyOf('k1', 'ed25519') });
  const old = oldOf(fleet);
  const rotator = await openRotator({ product: fleet });
  const next = await rotator.make(old);
  await deploy(fleet, rotator.promoted(old, next));
  fleet.write(rotator.retired(old, next));
  await fleet.restart(1);
  const { verdict, says } = await rotator.proof(old, next);
  assert.equal([verdict, says], ['alive', `${fleet.urls()[0]} takes a token of k1`]);
  fleet.env.FAULTS = 'hangs';
  await fleet.restart(1);
  assert.is((await rotator.proof(old, next)).verdict, 'alive', 'one that takes it is an answer');
  await fleet.restart(0);
  for (const FAULTS of ['hangs', 'fails', 'elsewhere']) {
    Object.assign(fleet.env, { FAULTS, ...(FAULTS === 'elsewhere' ? { [ACCESS]: hs256('x') } : {}) });
    await fleet.restart(0);
    const error = await failure(rotator.proof(old, next));
    assert.ok(isUnknown(error), `${FAULTS}: ${error?.message}`);
  }
});

test('a network that is away says nothing of a key', async () => {
  const gone = createServer().listen(0, '127.0.0.1');
  await new Promise((done) => gone.once('listening', done));
  const url = `http://127.0.0.1:${(gone.address() as AddressInfo).port}`;
  await new Promise((done) => gone.close(done));
  const old = valuesOf(ACCESS, hs256('a1'));
  const rotator = await openRotator({ product: productAt([url]) });
  const next = await rotator.make(old);
  for (const asked of ['validate', 'stragglers', 'proof'] as const) {
    const error = await failure(rotator[asked](old, next));
    assert.ok(isUnknown(error), error?.message);
    assert.match(error?.message ?? '', url);
  }
});

test('where nothing was released nobody is asked, and that is said; where something runs that cannot be asked, nothing is known', async () => {
  const old = valuesOf(ACCESS, hs256('a1'));
  const none = await openRotator({ product: { ...productAt([]), describe: async () => undefined } });
  const next = await none.make(old);
  assert.match(await none.validate(old, next), 'nobody was asked');
  assert.equal(await none.stragglers(old, next), []);
  assert.is((await none.proof(old, next)).verdict, 'unknown');
  const hidden = await openRotator({ product: productAt([]) });
  for (const asked of ['validate', 'stragglers', 'proof'] as const)
    assert.ok(isUnknown(await failure(hidden[asked](old, next))));
});

test('an instance that takes tokens of the old key is named, whether or not it says when it took the last', async () => {
  for (const [FAULTS, state] of [
    ['', /^3 verified since it was started, the last one \d+ s ago$/],
    ['forgets', /^\d+ verified since it was started, \d+ of them just now$/],
  ] as const) {
    const fleet = await fleetOf({ FAULTS });
    const old = oldOf(fleet);
    const rotator = await openRotator({ product: fleet });
    const next = await rotator.make(old);
    const { accessToken } = await signIn(fleet.urls()[0] ?? '');
    await deploy(fleet, rotator.promoted(old, next));
    assert.equal(await rotator.stragglers(old, next), []);
    const [, two = ''] = fleet.urls();
    for (let i = 0; i < 3; i++) await me(two, accessToken);
    const goesOn = FAULTS ? setInterval(() => void me(two, accessToken), 300) : undefined;
    const found = await rotator.stragglers(old, next);
    clearInterval(goesOn);
    assert.equal(
      found.map(({ who, host, pid }) => ({ who, host, pid })),
      [{ who: 'tokens of a1', host: '127.0.0.1', pid: two }],
    );
    assert.match(found[0]?.state ?? '', state);
    if (FAULTS) assert.equal(await rotator.stragglers(old, next), [], 'it stands still');
  }
});

test('a product that counts nothing is no product that uses nothing', async () => {
  const fleet = await fleetOf({ FAULTS: 'uncounted' });
  const old = oldOf(fleet);
  const rotator = await openRotator({ product: fleet });
  const error = await failure(rotator.stragglers(old, old));
  assert.ok(isUnknown(error));
  assert.match(error?.message ?? '', 'it has no metric tokens_verified_total');
  const timed = await openRotator({ product: fleet, secret: { ...access, metrics: null } });
  assert.equal(await timed.stragglers(old, old), []);
});

test('killed before or after any of its functions, it goes on from fresh objects with the same key', async () => {
  const fleet = await fleetOf();
  const old = oldOf(fleet);
  const open = () => openRotator({ product: fleet });
  const kept = await (await open()).make(old);
  const ring = async (phase: 'staged' | 'promoted' | 'retired') => textOf((await open())[phase](old, kept));
  for (const phase of ['staged', 'promoted', 'retired'] as const) {
    const once = await ring(phase);
    for (let i = 0; i < 2; i++) {
      const rotator = await open();
      await rotator.add(old, kept);
      fleet.write({ [ACCESS]: rotator[phase](old, kept)[ACCESS] ?? null });
      assert.is(fleet.env[ACCESS], once);
      // Killed here, one instance has it and the other one has not.
      await fleet.restart(0);
      assert.is(await me(fleet.urls()[0] ?? '', (await signIn(fleet.urls()[1] ?? '')).accessToken), 200);
    }
    await (await open()).validate(old, kept, [fleet.urls()[0] ?? '']);
    await fleet.redeploy(rolling);
  }
  for (let i = 0; i < 2; i++) {
    await (await open()).retire(old, kept);
    assert.is((await (await open()).proof(old, kept)).verdict, 'dead');
  }
  for (let i = 0; i < 2; i++) await (await open()).withdraw(old, {});
});

test('a ring that is none is refused with what is wrong, and nothing of a key is said', async () => {
  const good = hs256('k1');
  const secret = good.slice(3);
  const cases: [string, string][] = [
    ['', 'RING_MISSING'],
    [secret, 'RING_WITHOUT_KID'],
    [`${good},${secret}`, 'RING_WITHOUT_KID'],
    [`${good},${hs256('k1')}`, 'RING_KID_TWICE'],
    [hs256('k1', 31), 'RING_KEY_WEAK'],
    [keyOf('k1', 'rsa'), 'RING_KEY_WEAK'],
    [keyOf('k1', 'p384'), 'RING_KEY_WEAK'],
    [keyOf('k1', 'ed25519', 'public'), 'RING_HAS_NO_SIGNER'],
    [`${keyOf('k1', 'p256', 'public')},${good.replace('k1', 'k2')}`, 'RING_HAS_NO_SIGNER'],
    [`k1:private.${secret}`, 'RING_MALFORMED'],
    [keyOf('k1', 'ed25519').replace('private', 'public'), 'RING_MALFORMED'],
    [`${good},`, 'RING_MALFORMED'],
    [`k1:${secret} `, 'RING_MALFORMED'],
    [`k1:se"cret#${secret}`, 'RING_MALFORMED'],
  ];
  const rotator = await openRotator({ product: productAt([]) });
  for (const [ring, code] of cases) {
    const error = await failure(rotator.refuse(ring ? valuesOf(ACCESS, ring) : { [ACCESS]: null }));
    assert.is(error?.code, code, ring);
    for (const part of ring.split(/[:.,]/).filter(({ length }) => length > 20))
      assert.not.match(`${error?.message} ${error?.stack}`, part);
    assert.is(
      (await failure(rotator.adoption?.(valuesOf(ACCESS, ring || ' ')) ?? Promise.resolve()))?.name,
      'OpsError',
    );
  }
  await rotator.refuse(valuesOf(ACCESS, `${good},${keyOf('k2', 'p256')},${keyOf('k3', 'ed25519', 'public')}`));
  const own = await failure(rotator.refuse(valuesOf(ACCESS, `${good},${hs256(NEW)}`)));
  assert.is(own?.code, 'RING_HAS_KID');
});

test('what is made is masked, key by key', async () => {
  const old = valuesOf(ACCESS, hs256('k1'));
  const next = await (await openRotator({ product: productAt([]) })).make(old);
  const [, key = ''] = textOf(next).split('private.');
  assert.match(textOf(next), /^k0000000000a1:private\.[\w-]{60,}$/);
  assert.is(redact(`it is ${key}`), 'it is ***');
});

test('the plan waits for others before the key signs, and for the longest token before the old one ends', async () => {
  const procedureOf = async (opening: Partial<Opening>): Promise<Awaited<ReturnType<Rotator['procedure']>>> =>
    (await openRotator({ product: productAt([]), ...opening })).procedure();
  const { overlap, outageSeconds, standbySeconds, settleSeconds } = await procedureOf({});
  assert.equal(
    { overlap, outageSeconds, standbySeconds, settleSeconds },
    { overlap: 'both', outageSeconds: 0, standbySeconds: 630, settleSeconds: 900 + 60 + 630 },
  );
  const short = await procedureOf({ env: { ACCESS_TOKEN_LIFETIME: '20s' }, secret: { ...access, marginSeconds: 5 } });
  assert.is(short.settleSeconds, 20 + 5 + 630);
  const own = await procedureOf({ secret: refresh });
  assert.equal([own.standbySeconds, own.settleSeconds], [0, 14 * 86_400 + 60], 'nobody else verifies them');
  const odd = await failure(procedureOf({ env: { ACCESS_TOKEN_LIFETIME: 'long' } }));
  assert.is(odd?.code, 'LIFETIME_UNREADABLE');
});

const productAt = (urls: string[]) => ({
  describe: async (): Promise<string | undefined> => 'an instance',
  redeploy: async () => {},
  uses: async () => [],
  addresses: async () => urls,
});

test.run();
