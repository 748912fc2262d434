// Uses PostgreSQL: products of every shape that Prisma 4 to 7 knows, and those of other databases.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { makeStrangeProduct, runTaskForTest } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import status from '../scripts/status.ts';
import { rehearse } from '../src/index.ts';
import { locate } from '../src/places.ts';
import { blocksOf } from '../src/schema/blocks.ts';
import { readableFiles } from '../src/schema/files.ts';
import { usesOf } from '../src/schema/used.ts';
import { makeTarget, query, writeMigration } from './world.ts';

const test = suite('shapes of products');
let postgres: TestPostgres;
test.before(async () => {
  postgres = await startTestPostgres();
});
test.after(() => postgres.stop());

const T = 'CREATE TABLE "T" ("id" BIGINT NOT NULL, "n" INTEGER, CONSTRAINT "T_pkey" PRIMARY KEY ("id"));';
const MODEL = 'model T {\n  id BigInt @id\n  n  Int?\n}\n';
const SOURCE = 'datasource db {\n  provider = "postgresql"\n  url = env("DATABASE_URL")\n}\n';

/** Heads of schemas as people have them, before the models. */
const HEADS: Record<string, string> = {
  'a preview feature that is no more': `${SOURCE}generator client {\n  provider = "prisma-client-js"\n  previewFeatures = ["metrics", "fullTextSearch", "nobodyKnows"]\n}\n`,
  'one on each line, with remarks': `${SOURCE}generator client {\n  provider = "prisma-client-js"\n  previewFeatures = [\n    "metrics", // counts } and ]\n    /* "views", */\n    "tracing",\n  ]\n}\n`,
  'generators that nobody has': `${SOURCE}generator erd {\n  provider = "prisma-erd-generator"\n  output = "../docs/{name}.svg"\n  theme = env("THEME")\n}\ngenerator own { provider = "node ./gen.js"\n  config { a = 1 }\n}\ngenerator client {\n  provider = "prisma-client-js"\n  binaryTargets = ["native", "debian-openssl-1.1.x"]\n  engineType = "binary"\n}\n`,
  'all addresses and the relations of Prisma 4':
    'datasource my_db {\n  provider  = "postgres" // the old name\n  url = env("A")\n  directUrl="postgresql://x:y@z/{}"\n  shadowDatabaseUrl = env("S")\n  referentialIntegrity = "foreignKeys"\n}\n',
  'extensions on several lines':
    'generator client {\n  provider = "prisma-client-js"\n  previewFeatures = ["postgresqlExtensions"]\n}\ndatasource db {\n  provider = "postgresql"\n  url = env("DATABASE_URL")\n  extensions = [\n    pgcrypto,\n    uuidOssp(map: "uuid-ossp", schema: "public"),\n    vector\n  ]\n}\n',
  'a provider by a variable': 'datasource db {\n  provider = env("PROVIDER")\n  url = env("DATABASE_URL")\n}\n',
  'several providers': 'datasource db {\n  provider = ["postgresql", "sqlite"]\n  url = env("DATABASE_URL")\n}\n',
  'indented, behind a remark': `// datasource old { provider = "mysql" }\n/* generator x {\n*/\n  datasource db {\n provider = "postgresql"\n  }\n`,
  'a byte order mark': `\uFEFF${SOURCE}`,
  'a missing line end': `${SOURCE}// }`,
};

for (const [what, head] of Object.entries(HEADS))
  for (const ends of ['\n', '\r\n'])
    test(`a schema is read with ${what}${ends === '\n' ? '' : ', CRLF'}`, async () => {
      const content = `${head}\n${MODEL}`.replaceAll('\n', ends);
      const [file] = readableFiles([{ path: 'schema.prisma', content }]);
      assert.is(file?.content.split('\n').length, content.split('\n').length, 'every line stays where it is');
      const uses = await usesOf(file ? [file] : [], 'public');
      assert.equal([uses('column public.T.n'), uses('column public.T.x')], [true, false]);
    });

test('preview features that decide what a schema may say are kept, and the schemas of several', async () => {
  const views = `generator c {\n  provider = "x"\n  previewFeatures = ["views", "metrics"]\n}\n${SOURCE}view V {\n  a Int @unique\n}\n`;
  assert.is(
    (await usesOf(readableFiles([{ path: 'schema.prisma', content: views }]), 'public'))('view public.V'),
    true,
  );
  const several =
    'datasource db {\n  provider = "postgresql"\n  url = "x"\n  schemas = [\n    "public",\n    "other"\n  ]\n}\nmodel M {\n  id Int @id\n  @@schema("other")\n}\n';
  const uses = await usesOf(readableFiles([{ path: 'schema.prisma', content: several }]), 'public');
  assert.is(uses('table other.M'), true);
});

test('blocks end where they end, whatever stands in strings and remarks', () => {
  const text =
    'model A { x String @default("}{ // no") // }\n}\n/// generator no {\nenum B { C }\ndatasource d {\n a = [ "1", "2" ]\n b = env("X")\n}';
  assert.equal(
    blocksOf(text).map(({ keyword, start, end }) => [keyword, text.slice(start, start + 7), text[end - 1]]),
    [
      ['model', 'model A', '}'],
      ['enum', 'enum B ', '}'],
      ['datasource', 'datasou', '}'],
    ],
  );
  assert.equal(
    blocksOf(text)[2]?.properties.map(({ name, strings, fromVariable }) => [name, strings, fromVariable]),
    [
      ['a', ['1', '2'], false],
      ['b', ['X'], true],
    ],
  );
});

/** A product's folder with these files. */
function folder(files: Record<string, string>): string {
  const root = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-shape-'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return root;
}

test('schema and migrations are found where Prisma finds them', () => {
  const none = { schema: undefined, migrations: undefined };
  const found = (files: Record<string, string>) => {
    const root = folder(files);
    const { schema, migrations } = locate(root, none);
    return [schema, migrations].map((path) => path.slice(root.length + 1));
  };
  const sql = { 'x/migrations/1_t/migration.sql': T };
  assert.equal(found({ 'prisma/schema.prisma': SOURCE }), ['prisma/schema.prisma', 'prisma/migrations']);
  assert.equal(found({ 'schema.prisma': SOURCE, 'migrations/1/migration.sql': T }), ['schema.prisma', 'migrations']);
  assert.equal(found({ 'prisma/schema/a.prisma': SOURCE, 'prisma/schema/migrations/1/migration.sql': T }), [
    'prisma/schema',
    'prisma/schema/migrations',
  ]);
  assert.equal(found({ 'prisma/schema/a.prisma': SOURCE, 'prisma/migrations/1/migration.sql': T }), [
    'prisma/schema',
    'prisma/migrations',
  ]);
  assert.equal(found({ 'prisma/a.prisma': SOURCE, 'prisma/migrations/1/migration.sql': T }), [
    'prisma',
    'prisma/migrations',
  ]);
  assert.equal(found({ 'package.json': '{"prisma":{"schema":"./x/s.prisma"}}', 'x/s.prisma': SOURCE, ...sql }), [
    'x/s.prisma',
    'x/migrations',
  ]);
  const config = `import path from 'node:path';\n// schema: 'no.prisma'\nexport default defineConfig({ schema: path.join(import.meta.dirname, "x", 'db'), migrations: { seed: 'tsx seed.ts', path: './x/history' } });`;
  assert.equal(found({ 'prisma.config.ts': config, 'x/db/a.prisma': SOURCE }), ['x/db', 'x/history']);
});

const plain = async (files: Record<string, string>, database: object, url?: string) => {
  const root = makeStrangeProduct({ database }, { DATABASE_URL: url ?? (await postgres.createDatabase()) });
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return runTaskForTest(status, root, ['--env', 'staging']);
};

test('a folder of schemas with spaces and quotes in its name, and a schema that is not there, which names those that are', async () => {
  const files = {
    "my 'data/models/a.prisma": MODEL,
    "my 'data/models/b.prisma": SOURCE,
    "my 'data/migrations/1 t/migration.sql": T,
  };
  const found = await plain(files, { schema: "my 'data/models", migrations: "my 'data/migrations" });
  assert.is(found.outcome?.verdict, '1 migration is pending on staging.', JSON.stringify(found.error));
  const { error } = await plain({ 'packages/a/x.prisma': SOURCE, 'packages/b/y.prisma': SOURCE }, {});
  assert.equal([error?.code, error?.exit], ['SCHEMA_MISSING', 2]);
  assert.match(error?.message ?? '', 'there are packages/a/x.prisma, packages/b/y.prisma');
  assert.match(error?.hint ?? '', 'one config serves one database');
  const several = await plain(
    { 'prisma/a.prisma': SOURCE, 'prisma/b.prisma': SOURCE, 'prisma/migrations/1/migration.sql': T },
    {},
  );
  assert.equal([several.error?.code, several.error?.exit], ['SCHEMA_SEVERAL', 2]);
});

const OTHERS: [value: string, said: RegExp][] = [
  ['mysql://u:p@h/db', /DATABASE_URL of staging is of MySQL; Drydock operates products on PostgreSQL/],
  ['file:./dev.db', /is of SQLite/],
  ['sqlserver://h:1433;database=x', /is of SQL Server/],
  ['mongodb+srv://u:p@h/db', /is of MongoDB/],
  [
    'prisma+postgres://localhost:51213/?api_key=abc',
    /is an address of Prisma Postgres .* needs the PostgreSQL behind it/,
  ],
  ['prisma://accelerate.prisma-data.net/?api_key=abc', /is an address of Prisma Accelerate/],
];

test('an address that is none of PostgreSQL is one sentence, which says what is served', async () => {
  for (const [value, said] of OTHERS)
    for (const variables of [
      {},
      { DATABASE_URL: { kind: 'postgres', example: 'postgresql://', about: 'the database' } },
    ]) {
      const root = makeStrangeProduct({ variables }, { DATABASE_URL: value });
      const { error } = await runTaskForTest(status, root, ['--env', 'staging']);
      assert.equal([error?.code, error?.exit], ['DATABASE_UNSERVED', 2], value);
      assert.match(error?.message ?? '', said);
    }
});

test('so is a schema of another database, whatever the address', async () => {
  for (const [provider, said] of [
    ['cockroachdb', 'of CockroachDB'],
    ['mongodb', 'of MongoDB'],
  ] as const) {
    const { error } = await plain(
      { 'prisma/schema.prisma': SOURCE.replace('postgresql', provider), 'prisma/migrations/1/migration.sql': T },
      {},
    );
    assert.equal([error?.code, error?.exit], ['DATABASE_UNSERVED', 2]);
    assert.match(error?.message ?? '', said);
  }
});

test('a migration that only changed its line ends is the same, and one with a byte order mark runs', async () => {
  const target = makeTarget(await postgres.createDatabase(), { '1_t': `\uFEFF${T}\n-- end\n` }, MODEL);
  assert.equal(
    (await rehearse(target)).findings.filter(({ level }) => level === 'error'),
    [],
  );
  const plain = makeTarget(await postgres.createDatabase(), { '1_t': `${T}\n-- end\n` }, MODEL);
  const { applyMigration } = await import('../src/migrations/apply.ts');
  const { readMigrations } = await import('../src/migrations/folder.ts');
  const [first] = readMigrations(plain.migrationsDir);
  if (!first) throw new Error('a migration');
  await applyMigration(plain.url, first, plain);
  writeMigration(dirname(plain.schemaFile), '1_t', `${T}\r\n-- end\r\n`);
  const { readState } = await import('../src/migrations/state.ts');
  assert.equal((await readState(plain)).edited, []);
  writeMigration(dirname(plain.schemaFile), '1_t', `${T}\r\n-- another end\r\n`);
  assert.equal((await readState(plain)).edited, ['1_t']);
});

test('scripts between migrations are said, not skipped in silence', async () => {
  const target = makeTarget(
    await postgres.createDatabase(),
    { '1_t': T, '3_n': 'ALTER TABLE "T" ADD COLUMN "m" INTEGER;' },
    'model T {\n  id BigInt @id\n  n Int?\n  m Int?\n}\n',
  );
  const root = dirname(target.schemaFile);
  mkdirSync(join(root, 'migrations/2_fill'));
  writeFileSync(join(root, 'migrations/2_fill/migration.ts'), 'export async function run() {}');
  writeFileSync(join(root, 'migrations/3_n/README.md'), 'about');
  writeFileSync(join(root, 'migrations/3_n/data-migration.ts'), '');
  writeFileSync(join(root, 'migrations/4_last.ts'), '');
  const { findings, migrations } = await rehearse(target);
  assert.equal(
    migrations.map(({ name }) => name),
    ['1_t', '3_n'],
  );
  const said = findings.find(({ code }) => code === 'SCRIPT_NOT_RUN');
  assert.is(said?.level, 'warn');
  assert.match(said?.message ?? '', 'Among what is pending are 2_fill/migration.ts, 3_n/data-migration.ts, 4_last.ts');
  rmSync(join(root, 'migrations/2_fill/migration.ts'));
  const error = await rehearse(target).then(
    () => undefined,
    (thrown) => thrown,
  );
  assert.is(error?.code, 'MIGRATION_FILE_MISSING', 'a folder with nothing in it has lost its file');
});

test('a schema of Prisma 4 with all of it is compared', async () => {
  const url = await postgres.createDatabase();
  await query(url, 'CREATE EXTENSION pgcrypto');
  const target = makeTarget(url, { '1_t': T }, MODEL);
  writeFileSync(target.schemaFile, `\uFEFF${HEADS['extensions on several lines']}${MODEL}`.replaceAll('\n', '\r\n'));
  assert.equal(
    (await rehearse(target)).findings.map(({ code }) => code),
    [],
  );
});

test.run();
