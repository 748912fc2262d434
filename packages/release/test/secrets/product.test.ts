// Uses HAProxy and runit: how a rotation starts a released product again, on one host.
import { setTimeout as sleep } from 'node:timers/promises';
import { OpsError } from '@drydock/kit';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { productOf } from '../../src/secrets/product.ts';
import { failing, progress, released, until } from '../driver-contract.ts';
import { underLoad } from '../load.ts';
import { type LocalBed, makeLocalBed, type Opened } from '../local-bed.ts';

const test = suite('product of a rotation');
const secrets = { rotate: { mail: { kind: 'generic', variable: 'MAIL_KEY' } } };
const OLD = 'old-value-0123456789';
const NEW = 'new-value-0123456789';

async function on(release: object, work: (bed: LocalBed, checkout: Opened) => Promise<void>): Promise<void> {
  const bed = await makeLocalBed(release);
  try {
    await work(bed, await bed.open({ secrets, env: { MAIL_KEY: OLD, COLOUR: 'red' } }));
  } finally {
    await bed.stop();
  }
}
const rolling = { ...progress, each: async () => {} };
const product = ({ config, environment }: Opened) => productOf(config, environment);
/** What each instance has of a variable, in clear. */
const has = async ({ driver }: Opened, name = 'MAIL_KEY') => {
  const { live, idle } = await driver.inspect();
  const all = [live, idle].flatMap((each) => each ?? []);
  const started = await Promise.all(all.map((each) => driver.startedWith(each)));
  return Object.fromEntries(started.flat().map(({ instance, env }) => [instance, env?.[name]]));
};

test('one instance is enough: another stands in for it, nobody notices, and it is where it was before', async () => {
  await on({ local: { instances: 1 } }, async (bed, checkout) => {
    const nothing = product(checkout);
    assert.is(await nothing.describe(), undefined);
    assert.is((await failing(nothing.redeploy(rolling))).code, 'PRODUCT_NOT_OURS');
    const first = await released(checkout.driver, await bed.artifact('v1'));
    const { describe, redeploy, uses, addresses } = product(checkout);
    assert.is(await describe(), `1 instance of version ${first.version} in slot blue`);
    const [before] = await uses(['MAIL_KEY', 'NOT_SET']);
    const [address] = await addresses();
    const seen: string[] = [];
    checkout.write({ MAIL_KEY: NEW, COLOUR: 'green' });
    const load = await underLoad(bed.url, async () => {
      const each = async (instance: { name: string; address: string }) => {
        seen.push(instance.name);
        assert.is(await (await fetch(instance.address)).text(), first.version);
      };
      await redeploy({ ...progress, each });
    });
    assert.equal(load.failed, [], `of ${load.requests}`);
    assert.equal(seen, ['blue-beside', 'blue-1']);
    assert.equal(await has(checkout), { 'blue-1': NEW });
    assert.equal(await has(checkout, 'COLOUR'), { 'blue-1': 'green' });
    assert.equal(await addresses(), [address]);
    const [after] = await uses(['MAIL_KEY', 'NOT_SET']);
    assert.match(after?.uses?.MAIL_KEY ?? '', /^sha256:[0-9a-f]{12}$/);
    assert.is.not(after?.uses?.MAIL_KEY, before?.uses?.MAIL_KEY);
    assert.is(after?.uses?.NOT_SET, null);
    assert.equal(await product(await bed.open({ secrets })).uses(['MAIL_KEY', 'NOT_SET']), [after]);
    assert.not.ok(bed.proxy.supervisor.names().some((name) => name.endsWith('-beside')));
  });
});

test('the version that is kept warm is started again too: as released, but for what is under rotation', async () => {
  await on({ local: { instances: 2 } }, async (bed, checkout) => {
    const { driver } = checkout;
    const first = await released(driver, await bed.artifact('v1'));
    checkout.write({ MAIL_KEY: OLD, COLOUR: 'green' });
    checkout.environment.reread();
    const second = await driver.stage(await bed.artifact('v2'), progress);
    await driver.waitReady(second, progress);
    await driver.shift(second);
    const { describe, redeploy, uses } = product(checkout);
    assert.match((await describe()) ?? '', `, and version ${first.version}, kept warm in slot blue`);
    checkout.write({ MAIL_KEY: NEW, COLOUR: 'blue' });
    await redeploy(rolling);
    const names = (await uses(['MAIL_KEY'])).map(({ instance }) => instance);
    assert.equal(names, ['green-1', 'green-2', 'blue-1 (kept warm)', 'blue-2 (kept warm)']);
    assert.is(new Set((await uses(['MAIL_KEY'])).map((one) => one.uses?.MAIL_KEY)).size, 1);
    assert.equal(await has(checkout), { 'green-1': NEW, 'green-2': NEW, 'blue-1': NEW, 'blue-2': NEW });
    const colours = { 'green-1': 'blue', 'green-2': 'blue', 'blue-1': 'red', 'blue-2': 'red' };
    assert.equal(await has(checkout, 'COLOUR'), colours);
    const load = await underLoad(bed.url, () => driver.shift(first));
    assert.equal(load.failed, []);
    assert.ok(await driver.isLive(first));
  });
});

test('a version that is gone back to, cold, and one that a reboot brings up, know what was rotated since', async () => {
  await on({ local: { instances: 1 } }, async (bed, checkout) => {
    const { driver } = checkout;
    const first = await released(driver, await bed.artifact('v1'));
    const second = await released(driver, await bed.artifact('v2'));
    checkout.write({ MAIL_KEY: NEW, COLOUR: 'green' });
    await product(checkout).redeploy(rolling);
    assert.equal(await has(checkout), { 'green-1': NEW });
    await bed.proxy.supervisor.end(3_000);
    await bed.proxy.supervisor.ensure();
    await until(async () => (await has(checkout))['green-1'] !== undefined, 'the product after a reboot');
    assert.equal(await has(checkout), { 'green-1': NEW });
    await driver.revive(first, progress);
    await driver.waitReady(first, progress);
    assert.equal(await has(checkout), { 'blue-1': NEW, 'green-1': NEW });
    assert.is((await has(checkout, 'COLOUR'))['blue-1'], 'red');
    await driver.shift(first);
    await driver.retire(second);
    // From its artefact, where its slot is another's.
    const again = await driver.stage(await bed.artifact('v1'), { ...progress, asReleased: true });
    await driver.waitReady(again, progress);
    assert.equal(await has(checkout), { 'blue-1': NEW, 'green-1': NEW });
    assert.is((await has(checkout, 'COLOUR'))['green-1'], 'red');
  });
});

test('what came from the shell of whoever released stays, whoever rotates', async () => {
  await on({ app: { inherit: ['WANTED'] } }, async (bed) => {
    const shell = { WANTED: 'w', LANG: 'C' };
    const releases = await bed.open({ secrets, shell, env: { MAIL_KEY: OLD } });
    await released(releases.driver, await bed.artifact('v1'));
    const rotates = await bed.open({ secrets, shell: { HOME: '/elsewhere', LANG: 'C.UTF-8' }, env: { MAIL_KEY: NEW } });
    await product(rotates).redeploy(rolling);
    const { live } = await rotates.driver.inspect();
    const [{ env } = {}] = await rotates.driver.startedWith(live as never);
    assert.equal([env?.MAIL_KEY, env?.WANTED, env?.LANG, env?.HOME], [NEW, 'w', 'C', process.env.HOME]);
    const pid = bed.pidOf('blue-1');
    await product(await bed.open({ secrets, env: { MAIL_KEY: NEW } })).redeploy(rolling);
    assert.is(bed.pidOf('blue-1'), pid);
  });
});

test('an environment that it cannot start with reaches nobody, and it is said who has what', async () => {
  for (const instances of [1, 2])
    await on({ local: { instances } }, async (bed, checkout) => {
      const { version } = await released(checkout.driver, await bed.artifact('v1'));
      checkout.write({ MAIL_KEY: NEW, BROKEN_VERSION: version });
      const load = await underLoad(bed.url, async () => {
        const error = await failing(product(checkout).redeploy(rolling));
        assert.is(error.code, 'VERSION_NOT_READY');
        assert.match(error.message, 'Error: this version is broken');
        assert.match(
          error.message,
          /No instance runs with the new environment; blue-1(, blue-2)? with what (it|they) had\.$/,
        );
      });
      assert.equal(load.failed, [], `of ${load.requests}`);
      const all = await has(checkout);
      assert.equal(Object.keys(all).length, instances);
      assert.ok(Object.values(all).every((value) => value === OLD));
      checkout.write({ MAIL_KEY: NEW });
      await product(checkout).redeploy(rolling);
      assert.ok(Object.values(await has(checkout)).every((value) => value === NEW));
    });
});

test('one that is refused in the middle: the others keep what they have, and it comes back with what was before', async () => {
  await on({ local: { instances: 2 } }, async (bed, checkout) => {
    await released(checkout.driver, await bed.artifact('v1'));
    checkout.write({ MAIL_KEY: NEW });
    const each = async ({ name }: { name: string }) => {
      if (name === 'blue-1') throw new OpsError({ code: 'REFUSED', message: 'It does not work.' });
    };
    const load = await underLoad(bed.url, async () => {
      const error = await failing(product(checkout).redeploy({ ...progress, each }));
      assert.is(
        error.message,
        'It does not work. blue-1 runs with the new environment; blue-2 with what it had; blue-beside serves in the place of blue-1.',
      );
      assert.equal(await has(checkout), { 'blue-1': NEW, 'blue-2': OLD, 'blue-beside': NEW });
      const { live, up } = await checkout.driver.inspect();
      assert.ok(live && up && (await checkout.driver.isLive(live)));
      checkout.write({ MAIL_KEY: OLD });
      await product(await bed.open({ secrets, env: { MAIL_KEY: OLD, COLOUR: 'red' } })).redeploy(rolling);
    });
    assert.equal(load.failed, [], `of ${load.requests}`);
    assert.equal(await has(checkout), { 'blue-1': OLD, 'blue-2': OLD });
  });
});

test('who cannot be looked into is not known', async () => {
  await on({}, async (bed, checkout) => {
    await released(checkout.driver, await bed.artifact('v1'));
    // Between two starts it is a shell, with an environment that says nothing of it.
    process.kill(bed.pidOf('blue-1'), 'SIGKILL');
    await sleep(50);
    const [one] = await product(checkout).uses(['MAIL_KEY']);
    if (one) assert.not.equal(one.uses, { MAIL_KEY: null });
    await until(async () => (await product(checkout).uses(['MAIL_KEY']))[0]?.uses !== undefined, 'it to be seen again');
  });
});

test.run();
