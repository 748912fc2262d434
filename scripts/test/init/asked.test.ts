// Uses real terminals: what init refuses, asks, and does when it is killed.
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '@drydock/kit';
import { hintOf, linesToKillAt, runTaskForTest, Terminal, taskProcesses } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import init from '../../init.ts';
import { PLAIN, productWith, read, refusal, schema } from './product.ts';

const test = suite('what init asks');
const SCRIPT = join(import.meta.dirname, '../../init.ts');
const ENTER = '\r';

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

test('from elsewhere the product is named by --config, its folder will do; the toolkit itself is refused', async () => {
  const root = productWith(PLAIN);
  const { outcome, error } = await runTaskForTest(init, tmpdir(), ['--config', root, '--yes']);
  assert.is(error, undefined, error?.message);
  assert.match(outcome?.next ?? '', `npm run doctor -- --env development --config ${root}`);
  assert.ok(existsSync(join(root, 'drydock.config.ts')));
  const toolkit = join(import.meta.dirname, '../../..');
  assert.is((await runTaskForTest(init, toolkit, ['--yes'])).error?.code, 'TOOLKIT_ITSELF');
});

test('where nobody can be asked, somebody says --yes (exit 2)', async () => {
  const { code, stderr, stdout } = await taskProcesses(productWith(PLAIN)).run('init');
  assert.is(code, 2);
  assert.match(`${stdout}${stderr}`, 'init asks before it writes, and nobody can be asked here.');
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

test.run();
