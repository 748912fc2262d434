// What every driver must do, asked of each of them beside the real thing.
import { setTimeout as sleep } from 'node:timers/promises';
import { OpsError } from '@drydock/kit';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Artifact } from '../src/artifact/types.ts';
import type { Deployment, Driver } from '../src/driver/types.ts';
import { underLoad } from './load.ts';

/** A driver with a proxy in front of it, for a product that is `fixtures/shop.mjs`, in as many instances as it likes. */
export interface Bed {
  driver: Driver;
  /** Where people reach the product. */
  url: string;
  /** The same environment from another checkout; with more variables in its env file. */
  another(env?: Record<string, string>): Promise<Driver>;
  /** A version of the shop; `change` makes it another one. */
  artifact(name: string, change?: (source: string) => string): Promise<Artifact>;
  /** What tells its processes, or containers, from others. */
  pids(deployment: Deployment): Promise<string[]>;
  /** kill -9 of one of its processes. */
  kill(deployment: Deployment): Promise<void>;
  /** kill -9 of the proxy, which is then started again. */
  restartProxy(): Promise<void>;
  stop(): Promise<void>;
}

const lines: string[] = [];
export const progress = { signal: new AbortController().signal, onLine: (line: string) => void lines.push(line) };

export async function until(isSo: () => Promise<boolean>, what: string, ms = 20_000): Promise<void> {
  for (const end = Date.now() + ms; !(await isSo()); await sleep(50))
    if (Date.now() > end) assert.unreachable(`waited for: ${what}`);
}

export async function failing(work: Promise<unknown>): Promise<OpsError> {
  try {
    await work;
  } catch (thrown) {
    return thrown as OpsError;
  }
  throw new Error('it should have failed');
}

/** Stage, switch, end the one before. */
export async function released(driver: Driver, artifact: Artifact): Promise<Deployment> {
  const { live } = await driver.inspect();
  const next = await driver.stage(artifact, progress);
  await driver.waitReady(next, progress);
  await driver.shift(next);
  if (live) await driver.retire(live);
  return next;
}

export function driverContract(name: string, make: () => Promise<Bed>): void {
  const test = suite(`contract of a driver: ${name}`);
  let bed: Bed;
  test.before(async () => {
    bed = await make();
  });
  test.after(() => bed.stop());
  const answer = async () => (await fetch(bed.url)).text();
  const broken = (source: string) => source.replace('BROKEN = false', 'BROKEN = true');

  test('all that it needs is there, and nothing runs yet: 503 with Retry-After', async () => {
    for (const { about, ask } of bed.driver.questions()) assert.ok((await ask(progress.signal)).length > 0, about);
    assert.equal(await bed.driver.inspect(), { live: undefined, up: false, idle: undefined });
    const response = await fetch(bed.url);
    assert.equal([response.status, response.headers.get('retry-after')], [503, '5']);
  });

  test('a staged version gets no traffic until the switch, and all of it after', async () => {
    const artifact = await bed.artifact('first');
    const first = await bed.driver.stage(artifact, progress);
    await bed.driver.waitReady(first, progress);
    assert.equal([first.version, first.commit], [artifact.version, artifact.commit]);
    assert.is((await fetch(bed.url)).status, 503);
    await bed.driver.shift(first);
    assert.is(await answer(), first.version);
    assert.ok(await bed.driver.isLive(first));
    const { live, up } = await bed.driver.inspect();
    assert.equal([live, up], [first, true]);
    for (const each of await bed.driver.instances(first)) {
      const { running, ready, version } = each;
      assert.equal([running, ready, version], [true, true, first.version], each.detail);
    }
    for (const address of await bed.driver.addressesOf(first))
      assert.is(await (await fetch(address)).text(), first.version);
  });

  test('a switch to the next version, and back, fails no request; the one before is warm until it is retired', async () => {
    const { live } = await bed.driver.inspect();
    assert.ok(live);
    const load = await underLoad(bed.url, async () => {
      const next = await bed.driver.stage(await bed.artifact('second'), progress);
      await bed.driver.waitReady(next, progress);
      await bed.driver.shift(next);
      assert.is(await answer(), next.version);
      assert.equal((await bed.driver.inspect()).idle, live);
      await bed.driver.shift(live);
      assert.is(await answer(), live.version);
      await bed.driver.shift(next);
      await bed.driver.retire(live);
      assert.is(await bed.driver.isRunning(live), false);
    });
    assert.equal(load.failed, [], `of ${load.requests}`);
    assert.is(load.versions.size, 2);
  });

  test('another checkout sees the same, releases, brings back, and this one sees that', async () => {
    const other = await bed.another();
    const { live, idle } = await bed.driver.inspect();
    assert.equal(await other.inspect(), { live, up: true, idle });
    assert.ok(live && idle);
    const load = await underLoad(bed.url, async () => {
      const third = await released(other, await bed.artifact('third'));
      assert.equal((await bed.driver.inspect()).live, third);
      assert.is(await bed.driver.isRunning(live), false);
      await bed.driver.revive(live, progress);
      await bed.driver.waitReady(live, progress);
      await bed.driver.shift(live);
      await other.retire(third);
    });
    assert.equal(load.failed, [], `of ${load.requests}`);
    assert.equal((await other.inspect()).live, live);
    assert.is(await answer(), live.version);
  });

  test('the live version is started again with what the env file says now, one after the other, and no request fails', async () => {
    const { live } = await bed.driver.inspect();
    assert.ok(live);
    const now = await bed.another({ SHOP_COLOUR: 'green' });
    const colours = async () => (await now.startedWith(live)).map(({ env }) => env?.SHOP_COLOUR);
    const before = await colours();
    assert.ok(before.length > 0 && before.every((colour) => colour === undefined));
    const seen: string[] = [];
    const each = async ({ name, address }: { name: string; address: string }) => {
      seen.push(name);
      assert.is(await (await fetch(address)).text(), live.version);
    };
    const load = await underLoad(bed.url, async () => {
      await now.restart(live, { ...progress, each });
      assert.ok(await bed.driver.isLive(live));
      assert.equal(
        await colours(),
        before.map(() => 'green'),
      );
      // It has it already.
      const pids = await bed.pids(live);
      await (await bed.another({ SHOP_COLOUR: 'green' })).restart(live, { ...progress, each });
      assert.equal(await bed.pids(live), pids);
    });
    assert.equal(load.failed, [], `of ${load.requests}`);
    assert.ok(new Set(seen).size >= before.length, seen.join());
    const { live: after, up } = await bed.driver.inspect();
    assert.equal([after, up], [live, true]);
  });

  test('an instance that is refused stops it: no request fails, and it is said who has what', async () => {
    const { live } = await bed.driver.inspect();
    assert.ok(live);
    const now = await bed.another({ SHOP_COLOUR: 'red' });
    const refuse = async () => {
      throw new OpsError({ code: 'REFUSED', message: 'It does not know this colour.' });
    };
    const load = await underLoad(bed.url, async () => {
      const error = await failing(now.restart(live, { ...progress, each: refuse }));
      assert.is(error.code, 'REFUSED');
      assert.match(error.message, 'It does not know this colour. No instance runs with the new environment');
      assert.ok((await now.startedWith(live)).every(({ env }) => env?.SHOP_COLOUR === 'green'));
    });
    assert.equal(load.failed, [], `of ${load.requests}`);
    assert.ok(await bed.driver.isLive(live));
  });

  test('one that cannot start is told with its error, and leaves the live one alone', async () => {
    const before = await answer();
    const bad = await bed.driver.stage(await bed.artifact('bad', broken), progress);
    const error = await failing(bed.driver.waitReady(bad, progress));
    assert.is(error.code, 'VERSION_NOT_READY');
    assert.match(error.message, 'Error: this version is broken');
    assert.is(await bed.driver.isLive(bad), false);
    const log: string[] = [];
    for await (const line of bed.driver.logs(bad, { lines: 50, follow: false, signal: progress.signal }))
      log.push(line);
    assert.match(log.join('\n'), 'this version is broken');
    await bed.driver.retire(bad);
    assert.is(await answer(), before);
  });

  test('what takes the traffic alone is not ended, whoever asks', async () => {
    const { live } = await bed.driver.inspect();
    assert.ok(live);
    assert.is((await failing(bed.driver.retire(live))).code, 'STILL_SERVING');
    assert.is(await answer(), live.version);
  });

  test('a killed process is started again', async () => {
    const { live } = await bed.driver.inspect();
    assert.ok(live);
    await bed.kill(live);
    await until(async () => (await bed.driver.instances(live)).every(({ ready }) => ready), 'all of them ready again');
    await until(async () => (await fetch(bed.url)).ok && (await bed.driver.inspect()).up, 'the product');
    assert.ok(await bed.driver.isLive(live));
  });

  test('a proxy that was killed knows what is live', async () => {
    const before = await bed.driver.inspect();
    await bed.restartProxy();
    await until(async () => (await bed.driver.inspect()).up, 'its check');
    assert.equal(await bed.driver.inspect(), before);
    assert.is(await answer(), before.live?.version);
  });

  test('maintenance: people get 503, Retry-After and the reason, health is answered, and it outlives the proxy', async () => {
    assert.is(await bed.driver.maintenance(), undefined);
    await bed.driver.setMaintenance({ reason: 'we move <house> & home', retryAfterSeconds: 90 });
    const met = async () => {
      const response = await fetch(`${bed.url}/anything`);
      assert.equal([response.status, response.headers.get('retry-after')], [503, '90']);
      assert.match(await response.text(), 'we move &lt;house&gt; &amp; home');
      assert.is((await fetch(`${bed.url}/healthz`)).status, 200);
    };
    await met();
    await bed.restartProxy();
    await until(async () => (await bed.driver.inspect()).up, 'its check');
    await met();
    const on = await (await bed.another()).maintenance();
    assert.equal([on?.reason, on?.retryAfterSeconds], ['we move <house> & home', 90]);
    await bed.driver.setMaintenance(undefined);
    assert.is(await bed.driver.maintenance(), undefined);
    assert.is((await fetch(bed.url)).status, 200);
  });

  test('a command runs in the files of a version, with the variables of the environment', async () => {
    const said: string[] = [];
    const script = 'console.log(process.env.DRYDOCK_ENV, process.env.STEP, require("fs").existsSync("shop.mjs"))';
    const options = { ...progress, env: { STEP: 'one' }, onLine: (line: string) => void said.push(line) };
    await bed.driver.runOnce(await bed.artifact('first'), ['node', '-e', script], options);
    assert.equal(said, ['staging one true']);
    const error = await failing(
      bed.driver.runOnce(await bed.artifact('first'), ['node', '-e', 'process.exit(3)'], options),
    );
    assert.match(error.message, '3');
  });

  test('without a version to go back to all traffic is taken away', async () => {
    const { live } = await bed.driver.inspect();
    assert.ok(live);
    await bed.driver.unshift(live);
    assert.is((await bed.driver.inspect()).live, undefined);
    assert.is((await fetch(bed.url)).status, 503);
    await bed.driver.retire(live);
    assert.is(await bed.driver.isRunning(live), false);
  });

  test.run();
}
