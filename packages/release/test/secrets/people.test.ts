// Uses HAProxy and runit: what people notice while a released product is started again for rotations, and while that is killed and gone on with. 200
// requests a second on kept connections.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { sampleRounds, THOROUGH } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { productOf } from '../../src/secrets/product.ts';
import { progress, released } from '../driver-contract.ts';
import { makeLocalBed, type Opened } from '../local-bed.ts';
import { type Seen, startPeople } from '../people.ts';

const test = suite('a product that is started again, under load');
const ROUNDS = THOROUGH ? 20 : 2;
const COMING = { perSecond: 200 };
/** Of all rounds together. */
const REQUESTS = THOROUGH ? 50_000 : 0;
const PER_ROUND_MS = (REQUESTS / 2 / ROUNDS / COMING.perSecond) * 1_000;
const secrets = { rotate: { mail: { kind: 'generic', variable: 'MAIL_KEY' } } };
const rolling = { ...progress, each: async () => {} };
const product = ({ config, environment }: Opened) => productOf(config, environment);
let asked = 0;

async function on(instances: number, work: (bed: Awaited<ReturnType<typeof open>>) => Promise<string>): Promise<void> {
  const bed = await open(instances);
  try {
    const people = startPeople(bed.url, COMING);
    const what = await work(bed);
    tell(what, await people.stop());
  } finally {
    await bed.stop();
  }
}

async function open(instances: number) {
  const bed = await makeLocalBed({ local: { instances } });
  const checkout = await bed.open({ secrets, env: { MAIL_KEY: 'value-0' } });
  await released(checkout.driver, await bed.artifact('v1'));
  return { ...bed, checkout };
}

function tell(what: string, seen: Seen): void {
  asked += seen.asked.length;
  const failed = seen.asked.filter(({ status }) => status !== 200).map(({ status }) => status);
  console.log(`    ${what}: ${seen.asked.length} requests, ${failed.length} failed`);
  assert.equal(failed, []);
}

/** Each process has the value, and none is left that stood in. */
async function assertAllHave({ driver }: Opened, instances: number, value: string, where: string): Promise<void> {
  const { live, up } = await driver.inspect();
  assert.ok(live && up && (await driver.isLive(live)), where);
  const started = await driver.startedWith(live as never);
  const has = started.map(({ instance, env }) => `${instance} ${env?.MAIL_KEY}`);
  assert.equal(
    has,
    Array.from({ length: instances }, (_, i) => `blue-${i + 1} ${value}`),
    where,
  );
}

for (const instances of [2, 1])
  test(`${ROUNDS} times in a row, ${instances} of it: no request fails`, async () => {
    await on(instances, async ({ checkout }) => {
      const took: number[] = [];
      for (let n = 1; n <= ROUNDS; n++) {
        const began = Date.now();
        checkout.write({ MAIL_KEY: `value-${n}` });
        await product(checkout).redeploy(rolling);
        await assertAllHave(checkout, instances, `value-${n}`, `round ${n}`);
        took.push(Date.now() - began);
        await sleep(Math.max(0, PER_ROUND_MS - (Date.now() - began)));
      }
      return `${ROUNDS} redeploys of ${instances}, each in ${took.toSorted((a, b) => a - b)[ROUNDS >> 1]} ms`;
    });
  });

/** kill -9 when it has said so many lines, and some time after that. */
async function killAt({ root }: Opened, line: number, afterMs: number): Promise<boolean> {
  const script = join(import.meta.dirname, '../fixtures/redeploy.ts');
  const child = spawn(process.execPath, [script, root], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = once(child, 'exit');
  let said = 0;
  createInterface({ input: child.stdout }).on('line', () => {
    said += 1;
    if (said === line) setTimeout(() => child.kill('SIGKILL'), afterMs);
  });
  const [, signal] = await exit;
  return signal === 'SIGKILL';
}

for (const [instances, lines] of [
  [1, 4],
  [2, 6],
] as const)
  test(`killed anywhere, ${instances} of it, and gone on with from the same and from another checkout: no request fails`, async () => {
    await on(instances, async (bed) => {
      const all = Array.from({ length: lines }, (_, i) => i + 1).flatMap((line) =>
        [0, 120, 400].map((afterMs) => ({ line, afterMs })),
      );
      const rounds = sampleRounds(all, 2);
      let killed = 0;
      for (const [n, { line, afterMs }] of rounds.entries()) {
        const where = `line ${line}, ${afterMs} ms later`;
        const value = `value-${n + 1}`;
        bed.checkout.write({ MAIL_KEY: value });
        if (await killAt(bed.checkout, line, afterMs)) killed += 1;
        const { live } = await bed.checkout.driver.inspect();
        assert.is(live?.slot, 'blue', where);
        const goesOn = n % 2 === 0 ? bed.checkout : await bed.open({ secrets, env: { MAIL_KEY: value } });
        await product(goesOn).redeploy(rolling);
        await assertAllHave(bed.checkout, instances, value, where);
      }
      assert.ok(killed > 0);
      return `${killed} kills, ${instances} of it`;
    });
  });

test('there were as many as it takes to see one', () => {
  assert.ok(asked >= REQUESTS, `${asked} requests`);
});

test.run();
