// Uses PostgreSQL, the product's migrations and its seed module; the task runs as a process.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeStrangeProduct, runStepsForTest, runTaskForTest } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import seedTask from '../scripts/seed-admin.ts';
import type { Target } from '../src/index.ts';
import { deployNodes, makeTarget, query } from './world.ts';

const test = suite('seed:admin');
const ROOT = join(import.meta.dirname, '../../..');
const WALLET = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';
const OTHER = '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC';
let postgres: TestPostgres;
let url: string;
let product: string;
/** Of a product whose admins are no wallets. */
let people: string;
test.before(async () => {
  postgres = await startTestPostgres();
  url = await postgres.createDatabase();
  const target: Target = {
    ...makeTarget(url, {}),
    schemaFile: join(ROOT, 'prisma/schema.prisma'),
    migrationsDir: join(ROOT, 'prisma/migrations'),
  };
  await runStepsForTest(await deployNodes(target));
  const seed = { module: join(ROOT, 'prisma/seed.ts'), productionAllowlist: [WALLET] };
  people = await postgres.createDatabase();
  await query(people, 'CREATE TABLE person (email text PRIMARY KEY)');
  product = makeStrangeProduct({ database: { seed }, envDirs: ['.'] }, {});
});
test.after(() => postgres.stop());

function seed(env: string, ...args: string[]): Promise<{ code: number; stdout: string }> {
  return new Promise((done) => {
    const all = [join(ROOT, 'packages/db/scripts/seed-admin.ts'), '--env', env, '--yes', ...args];
    execFile(
      process.execPath,
      all,
      { cwd: product, env: { ...process.env, CI: 'true', OPS_DATABASE_URL: url } },
      (error, stdout) => done({ code: Number(error?.code ?? 0), stdout }),
    );
  });
}
const admins = () => query(url, `SELECT wallet FROM "User" WHERE "isAdmin" ORDER BY wallet`);

test('a wallet becomes an admin; a second run changes nothing and says so', async () => {
  const first = await seed('staging', '--wallet', WALLET.toLowerCase());
  assert.is(first.code, 0, first.stdout);
  assert.match(first.stdout, '1 of 1 wallet became an admin');
  assert.equal(await admins(), [{ wallet: WALLET }]);
  const second = await seed('staging', '--wallet', WALLET);
  assert.match(second.stdout, 'nothing was changed');
  assert.equal(await query(url, `SELECT event FROM drydock."AuditEvent" WHERE event = 'seed.admin'`), [
    { event: 'seed.admin' },
  ]);
});

test('demo data is made once', async () => {
  assert.match((await seed('staging', '--demo')).stdout, '4 rows of demo data were made');
  assert.match((await seed('staging', '--demo')).stdout, 'nothing was changed');
});

test('a wrong checksum is refused before anything is done', async () => {
  const { code, stdout } = await seed('staging', '--wallet', WALLET.replace('C51812', 'c51812'));
  assert.is(code, 2);
  assert.match(stdout, 'its checksum (EIP-55) is wrong');
});

test('production is refused without its flag, for strangers, and for demo data', async () => {
  // One database stands for both here.
  await query(url, `UPDATE drydock.identity SET environment = 'production'`);
  const confirmed = ['--confirm', 'production', '--reason', 'a test'];
  assert.is((await seed('production', ...confirmed, '--wallet', WALLET)).code, 4);
  const stranger = await seed('production', ...confirmed, '--allow-production', '--wallet', OTHER);
  assert.is(stranger.code, 4);
  assert.match(stranger.stdout, `${OTHER} is not on the allowlist`);
  assert.is((await seed('production', ...confirmed, '--allow-production', '--demo', '--wallet', WALLET)).code, 4);
  assert.is((await seed('production', ...confirmed, '--allow-production', '--wallet', WALLET)).code, 0);
  assert.equal(await admins(), [{ wallet: WALLET }]);
});

/** A product without a chain, with a module of its own. */
function seedOf(module: string, seed: object = {}, env = 'staging') {
  const root = makeStrangeProduct(
    { database: { seed: { module: 'admins.mjs', ...seed } } },
    { OPS_DATABASE_URL: people },
  );
  writeFileSync(join(root, 'admins.mjs'), module);
  writeFileSync(join(root, '.env.production'), `OPS_DATABASE_URL='${people}'\n`);
  return (...args: string[]) => runTaskForTest(seedTask, root, ['--env', env, '--yes', ...args]);
}
const ADMINS = `async admins(client, admins) {
  let created = 0;
  for (const email of admins) created += (await client.query('INSERT INTO person VALUES ($1) ON CONFLICT DO NOTHING', [email])).rowCount;
  return { created };
}`;
const persons = async () => (await query(people, 'SELECT email FROM person ORDER BY 1')).map(({ email }) => email);

test('an admin is an e-mail address, where the module says so: checked, in lower case, once', async () => {
  const run = seedOf(`export default { admin: 'email', ${ADMINS} };`);
  const first = await run('--admin', 'Ada@Shop.example', '--admin', 'bob@shop.example');
  assert.match(first.outcome?.verdict ?? '', '2 of 2 became admins', first.error?.message);
  assert.equal(await persons(), ['ada@shop.example', 'bob@shop.example']);
  assert.match((await run('--admin', 'ada@shop.example')).outcome?.verdict ?? '', 'nothing was changed');
  const { error } = await run('--admin', 'ada at shop');
  assert.equal([error?.code, error?.exit], ['ADMIN_MALFORMED', 2]);
  assert.match(error?.message ?? '', '"ada at shop" is no e-mail address');
});

test('an admin is what the module calls so; without a word and without a chain any text; a wallet where it is said', async () => {
  const kind =
    "admin: { name: 'handle', example: '@ada', check: (text) => (text.startsWith('@') ? text : undefined) },";
  const handles = seedOf(`export default { ${kind} ${ADMINS} };`);
  assert.match((await handles('--admin', 'ada')).error?.message ?? '', '"ada" is no handle');
  assert.is((await handles('--admin', '@ada')).error, undefined);
  const none = await handles();
  assert.match(none.error?.message ?? '', 'Say which handle becomes an admin');
  assert.match(none.error?.hint ?? '', '--admin @ada');
  assert.is((await seedOf(`export default { ${ADMINS} };`)('--admin', 'id-42')).error, undefined);
  assert.is((await seedOf(`export default { ${ADMINS} };`)('--wallet', 'id-42')).error?.code, 'WALLET_MALFORMED');
  assert.is(
    (await seedOf(`export default { admin: 'wallet', ${ADMINS} };`)('--admin', 'x')).error?.code,
    'WALLET_MALFORMED',
  );
  const all = await persons();
  assert.ok(all.includes('@ada') && all.includes('id-42'));
});

test('a module that returns nothing, throws, or has no demo data: one sentence, and nothing is kept', async () => {
  const before = await persons();
  const insert = "await client.query('INSERT INTO person VALUES (42)');";
  for (const [module, flags, code, says] of [
    [
      `export default { async admins(client) { ${insert} } };`,
      ['--admin', 'x'],
      'SEED_FAILED',
      '"admins" of the seed module returned nothing',
    ],
    [
      `export default { async admins(client) { ${insert} return { created: 'one' }; } };`,
      ['--admin', 'x'],
      'SEED_FAILED',
      'how many rows it made',
    ],
    [
      `export default { async admins(client) { ${insert} throw new Error('no such team'); } };`,
      ['--admin', 'x'],
      'SEED_FAILED',
      'no such team',
    ],
    [
      `export default { async admins() { return { created: 0 }; }, async demo(client) { ${insert} } };`,
      ['--demo'],
      'SEED_FAILED',
      '"demo" of the seed module returned nothing',
    ],
    [`export default { ${ADMINS} };`, ['--demo'], 'SEED_WITHOUT_DEMO', 'has no function "demo"'],
    [`export default { admin: 'phone', ${ADMINS} };`, ['--admin', 'x'], 'SEED_MODULE_BROKEN', '"phone"'],
  ] as const) {
    const { error } = await seedOf(module)(...flags);
    assert.is(error?.code, code, module);
    assert.match(error?.message ?? '', says);
  }
  assert.equal(await persons(), before);
});

test('the allowlist is held against what an admin is', async () => {
  await query(people, `UPDATE drydock.identity SET environment = 'production'`);
  const allowed = { productionAllowlist: ['Root@Shop.example'] };
  const run = seedOf(`export default { admin: 'email', ${ADMINS} };`, allowed, 'production');
  assert.is((await run('--allow-production', '--admin', 'eve@shop.example')).error?.code, 'ADMIN_NOT_ALLOWED');
  assert.is((await run('--allow-production', '--admin', 'root@shop.example')).error, undefined);
});

test.run();
