// Uses PostgreSQL, the product's migrations and its seed module; the task runs as a process.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { makeStrangeProduct, runStepsForTest } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Target } from '../src/index.ts';
import { deployNodes, makeTarget, query } from './world.ts';

const test = suite('seed:admin');
const ROOT = join(import.meta.dirname, '../../..');
const WALLET = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';
const OTHER = '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC';
let postgres: TestPostgres;
let url: string;
let product: string;
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

test.run();
