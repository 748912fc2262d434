// Uses PostgreSQL; the tasks run as processes. A product with two databases, as docs/ADOPTING.md says: a config for each, in a folder of its own.
import { appendFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeStrangeProduct, taskProcesses } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { query, writeMigration } from './world.ts';

const test = suite('two databases of one product');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres();
});
test.after(() => postgres.stop());

test('a config for each keeps lock, journal, backups and scratch databases apart', async () => {
  const [shop, audit] = [await postgres.createDatabase(), await postgres.createDatabase()];
  const root = makeStrangeProduct({ product: 'shop' }, { OPS_DATABASE_URL: shop });
  const second = join(root, 'audit');
  mkdirSync(second);
  const environments = { staging: { guard: 'none' } };
  const database = { url: 'AUDIT_DATABASE_URL', schema: '../prisma/audit/schema.prisma' };
  writeFileSync(
    join(second, 'drydock.config.ts'),
    `export default ${JSON.stringify({ product: 'shop-audit', environments, database })};\n`,
  );
  writeFileSync(join(second, '.env.staging'), `AUDIT_DATABASE_URL='${audit}'\n`);
  for (const [folder, table] of [
    ['prisma', 'Job'],
    ['prisma/audit', 'Entry'],
  ] as const) {
    mkdirSync(join(root, folder), { recursive: true });
    const schema = `datasource db {\n  provider = "postgresql"\n}\nmodel ${table} {\n  id Int @id\n}\n`;
    writeFileSync(join(root, folder, 'schema.prisma'), schema);
    const sql = `CREATE TABLE "${table}" ("id" INTEGER NOT NULL, CONSTRAINT "${table}_pkey" PRIMARY KEY ("id")); SELECT pg_sleep(1);`;
    writeMigration(join(root, folder), '1_first', sql);
  }
  const { run, ask, killAt } = taskProcesses(root);
  const other = ['--config', 'audit/drydock.config.ts'];
  const keys = await ask('backup:keygen');
  const recipient = JSON.stringify(keys.data).match(/age1[a-z0-9]+/)?.[0];
  for (const folder of [root, second])
    appendFileSync(join(folder, '.env.staging'), `BACKUP_RECIPIENTS='${recipient}'\n`);

  // One is killed in its midst: the other knows nothing of it, and is not kept waiting.
  await killAt(6, 'db:deploy', '--yes');
  const [audited, resumed] = await Promise.all([
    ask('db:deploy', '--yes', ...other),
    run('db:deploy', '--yes', '--resume'),
  ]);
  assert.is(audited.code, 0, JSON.stringify(audited.error));
  assert.is(resumed.code, 0, resumed.stderr);
  const tables = (url: string) =>
    query(url, `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' AND tablename !~ '^_' ORDER BY 1`);
  assert.equal([await tables(shop), await tables(audit)], [[{ name: 'Job' }], [{ name: 'Entry' }]]);

  assert.equal(
    [await run('db:backup'), await run('db:backup', ...other)].map(({ code }) => code),
    [0, 0],
  );
  const backups = (folder: string, product: string) =>
    readdirSync(join(folder, '.drydock/backups', product, 'staging')).length;
  assert.equal([backups(root, 'shop'), backups(second, 'shop-audit')], [1, 1]);
  for (const folder of [root, second]) assert.ok(existsSync(join(folder, '.drydock/runs')));
  const listed = async (...args: string[]) => JSON.stringify((await ask('backup:list', ...args)).data);
  assert.not.match(await listed(), 'shop-audit');
});

test.run();
