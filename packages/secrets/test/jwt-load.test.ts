// Uses PostgreSQL, Redis and anvil; the marketplace runs as processes of its own, two at a time.
import { setTimeout as sleep } from 'node:timers/promises';
import { THOROUGH } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { person } from '../../marketplace/test/people.ts';
import { startProduct, startWorld, until } from '../../marketplace/test/world.ts';
import type { Rotator } from '../src/rotators/types.ts';
import { isUnknown } from '../src/unknown.ts';
import type { Values } from '../src/values.ts';
import { type Fleet, startFleet } from './jwt/fleet.ts';
import { startLoad } from './jwt/load.ts';
import { ACCESS, access, hs256, openRotator, REFRESH, refresh, valuesOf } from './jwt/open.ts';

const test = suite('keys of tokens rotate under load');
const ROTATIONS = THOROUGH ? 20 : 2;
const PER_SECOND = THOROUGH ? 200 : 80;
const PEOPLE = 8;

const lives = { ACCESS_TOKEN_LIFETIME: '9s', REFRESH_TOKEN_LIFETIME: '15s' };
const rings = {
  [ACCESS]: { ...access, marginSeconds: 2, verifierCacheSeconds: 1 },
  [REFRESH]: { ...refresh, marginSeconds: 2 },
};

let world: Awaited<ReturnType<typeof startWorld>>;
let fleet: Fleet;
let load: ReturnType<typeof startLoad> | undefined;
test.before(async () => {
  world = await startWorld();
});
test.before.each(async () => {
  const env = { ...world.env, ...lives, JWKS_MAX_AGE: '1', RATE_LIMIT_PER_MINUTE: '1000000' };
  fleet = await startFleet({ ...env, [ACCESS]: hs256('a0'), [REFRESH]: hs256('r0') }, async (of) => {
    const product = await startProduct(of);
    // On a machine that others use as well, longer than its own patience.
    assert.ok(await until(() => isReady(product.url), 60_000), product.said());
    return product;
  });
});
test.after.each(async () => {
  await load?.stop();
  await fleet.stop();
});
test.after(async () => {
  await world?.stop();
});

const isReady = (url: string) =>
  fetch(`${url}/readyz`).then(
    ({ ok }) => ok,
    () => false,
  );

interface Rotated {
  rotator: Rotator;
  old: Values;
  next: Values;
}

/** An instance that did not answer in time is asked again, as a rotation does. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (let times = 0; times < 5; times++) {
    try {
      return await ask();
    } catch (error) {
      if (!isUnknown(error)) throw error;
    }
  }
  return ask();
}

/** Of both rings at once: opened anew for each phase, as by runs of their own. */
async function eachRing(
  round: number,
  work: (one: Rotated) => Promise<void>,
  begun: readonly Omit<Rotated, 'rotator'>[],
) {
  for (const [i, secret] of Object.values(rings).entries()) {
    const id = `01JD8ZJ6N5RXPQ${String(round).padStart(10, '0')}${i}A`;
    const rotator = await openRotator({ product: fleet, secret, id, env: lives });
    await work({ rotator, ...(begun[i] as Omit<Rotated, 'rotator'>) });
  }
}

async function deploy(values: readonly Values[]): Promise<void> {
  for (const one of values) fleet.write(one);
  await fleet.redeploy({ signal: new AbortController().signal, onLine() {}, each: async () => {} });
}

async function rotate(round: number): Promise<void> {
  const begun: { old: Values; next: Values }[] = [];
  const [staged, promoted, retired]: [Values[], Values[], Values[]] = [[], [], []];
  let settleSeconds = 0;
  for (const variable of Object.keys(rings)) {
    const old = valuesOf(variable, fleet.env[variable] ?? '');
    begun.push({ old, next: old });
  }
  await eachRing(
    round,
    async ({ rotator, old }) => {
      await rotator.refuse(old);
      const next = await rotator.make(old);
      await rotator.add(old, next);
      begun[staged.length] = { old, next };
      staged.push(rotator.staged(old, next));
      settleSeconds = Math.max(settleSeconds, (await rotator.procedure()).settleSeconds);
    },
    begun,
  );
  await deploy(staged);
  await eachRing(
    round,
    async ({ rotator, old, next }) => {
      await patiently(() => rotator.validate(old, next));
      promoted.push(rotator.promoted(old, next));
      retired.push(rotator.retired(old, next));
    },
    begun,
  );
  await deploy(promoted);
  await sleep(settleSeconds * 1_000);
  await eachRing(
    round,
    async ({ rotator, old, next }) => {
      assert.equal(
        await patiently(() => rotator.stragglers(old, next)),
        [],
        'after the longest token nobody has one left',
      );
      await rotator.retire(old, next);
    },
    begun,
  );
  await deploy(retired);
  await eachRing(
    round,
    async ({ rotator, old, next }) => {
      const { verdict, says } = await patiently(() => rotator.proof(old, next));
      assert.is(verdict, 'dead', says);
    },
    begun,
  );
}

async function crowd() {
  load = startLoad(() => fleet.urls(), PER_SECOND);
  for (let i = 0; i < PEOPLE; i++) load.join(await person(fleet.urls()[i % 2] ?? ''));
  return load;
}

test(`${ROTATIONS} rotations of both rings in a row fail no request of anybody who is signed in`, async () => {
  const people = await crowd();
  const began = Date.now();
  for (let round = 1; round <= ROTATIONS; round++) {
    await rotate(round);
    people.join(await person(fleet.urls()[0] ?? ''));
  }
  const { asked, late, failed, kids } = await people.stop();
  const seconds = Math.round((Date.now() - began) / 1_000);
  console.log(`${asked} requests in ${seconds} s, ${failed.length} failed, ${late} too late, ${kids.size} keys`);
  assert.equal(failed.slice(0, 5), []);
  assert.ok(late * 100 < asked, 'the machine is too slow to say anything');
  assert.ok(asked >= (THOROUGH ? 50_000 : 1_000), `${asked} requests`);
  // HS256 of before, and one of each rotation and ring.
  assert.is(kids.size, 2 + 2 * ROTATIONS);
});

test('the same people see it where the new key signs before everybody knows it', async () => {
  const people = await crowd();
  const [old, rotator] = [valuesOf(ACCESS, fleet.env[ACCESS] ?? ''), await openRotator({ product: fleet })];
  fleet.write(rotator.promoted(old, await rotator.make(old)));
  await fleet.restart(0);
  // Of those that the first instance gives out, the second one knows none.
  await sleep(2_000);
  await fleet.restart(1);
  const { failed } = await people.stop();
  assert.ok(failed.length > 0, 'nobody has seen anything');
  assert.equal([...new Set(failed.map(({ answer }) => answer))], ['401']);
});

test.run();
