// Uses PostgreSQL, HAProxy and runit: what people notice while secrets of a released product are rotated whole, again and again. 80 requests a second on
// kept connections, from a thread of their own. With --thorough 200 a second, 20 rotations of each, and at least 50,000 requests.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig, loadEnvironment } from '@drydock/kit';
import { taskFile } from '@drydock/kit/cli';
import { runTaskForTest, THOROUGH } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { productOf } from '../../src/secrets/product.ts';
import { type Coming, startPeople, valueIn } from '../people.ts';
import { makeWorld, type World } from '../world.ts';

const test = suite('rotations in a row of a product that is used');
const ROTATIONS = THOROUGH ? 20 : 2;
const PER_SECOND = THOROUGH ? 200 : 80;
const LEAST = THOROUGH ? 50_000 : 500;
const PROGRAM = join(import.meta.dirname, '../../../secrets/test/fixtures/keys.mjs');
const fresh = () => randomBytes(32).toString('base64url');

/** Works as long as the service takes the key that it was started with, and for whoever sends a token that it was started with. */
const PAGE = `const page = ({ url, headers }) =>
  url.startsWith('/api/admin')
    ? process.env.ADMIN_TOKEN.split(',').includes((headers.authorization ?? '').replace('Bearer ', '')) ? 200 : 401
    : JSON.parse(readFileSync(process.env.KEYS_FILE)).includes(process.env.API_KEY) ? 200 : 500;`;

let world: World;
let keysFile: string;
let file: string;
test.before(async () => {
  keysFile = join(mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-keys-')), 'keys.json');
  const first = fresh();
  writeFileSync(keysFile, JSON.stringify([first]));
  const call = (what: string) => [process.execPath, PROGRAM, what, keysFile];
  const mail = {
    ...{ kind: 'generic', variable: 'API_KEY', overlap: 'both' },
    ...{ add: call('add'), retire: call('retire'), proof: call('proof'), validate: { command: call('validate') } },
  };
  world = await makeWorld(
    { secrets: { rotate: { mail, admin: { kind: 'token', list: true } } } },
    { local: { instances: 2 } },
    { API_KEY: first, KEYS_FILE: keysFile, ADMIN_TOKEN: fresh() },
  );
  file = join(world.root, '.env.staging');
  world.commit((source) =>
    source
      .replace("from 'node:http';", "from 'node:http';\nimport { readFileSync } from 'node:fs';")
      .replace('const PAGE = 200;', PAGE)
      .replace(': PAGE;', ': page(request);'),
  );
  const { error } = await world.release();
  assert.is(error, undefined, error?.message);
});
test.after(() => world.stop());

const held = (variable: string) => valueIn(file, variable);

/** What those who came while `work` was at work did not get. */
async function under(coming: Omit<Coming, 'perSecond'>, work: () => Promise<void>) {
  const people = startPeople(world.url, { perSecond: PER_SECOND, ...coming });
  await sleep(500);
  await work();
  await sleep(500);
  const { asked } = await people.stop();
  const failed = asked.filter(({ status }) => status !== 200).map(({ status }) => status);
  return { asked: asked.length, failed };
}

const admin = () => ({ path: '/api/admin/health', token: { file, variable: 'ADMIN_TOKEN' } });
const KINDS = [
  { kind: 'generic', name: 'mail', variable: 'API_KEY', coming: () => ({}) },
  { kind: 'token', name: 'admin', variable: 'ADMIN_TOKEN', coming: admin },
];

for (const { kind, name, variable, coming } of KINDS)
  test(`${ROTATIONS} of kind ${kind}: no request fails`, async () => {
    const { default: rotate } = await import(taskFile('secrets:rotate'));
    const values = new Set([held(variable)]);
    const began = Date.now();
    const { asked, failed } = await under(coming(), async () => {
      for (let n = 1; n <= ROTATIONS; n++) {
        const { error } = await runTaskForTest(rotate, world.root, [
          '--env',
          'staging',
          '--yes',
          '--wait',
          '60s',
          name,
        ]);
        assert.is(error, undefined, error?.message);
        values.add(held(variable));
        const due = began + (n / ROTATIONS) * (LEAST / PER_SECOND) * 1_000;
        await sleep(Math.max(0, due - Date.now()));
      }
    });
    console.log(`  ${kind}: ${ROTATIONS} rotations, ${asked} requests, ${failed.length} failed`);
    assert.equal(failed, []);
    assert.ok(asked >= LEAST, `${asked} requests`);
    assert.is(values.size, ROTATIONS + 1);
  });

test('what must fail does: a token that is replaced at once', async () => {
  const { asked, failed } = await under(admin(), async () => {
    writeFileSync(file, readFileSync(file, 'utf8').replace(held('ADMIN_TOKEN'), fresh()));
    const config = await loadConfig(undefined, world.root);
    const product = productOf(config, loadEnvironment(config, 'staging', {}));
    await product.redeploy({ signal: AbortSignal.timeout(60_000), onLine: () => {}, each: async () => {} });
  });
  assert.ok(failed.length > 0, `${asked} requests, and nobody has seen anything`);
  assert.equal([...new Set(failed)], [401]);
});

test('what must fail does: a key that the service has replaced at once', async () => {
  const { asked, failed } = await under({}, async () => {
    writeFileSync(keysFile, JSON.stringify([fresh()]));
    await sleep(1_000);
  });
  assert.ok(failed.length > 0, `${asked} requests, and nobody has seen anything`);
  assert.equal([...new Set(failed)], [500]);
});

test.run();
