// Uses PostgreSQL: a package with a migration, one environment, and DATABASE_URL in .env. Nothing else is set up, and of that nobody says a word.
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findTask } from '@drydock/kit/cli';
import { runTaskForTest } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('a product with next to no config');
const SURE = ['--yes', '--confirm', 'production', '--reason', 'r'];
/** What it does not have. */
const ABSENT = /redis|CHAIN_|escrow|sentry|posthog|proxy|S3_|BACKUP_[IRS]|PUBLIC_URL|feature|secret/i;

let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
});
test.after(() => postgres.stop());

function product(config: string, files: Record<string, string>): string {
  const root = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-small-'));
  const all = {
    'drydock.config.ts': `export default ${config};\n`,
    'prisma/schema.prisma': `datasource db {\n  provider = "postgresql"\n}\n\nmodel Users {\n  id BigInt @id\n}\n`,
    'prisma/migrations/migration_lock.toml': 'provider = "postgresql"\n',
    'prisma/migrations/1_users/migration.sql':
      'CREATE TABLE "Users" ("id" BIGINT NOT NULL, CONSTRAINT "Users_pkey" PRIMARY KEY ("id"));\n',
    ...files,
  };
  for (const [name, text] of Object.entries(all)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text, { mode: 0o600 });
  }
  return root;
}

const isYes = ({ ok, findings = [] }: { ok?: boolean; findings?: { level: string }[] }) =>
  ok ?? findings.every(({ level }) => level !== 'error');

async function run(root: string, name: string, ...argv: string[]) {
  const task = await findTask(name);
  assert.ok(task, name);
  const { outcome, error, said } = await runTaskForTest(task, root, argv);
  return { outcome, error, said: [...said, JSON.stringify(outcome ?? {})].join('\n'), code: error?.code };
}

test('it goes from status to health, and says nothing of what it does not have', async () => {
  const root = product('{ environments: { production: {} } }', {
    'package.json': '{ "name": "@acme/shop" }',
    '.env': `DATABASE_URL=${await postgres.createDatabase()}\n`,
  });
  for (const [name, ok, ...argv] of [
    ['env:check', true],
    ['db:status', false],
    ['db:dry-run', true],
    ['db:deploy', true, ...SURE],
    ['db:status', true],
    ['db:verify', true],
    ['health:check', true],
    ['health:report', true],
    ['ops:log', true],
  ] as const) {
    const { outcome, error, said } = await run(root, name, ...argv);
    assert.is(error?.message, undefined, name);
    if (outcome) assert.is(isYes(outcome), ok, `${name} ${said}`);
    assert.not.match(said, ABSENT, `${name} ${said}`);
  }
  const report = readFileSync(join(root, '.drydock/health/report.html'), 'utf8').replaceAll(/<style.*?<\/style>/gs, '');
  assert.not.match(report, ABSENT);
  assert.match(report, '@acme/shop');
});

test('a deploy says that there is no backup before it; once the config wants one, all that it needs is told at once', async () => {
  const files = { '.env': `DATABASE_URL=${await postgres.createDatabase()}\n` };
  const plain = product("{ product: 'shop', environments: { production: {} } }", files);
  const { outcome } = await run(plain, 'db:deploy', ...SURE);
  assert.equal(
    outcome?.findings?.map(({ code, hint }) => [code, hint]),
    [['NO_BACKUP_FIRST', 'npm run backup:keygen']],
  );
  const stores = [{ kind: 's3' }, { kind: 'file', path: 'b' }];
  const backups = JSON.stringify({ stores, signers: [{ name: 'host', variable: 'SIGNER' }] });
  const wants = product(`{ product: 'shop', environments: { production: {} }, backups: ${backups} }`, {
    '.env': `DATABASE_URL=${await postgres.createDatabase()}\n`,
  });
  for (const name of ['db:backup', 'db:deploy']) {
    const { error } = await run(wants, name, ...SURE);
    assert.equal([error?.exit, error?.findings.length], [2, 3], name);
    for (const variable of ['BACKUP_RECIPIENTS', 'SIGNER', 'BACKUP_BUCKET'])
      assert.match(error?.message ?? '', `${variable} is not set for production`);
    assert.match(String(error?.hint), 'npm run backup:keygen');
  }
});

test('without any address of a database that is said, with the name that it may have', async () => {
  const root = product("{ product: 'shop', environments: { production: {} } }", {
    '.env': `POSTGRES_URL=${await postgres.createDatabase()}\n`,
  });
  for (const name of ['env:check', 'db:status', 'health:check']) {
    const { error, outcome } = await run(root, name);
    const told = error ?? outcome?.findings?.[0];
    assert.match(
      told?.message ?? '',
      'OPS_DATABASE_URL is not set for production, nor is DATABASE_URL; looked in',
      name,
    );
    assert.match(String(told?.hint), "database: { appUrl: 'POSTGRES_URL' }");
  }
});

test('an address that is none names its variable and its file, whatever the config declares', async () => {
  for (const bad of [`"'postgresql://u:hunter22@h/d'"`, 'postgresql://u:hunter22@h:port/d', 'h/d']) {
    const root = product("{ product: 'shop', environments: { production: {} } }", { '.env': `DATABASE_URL=${bad}\n` });
    for (const name of ['env:check', 'db:status', 'health:check', 'db:backup']) {
      const { error, outcome } = await run(root, name, ...(name === 'db:backup' ? SURE : []));
      const told = error ?? outcome?.findings?.[0];
      assert.is(told?.code, 'VARIABLE_MALFORMED', `${name} ${bad}`);
      assert.match(told?.message ?? '', /^DATABASE_URL of production .*; the value comes from .*\/\.env/);
      assert.not.match(JSON.stringify(told), 'hunter22');
    }
  }
});

test('without a name, in the config or in a package.json, that is told with all else that is wrong', async () => {
  const root = product('{ environments: { Production: {} }, databse: {} }', {});
  const told = (await run(root, 'db:status')).error?.message ?? '';
  for (const part of [
    'environments.Production',
    'product is missing (string): no package.json',
    'databse is not a known key (did you mean database?)',
  ])
    assert.ok(told.includes(part), told);
});

test.run();
