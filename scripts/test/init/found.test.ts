// Uses PostgreSQL: what init finds in products of many shapes, and writes into their config.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { placesOf } from '@drydock/db/schema';
import { loadConfig } from '@drydock/kit';
import { runTaskForTest } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import status from '../../../packages/db/scripts/status.ts';
import { configOf, FIRST, MIGRATION, PLAIN, productWith, run, schema, writtenIn } from './product.ts';

const test = suite('what init finds');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres();
});
test.after(() => postgres.stop());

test('one command, and db:status of an own product answers: no file was written by hand', async () => {
  const url = await postgres.createDatabase();
  const [, password = ''] = /:([^:@/]+)@/.exec(url) ?? [];
  const env = `DB_PASSWORD=${password}\nDATABASE_URL="${url.replace(`:${password}@`, ':$DB_PASSWORD@')}"\n`;
  const root = productWith({ ...PLAIN, '.env': env });
  assert.is((await run(root, '--yes')).error, undefined);
  const { outcome, error } = await runTaskForTest(status, root, []);
  assert.is(error, undefined, error?.message);
  assert.is(outcome?.verdict, '1 migration is pending on development.');
});

test('what is found is what stands in the config, and nothing that is the default', async () => {
  assert.equal(await configOf({ ...PLAIN, '.env': 'DATABASE_URL=postgresql://localhost/shop\n' }, '--release', 'no'), {
    product: 'shop',
  });
  const config = await configOf({
    ...PLAIN,
    'prisma/schema.prisma': schema('postgresql', '  directUrl = env("DIRECT_URL")\n'),
    '.env':
      'DATABASE_URL=postgresql://localhost:6543/shop?pgbouncer=true\nCACHE_URL=redis://localhost\nJWT_SECRET=abcdefghijkl\n',
    '.env.production': 'NEXT_PUBLIC_KEY=x\n',
    'src/routes.ts': "router.get('/api/healthz', handler);\n",
    'package.json': JSON.stringify({
      name: 'shop',
      scripts: { start: 'npx prisma migrate deploy && node dist/main.js', build: 'tsc' },
      dependencies: { '@prisma/client': '5' },
    }),
    'package-lock.json': '{}',
  });
  assert.equal(config, {
    product: 'shop',
    environments: { development: {}, production: {} },
    database: { url: 'DIRECT_URL' },
    health: { path: '/api/healthz', token: null, redis: 'CACHE_URL' },
    // Its start script would migrate, which a release does itself.
    release: { app: { command: ['node', 'dist/main.js'] } },
    variables: { JWT_SECRET: { secret: true } },
  });
});

test('what a release finds by itself is left to it: what is built by a lockfile, npm start, the health route, the branch', async () => {
  const route = { 'src/a.js': "app.get('/healthz')" };
  assert.equal((await configOf({ ...PLAIN, ...route }, '--release', 'yes')).release, {});
  const asking = {
    ...PLAIN,
    ...route,
    'package.json':
      '{ "name": "shop", "scripts": { "start": "tsx a.ts", "build": "tsc" }, "devDependencies": { "tsx": "4" } }',
  };
  for (const lockfile of ['package-lock.json', 'pnpm-lock.yaml', 'yarn.lock', 'bun.lock'])
    assert.equal((await configOf({ ...asking, [lockfile]: '' })).release, {}, lockfile);
  // Without one nothing says which packages are meant.
  assert.equal((await configOf(asking)).release, {
    artifact: { include: ['.'], build: [{ command: ['npm', 'install'] }, { command: ['npm', 'run', 'build'] }] },
    app: { readyPath: '/healthz' },
  });
  const root = productWith(PLAIN, { git: 'trunk' });
  await run(root, '--yes');
  assert.equal((await writtenIn(root)).release, { baseBranch: 'trunk' });
});

const places: [string, Record<string, string>, { schema: string; migrations?: string }][] = [
  [
    'a folder of files',
    {
      'prisma/schema/base.prisma': schema(),
      'prisma/schema/more.prisma': 'model More {\n  id Int @id\n}\n',
      [FIRST]: MIGRATION,
    },
    { schema: 'prisma/schema' },
  ],
  [
    'a folder with its migrations inside',
    { 'prisma/schema/base.prisma': schema(), 'prisma/schema/migrations/1_a/migration.sql': MIGRATION },
    { schema: 'prisma/schema', migrations: 'prisma/schema/migrations' },
  ],
  [
    'what package.json says',
    {
      'db/main.prisma': schema(),
      'db/migrations/1_a/migration.sql': MIGRATION,
      'package.json': '{ "name": "shop", "prisma": { "schema": "./db/main.prisma" } }',
    },
    { schema: 'db/main.prisma', migrations: 'db/migrations' },
  ],
  [
    'what prisma.config.ts says',
    {
      'db/s/a.prisma': schema(),
      'db/moves/1_a/migration.sql': MIGRATION,
      'prisma.config.ts':
        "export default defineConfig({ schema: path.join('db', 's'), migrations: { path: 'db/moves' }, datasource: { url: env('PG_URL') } });",
    },
    { schema: 'db/s', migrations: 'db/moves' },
  ],
  [
    'the one package of a monorepo',
    {
      'packages/db/prisma/schema.prisma': schema(),
      'packages/db/prisma/migrations/1_a/migration.sql': MIGRATION,
      'packages/db/package.json': '{}',
      'node_modules/x/prisma/schema.prisma': schema(),
    },
    { schema: 'packages/db/prisma/schema.prisma', migrations: 'packages/db/prisma/migrations' },
  ],
];

for (const [what, files, expected] of places)
  test(`the schema is found in ${what}`, async () => {
    const { 'prisma/schema.prisma': _, [FIRST]: __, ...bare } = PLAIN;
    const root = productWith({ ...bare, ...files });
    const { error } = await run(root, '--yes');
    assert.is(error, undefined, error?.message);
    assert.equal(placesOf(await loadConfig(undefined, root)), {
      schema: join(root, expected.schema),
      migrations: join(root, expected.migrations ?? 'prisma/migrations'),
    });
  });

test('an env file in UTF-16 is read, and told in a sentence', async () => {
  const root = productWith(PLAIN);
  writeFileSync(join(root, '.env'), Buffer.from('\uFEFFDATABASE_URL=postgresql://localhost/shop\r\n', 'utf16le'));
  const { outcome } = await run(root, '--yes');
  const [first, ...rest] = outcome?.findings ?? [];
  assert.is(first?.message, '.env is in UTF-16, which hardly any other program reads: save it as UTF-8.');
  assert.not.ok(rest.some(({ code }) => code === 'DATABASE_URL'));
});

test('env files of the package that has the schema are read as well', async () => {
  const { 'prisma/schema.prisma': _, [FIRST]: __, ...bare } = PLAIN;
  const files = {
    'packages/db/prisma/schema.prisma': schema(),
    'packages/db/package.json': '{}',
    'packages/db/.env': 'DATABASE_URL=postgresql://localhost/shop\n',
  };
  assert.equal((await configOf({ ...bare, ...files })).envDirs, ['.', 'packages/db']);
});

const asks: [string, Record<string, string>, string][] = [
  [
    'HEALTHCHECK of the Dockerfile',
    { Dockerfile: 'FROM node\nHEALTHCHECK --interval=5s \\\n  CMD curl -f http://localhost:3000/up || exit 1\n' },
    '/up',
  ],
  [
    'the health check of compose',
    {
      'compose.yaml':
        'services:\n  web:\n    build: .\n    healthcheck:\n      test: ["CMD", "wget", "-q", "http://127.0.0.1:8080/healthz"]\n',
    },
    '/healthz',
  ],
  [
    'a file route of Next',
    { 'src/app/api/health/route.ts': 'export const GET = () => Response.json({});' },
    '/api/health',
  ],
  [
    'a route in a source, and not in its test',
    { 'src/a.ts': "app.get('/livez', f)", 'src/a.test.ts': "get('/health')", 'node_modules/x/index.js': "'/health'" },
    '/livez',
  ],
];

for (const [what, files, expected] of asks)
  test(`how the product is, is found by ${what}`, async () => {
    assert.equal((await configOf({ ...PLAIN, ...files }, '--release', 'no')).health, { path: expected, token: null });
  });

test('of several schemas one is named', async () => {
  const files = { 'package.json': '{}', 'a/schema.prisma': schema(), 'b/schema.prisma': schema() };
  const { database } = await configOf(files, '--schema', 'b/schema.prisma');
  assert.equal(database, { schema: 'b/schema.prisma' });
});

test('a compose file that is no YAML, and a schema with CRLF, are in nobody’s way', async () => {
  const root = productWith({
    ...PLAIN,
    'prisma/schema.prisma': schema().replaceAll('\n', '\r\n'),
    'compose.yml': 'services:\n  a: [\n',
  });
  const { outcome } = await run(root, '--yes');
  assert.match(outcome?.findings?.[0]?.message ?? '', /^compose\.yml is no YAML, and was left out: /);
});

test.run();
