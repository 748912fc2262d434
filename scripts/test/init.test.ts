// Uses PostgreSQL: products of many shapes in folders of their own, none with the toolkit in it.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { placesOf } from '@drydock/db/schema';
import { loadConfig, type OpsError } from '@drydock/kit';
import { hintOf, linesToKillAt, runTaskForTest, Terminal, taskProcesses } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import status from '../../packages/db/scripts/status.ts';
import init from '../init.ts';

const test = suite('init');
const SCRIPT = join(import.meta.dirname, '../init.ts');
const ENTER = '\r';

const schema = (provider = 'postgresql', more = '') =>
  `datasource db {\n  provider = "${provider}"\n  url      = env("DATABASE_URL")\n${more}}\n\nmodel Item {\n  id Int @id\n}\n`;
const MIGRATION = 'CREATE TABLE "Item" ("id" INTEGER NOT NULL, CONSTRAINT "Item_pkey" PRIMARY KEY ("id"));\n';
const FIRST = 'prisma/migrations/20240101000000_init/migration.sql';

/** The plainest that there is. */
const PLAIN: Record<string, string> = {
  'package.json':
    '{\n  "name": "@acme/shop",\n  "type": "commonjs",\n  "scripts": {\n    "start": "node server.js"\n  }\n}\n',
  'prisma/schema.prisma': schema(),
  [FIRST]: MIGRATION,
};

function productWith(files: Record<string, string>, { git = false } = {}): string {
  const root = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-adopted-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  if (git) execFileSync('git', ['init', '--quiet', '--initial-branch', 'main'], { cwd: root });
  return root;
}

const read = (root: string, path: string) => readFileSync(join(root, path), 'utf8');
const run = (root: string, ...argv: string[]) => runTaskForTest(init, root, argv);
const refusal = async (files: Record<string, string>, ...argv: string[]) => {
  const root = productWith(files);
  const before = readdirSync(root);
  const { error } = await run(root, '--yes', ...argv);
  assert.equal(
    readdirSync(root).filter((name) => name !== '.drydock'),
    before,
    'nothing is written',
  );
  return error as OpsError;
};
/** As it was written, key by key. */
// biome-ignore lint/suspicious/noExplicitAny: each test knows what it looks for.
type Written = Record<string, any>;
/** Of a product that was set up: what its config says. */
const configOf = async (files: Record<string, string>, ...argv: string[]) => {
  const root = productWith(files);
  const { error } = await run(root, '--yes', ...argv);
  assert.is(error, undefined, error?.message);
  return (await loadConfig(undefined, root)).written as Written;
};

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
    release: {
      artifact: {
        include: ['.'],
        build: [
          { command: ['npm', 'ci'] },
          { command: ['npx', 'prisma', 'generate'] },
          { command: ['npm', 'run', 'build'] },
        ],
      },
      app: { command: ['node', 'dist/main.js'], readyPath: '/api/healthz' },
    },
    variables: { JWT_SECRET: { secret: true } },
  });
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

test('no value leaves the env files', async () => {
  const secrets = {
    DATABASE_URL: 'postgresql://app:pa55word-of-db@db.internal/shop',
    API_TOKEN: 'tok_0123456789',
    PLAIN_SETTING: 'a-plain-setting',
  };
  const env = Object.entries(secrets).map(([name, value]) => `${name}=${value}\n`);
  const root = productWith({ ...PLAIN, '.env': env.join('') }, { git: true });
  const { outcome, said } = await run(root, '--yes');
  const journals = readdirSync(join(root, '.drydock/runs')).map((name) =>
    read(root, `.drydock/runs/${name}/journal.jsonl`),
  );
  const written = ['package.json', 'drydock.config.ts', '.gitignore', '.env.staging.example'].map((path) =>
    read(root, path),
  );
  for (const text of [JSON.stringify(outcome), ...said, ...journals, ...written])
    for (const value of ['pa55word-of-db', 'tok_0123456789', 'a-plain-setting', 'db.internal'])
      assert.not.match(text, value);
  assert.match(read(root, '.env.staging.example'), /^API_TOKEN=$/m);
});

test('an example says what each variable is for, by the words of the product’s own', async () => {
  const root = productWith({
    ...PLAIN,
    '.env.example': '# Where mail goes\nSMTP_HOST=mail.internal\n# OLD_KEY=abc\nOTHER=1\n',
  });
  await run(root, '--yes', '--environments', 'dev,prod');
  const example = read(root, '.env.prod.example');
  assert.match(example, '# Where mail goes\nSMTP_HOST=\n');
  assert.not.match(example, /mail\.internal|OLD_KEY/);
  assert.match(read(root, '.env.dev.example'), /^NODE_ENV=$/m);
  assert.equal((await loadConfig(undefined, root)).environments.dev?.serves, 'developers');
});

test('package.json keeps its look: tabs, line ends, mark, order, what stands on one line', async () => {
  const text =
    '\uFEFF{\r\n\t"name": "shop",\r\n\t"files": ["a", "b"],\r\n\t"scripts": {\r\n\t\t"db:status": "mine"\r\n\t},\r\n\t"private": true\r\n}';
  const root = productWith({ ...PLAIN, 'package.json': text });
  await run(root, '--yes', '--release', 'no');
  const changed = read(root, 'package.json');
  assert.ok(changed.startsWith(text.slice(0, text.indexOf('"mine"') + 6)));
  assert.ok(changed.endsWith('\r\n\t},\r\n\t"private": true\r\n}'));
  assert.is(changed.replaceAll('\r\n', '').includes('\n'), false);
  const { scripts } = JSON.parse(changed.slice(1));
  assert.is(scripts['db:status'], 'mine');
  assert.match(scripts['db:deploy'], /^npm --prefix .* run --silent db:deploy -- --config "\$PWD"$/);
});

test('where the package is installed, the scripts are its command and the config has its types', async () => {
  const root = productWith({ ...PLAIN, 'node_modules/drydock/package.json': '{}' });
  await run(root, '--yes');
  assert.is(JSON.parse(read(root, 'package.json')).scripts['db:status'], 'drydock db:status');
  assert.match(read(root, 'drydock.config.ts'), "} satisfies import('drydock').DrydockConfig;\n");
  assert.is((await loadConfig(undefined, root)).product, 'shop');
});

test('a script that reaches the toolkit works from the product’s folder', async () => {
  const root = productWith({ ...PLAIN, '.env': 'DATABASE_URL=postgresql://localhost:1/shop\n' });
  await run(root, '--yes');
  const said = execFileSync('sh', ['-c', 'npm run db:status -- --env staging --json 2>/dev/null || true'], {
    cwd: root,
    encoding: 'utf8',
  });
  assert.match(said, 'PostgreSQL at localhost:1 cannot be reached');
});

test('a second run changes nothing, says what is there, and offers what is new', async () => {
  const root = productWith({ ...PLAIN, '.env': 'DATABASE_URL=postgresql://localhost/shop\n' }, { git: true });
  await run(root, '--yes');
  const own = 'export default { product: "mine" };\n';
  writeFileSync(join(root, 'drydock.config.ts'), own);
  writeFileSync(join(root, '.env.staging.example'), 'MINE=\n');
  writeFileSync(join(root, 'src.ts'), "app.get('/healthz')");
  const names = readdirSync(root).filter((name) => statSync(join(root, name)).isFile());
  const before = names.map((name) => read(root, name));
  // In a process of its own: a module that was loaded is not read again.
  const { code, stdout } = await taskProcesses(root).run('init', '--yes');
  assert.is(code, 0);
  assert.match(stdout, 'Everything that init writes for mine is there already.');
  assert.equal(
    names.map((name) => read(root, name)),
    before,
  );
  assert.match(stdout, /There already, and left as it is: .*drydock\.config\.ts/);
  assert.match(stdout, /CONFIG_THERE.*health: \{ path: '\/healthz', token: null \},/s);
});

test('--plan shows the files and writes none, not even the folder of the state', async () => {
  const root = productWith({ ...PLAIN });
  const before = readdirSync(root);
  const { said } = await run(root, '--plan');
  assert.equal(readdirSync(root), before);
  for (const line of ['export default {', "product: 'shop',", '"db:status": "npm --prefix', 'drydock.config.ts'])
    assert.ok(
      said.some((one) => one.includes(line)),
      line,
    );
});

test('git ignores what has values and takes the examples, whatever .gitignore said before', async () => {
  for (const [before, lines] of [
    [undefined, ['.env', '.env.local', '.env.*.local']],
    ['node_modules\r\n.env*', ['!.env.*.example']],
    ['.env\n.env.*\n!.env.*.example\n', []],
  ] as const) {
    const files = before === undefined ? {} : { '.gitignore': before };
    const root = productWith({ ...PLAIN, ...files, '.env': 'API_TOKEN=tok_0123456789\n' }, { git: true });
    await run(root, '--yes');
    const git = (path: string) =>
      execFileSync('sh', ['-c', `git check-ignore --quiet ${path} && echo ignored || echo taken`], {
        cwd: root,
        encoding: 'utf8',
      }).trim();
    assert.equal(['.env', '.env.production.local', '.env.production.example', '.drydock/runs'].map(git), [
      'ignored',
      'ignored',
      'taken',
      'ignored',
    ]);
    const after = existsSync(join(root, '.gitignore')) ? read(root, '.gitignore') : '';
    assert.equal(
      after
        .slice(before?.length ?? 0)
        .split(/\r?\n/)
        .filter(Boolean),
      [...lines],
    );
    if (before?.includes('\r\n')) assert.not.match(after.replaceAll('\r\n', ''), '\n');
  }
});

test('an env file with secrets that git has already is told', async () => {
  const root = productWith({ ...PLAIN, '.env': 'API_TOKEN=tok_0123456789\n' }, { git: true });
  execFileSync('git', ['add', '.env'], { cwd: root });
  const { outcome } = await run(root, '--yes');
  assert.match(outcome?.findings?.find(({ code }) => code === 'ENV_FILE_TRACKED')?.hint ?? '', 'git rm --cached .env');
});

test('what is missing is told with what it would bring and what to type', async () => {
  const root = productWith({
    ...PLAIN,
    '.env': 'DATABASE_URL=postgresql://a.pooler.example:6543/shop?pgbouncer=true\n',
  });
  const { outcome } = await run(root, '--yes');
  const codes = outcome?.findings?.map(({ code }) => code) ?? [];
  assert.equal(codes, ['DATABASE_BY_POOLER', 'URL_SHARED', 'BACKUPS', 'HEALTH', 'PUBLIC_URL', 'PROXY', 'GIT']);
  assert.ok(
    outcome?.findings?.every(({ hint }) => hint),
    'each has what to type',
  );
  assert.match(outcome?.next ?? '', 'npm run doctor -- --env development');
});

const refused: [string, Record<string, string>, string, string, string[]?][] = [
  ['no package.json', { 'prisma/schema.prisma': schema() }, 'PACKAGE_MISSING', 'There is no package.json in '],
  ['one that is broken', { ...PLAIN, 'package.json': '{ "name": ' }, 'PACKAGE_BROKEN', 'package.json is no JSON'],
  [
    'one that cannot be read',
    { 'package.json/x': '', 'prisma/schema.prisma': schema() },
    'FILE_UNREADABLE',
    'package.json cannot be read (EISDIR).',
  ],
  ['no Prisma', { 'package.json': '{}' }, 'SCHEMA_MISSING', 'There is no Prisma schema in '],
  [
    'a schema that is not where it is said to be',
    { 'package.json': '{ "prisma": { "schema": "gone.prisma" } }' },
    'SCHEMA_MISSING',
    'package.json says that the Prisma schema is gone.prisma, and there is none.',
  ],
  [
    'MySQL',
    { ...PLAIN, 'prisma/schema.prisma': schema('mysql') },
    'NOT_POSTGRESQL',
    'is for mysql, and Drydock operates PostgreSQL alone.',
  ],
  [
    'SQLite with CRLF',
    { ...PLAIN, 'prisma/schema.prisma': schema('sqlite').replaceAll('\n', '\r\n') },
    'NOT_POSTGRESQL',
    'is for sqlite',
  ],
  [
    'a broken schema',
    { ...PLAIN, 'prisma/schema.prisma': `${schema()}model Order {\n  item Item @relation(\n}\n` },
    'SCHEMA_BROKEN',
    'Prisma cannot read the schema prisma/schema.prisma: prisma/schema.prisma:',
  ],
  [
    'several schemas',
    { 'package.json': '{}', 'a/schema.prisma': schema(), 'b/schema.prisma': schema() },
    'SCHEMAS_SEVERAL',
    'There are several Prisma schemas: a/schema.prisma, b/schema.prisma.',
  ],
  [
    'a name that no environment can have',
    PLAIN,
    'USAGE',
    '"local" is no name of an environment',
    ['--environments', 'development,local'],
  ],
  ['a path that is none', PLAIN, 'USAGE', '--health must be a path', ['--health', 'healthz']],
];
for (const [what, files, code, message, argv = []] of refused)
  test(`refused in one sentence: ${what}`, async () => {
    const error = await refusal(files, ...argv);
    assert.equal([error.code, error.exit], [code, 2]);
    assert.match(error.message, message);
    assert.not.match(error.message, '\n');
    assert.ok(hintOf(error), 'with what to do');
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

test('from elsewhere the product is named by --config, its folder will do; the toolkit itself is refused', async () => {
  const root = productWith(PLAIN);
  const { outcome, error } = await runTaskForTest(init, tmpdir(), ['--config', root, '--yes']);
  assert.is(error, undefined, error?.message);
  assert.match(outcome?.next ?? '', `npm run doctor -- --env development --config ${root}`);
  assert.ok(existsSync(join(root, 'drydock.config.ts')));
  const toolkit = join(import.meta.dirname, '../..');
  assert.is((await runTaskForTest(init, toolkit, ['--yes'])).error?.code, 'TOOLKIT_ITSELF');
});

test('where nobody can be asked, somebody says --yes (exit 2)', async () => {
  const { code, stderr, stdout } = await taskProcesses(productWith(PLAIN)).run('init');
  assert.is(code, 2);
  assert.match(`${stdout}${stderr}`, 'init asks before it writes, and nobody can be asked here.');
});

test('killed in the middle, files are whole or not there, and the next run finishes', async () => {
  const whole = productWith(PLAIN);
  await taskProcesses(whole).run('init', '--yes');
  const files = ['package.json', 'drydock.config.ts', '.env.staging.example', '.env.production.example'];
  for (const lines of linesToKillAt(2, 11)) {
    const root = productWith(PLAIN);
    const tasks = taskProcesses(root);
    await tasks.killAt(lines, 'init', '--yes');
    for (const file of files.filter((one) => existsSync(join(root, one))))
      assert.ok([read(whole, file), PLAIN[file]].includes(read(root, file)), `${file} at ${lines}`);
    const { code, stderr } = await tasks.run('init', '--yes');
    assert.is(code, 0, stderr);
    for (const file of files) assert.is(read(root, file), read(whole, file));
  }
});

test('a person is asked what a look leaves open, sees the files, and says yes', async () => {
  const root = productWith({ ...PLAIN, 'src/a.js': "app.get('/healthz')" });
  const terminal = new Terminal(root, [SCRIPT], {});
  await terminal.sees('Which environments are there, in the order of promotion?');
  terminal.type(`,canary${ENTER}`);
  await terminal.sees('Where does the product tell how it is? (seen in src/a.js)');
  terminal.type(ENTER);
  await terminal.sees('Shall Drydock release it too');
  terminal.type(`n`);
  await terminal.sees('drydock.config.ts');
  await terminal.sees('go on?');
  terminal.type('y');
  assert.is(await terminal.ended(), 0, terminal.seen);
  const { environments, written } = await loadConfig(undefined, root);
  assert.equal(Object.keys(environments), ['development', 'staging', 'production', 'canary']);
  assert.equal(written.health, { path: '/healthz', token: null });
  assert.is(written.release, undefined);
});

test('who says no has nothing written', async () => {
  const root = productWith(PLAIN);
  const terminal = new Terminal(
    root,
    [SCRIPT, '--environments', 'development', '--health', 'none', '--release', 'no'],
    {},
  );
  await terminal.sees('go on?');
  terminal.type('n');
  assert.is(await terminal.ended(), 4);
  assert.not.ok(existsSync(join(root, 'drydock.config.ts')));
});

test.run();
