// Uses PostgreSQL and the stock Prisma CLI.
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bareEnvironment } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const ROOT = join(import.meta.dirname, '../../..');
const MIGRATIONS = join(ROOT, 'prisma/migrations');
const NAMES = readdirSync(MIGRATIONS)
  .filter((name) => /^\d/.test(name))
  .sort();
const test = suite('migrations');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres();
});
test.after(() => postgres.stop());

const prisma = (url: string, ...args: string[]) =>
  promisify(execFile)(join(ROOT, 'node_modules/.bin/prisma'), args, {
    cwd: ROOT,
    env: bareEnvironment({ OPS_DATABASE_URL: url }),
  }).then(
    ({ stdout }) => ({ code: 0, said: stdout }),
    ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({ code, said: stdout + stderr }),
  );

test('the stock CLI applies them all, and the result is the schema', async () => {
  const url = await postgres.createDatabase();
  const deployed = await prisma(url, 'migrate', 'deploy');
  assert.is(deployed.code, 0, deployed.said);
  const drift = await prisma(
    url,
    ...['migrate', 'diff', '--exit-code', '--from-config-datasource', '--to-schema', 'prisma/schema.prisma'],
  );
  assert.is(drift.code, 0, drift.said);
});

test('each one that takes a lock gives up in good time', () => {
  for (const name of NAMES) {
    const sql = readFileSync(join(MIGRATIONS, name, 'migration.sql'), 'utf8').replace(/^--.*\n/gm, '');
    if (sql.includes('CONCURRENTLY')) assert.is(sql.trim().split(';').length, 2, `${name} stands alone`);
    else assert.match(sql.trimStart(), /^SET lock_timeout = /, name);
  }
});

test.run();
