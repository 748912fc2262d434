// Uses git, PostgreSQL and HAProxy.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig, loadEnvironment, readRuns, Secret, withPostgres } from '@drydock/kit';
import { makeStrangeProduct, runTaskForTest } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import releaseTask from '../scripts/release.ts';
import { readCheckout } from '../src/checkout.ts';
import { releaseConfig } from '../src/config.ts';
import { productQuestions } from '../src/preflight/product.ts';
import { toolQuestions } from '../src/preflight/tools.ts';
import { makeWorld, type World } from './world.ts';

const test = suite('preflight of a release');
let world: World;
test.before(async () => {
  world = await makeWorld({
    variables: { SHOP_KEY: { example: 'abc', about: 'opens the shop', required: ['production'] } },
  });
});
test.after(() => world.stop());

/** Nothing is begun: no run, no change of the database. */
async function refused(args: string[]) {
  const runs = readRuns(world.root).length;
  const { error, said } = await world.release(undefined, args);
  assert.ok(error, said.join('\n'));
  assert.is(readRuns(world.root).length, runs);
  assert.match(error.message, /^Nothing was begun: /);
  return { ...error, message: error.message, table: said.join('\n') };
}
const envFile = (env: string) => join(world.root, `.env.${env}`);
/** Changes lines of an environment's file for the length of `work`; null takes one out. */
async function withVariables<T>(
  env: string,
  change: Record<string, string | null>,
  work: () => Promise<T>,
): Promise<T> {
  const before = readFileSync(envFile(env), 'utf8');
  const kept = before.split('\n').filter((line) => !Object.keys(change).some((name) => line.startsWith(`${name}=`)));
  const lines = Object.entries(change).flatMap(([name, value]) => (value === null ? [] : [`${name}='${value}'`]));
  writeFileSync(envFile(env), [...kept, ...lines, ''].join('\n'));
  try {
    return await work();
  } finally {
    writeFileSync(envFile(env), before);
  }
}
const variable = (env: string, name: string) =>
  new RegExp(`^${name}='(.*)'$`, 'm').exec(readFileSync(envFile(env), 'utf8'))?.[1] ?? '';

test('all that is missing is told at once, of every environment, whatever comes first: exit 2', async () => {
  await world.alsoProduction({
    PROXY_SOCKET: '/nowhere/admin.sock',
    BACKUP_RECIPIENTS: 'nobody',
    OPS_DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none',
  });
  writeFileSync(join(world.root, 'not-committed.txt'), '');
  const error = await withVariables('staging', { PUBLIC_URL: null, PROXY_SOCKET: null }, () =>
    refused(['--env', 'production']),
  );
  rmSync(join(world.root, 'not-committed.txt'));
  assert.equal([error.code, error.exit], ['PREFLIGHT_FAILED', 2]);
  const codes = error.findings.map(({ code, message }) => `${code} ${message}`);
  for (const each of [
    'CHECKOUT_DIRTY The checkout has changes that are not in commit',
    'VARIABLE_MISSING staging: PUBLIC_URL',
    'VARIABLE_MISSING staging: PROXY_SOCKET',
    'VARIABLE_MISSING production',
    'DATABASE_UNREACHABLE production',
    'RECIPIENT_MALFORMED production',
    'PROXY_UNREACHABLE production',
  ])
    assert.ok(
      codes.some((code) => code.startsWith(each)),
      `${each} in ${codes.join(', ')}`,
    );
  for (const { message } of error.findings) assert.match(error.message, message);
  assert.match(error.table, 'SHOP_KEY is not set for production');
  // The next command is about the environment that it would mend.
  assert.match(error.table, /backup:keygen -- --env production|backup:keygen/);
});

test('one thing alone is told by its own code, also where nobody could be asked for the lock', async () => {
  await world.alsoProduction({ OPS_DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none', SHOP_KEY: 'x' });
  const error = await refused(['--env', 'production']);
  assert.equal([error.code, error.exit, error.findings.length], ['DATABASE_UNREACHABLE', 2, 1]);
});

test('a product that is pointed to another database than its operators is not released', async () => {
  await world.alsoProduction({});
  const theirs = variable('production', 'OPS_DATABASE_URL');
  const error = await withVariables('staging', { DATABASE_URL: theirs }, () => refused(['--env', 'staging']));
  assert.equal([error.code, error.exit], ['ANOTHER_DATABASE', 2]);
  const own = variable('staging', 'OPS_DATABASE_URL');
  const same = await withVariables('staging', { DATABASE_URL: own }, () =>
    world.release(undefined, ['--env', 'staging', '--plan']),
  );
  assert.is(same.error, undefined);
});

test("a database that says that it is another environment's: told with the rest, and refused by its guard alone", async () => {
  await world.alsoProduction({ SHOP_KEY: 'x' });
  const url = variable('production', 'OPS_DATABASE_URL');
  await withPostgres(new Secret(url), 'test', async (client) => {
    await client.query(`CREATE SCHEMA drydock; CREATE TABLE drydock.identity (one boolean PRIMARY KEY DEFAULT true, product text, environment text, since timestamptz DEFAULT now());
      INSERT INTO drydock.identity (product, environment) VALUES ('strange', 'development')`);
  });
  const alone = await refused(['--env', 'production']);
  assert.equal([alone.code, alone.exit], ['WRONG_ENVIRONMENT', 4]);
  const both = await withVariables('production', { BACKUP_RECIPIENTS: null }, () => refused(['--env', 'production']));
  assert.is(both.exit, 2);
  assert.match(both.message, 'says that it is development');
  assert.match(both.message, 'BACKUP_RECIPIENTS is not set for production');
});

test('a config that says nothing of releases is one thing that is missing among others', async () => {
  const root = makeStrangeProduct({});
  writeFileSync(join(root, '.gitignore'), '');
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.test', ...args], { cwd: root });
  git('init', '-q', '-b', 'trunk');
  git('add', '.gitignore', 'drydock.config.ts');
  git('commit', '-qm', 'a stranger');
  mkdirSync(join(root, 'node_modules'));
  writeFileSync(join(root, 'node_modules/x.js'), '');
  const { error } = await runTaskForTest(releaseTask, root, ['--env', 'staging']);
  assert.equal([error?.code, error?.exit], ['PREFLIGHT_FAILED', 2]);
  const found = Object.fromEntries(
    (error?.findings ?? []).map(({ code, message, hint }) => [code + message, String(hint ?? '')]),
  );
  const said = (part: string) => Object.entries(found).find(([text]) => text.includes(part))?.[1] ?? `no ${part}`;
  assert.match(said('RELEASE_NOT_CONFIGURED'), 'release: {}');
  assert.match(said('CHECKOUT_DIRTY'), /^Name \.env\.staging, node_modules\/ in \.gitignore/);
  assert.match(said('BASE_BRANCH_UNKNOWN'), 'release.baseBranch');
  assert.match(said('START_UNKNOWN'), 'app: { command:');
  assert.match(said('HEALTH_PATH_UNKNOWN'), 'expect: { status: 200 }');
  assert.match(said('staging: PUBLIC_URL'), 'PUBLIC_URL=');
  assert.match(said('BACKUP_RECIPIENTS is not set'), 'backup:keygen');
  assert.match(said('staging: PROXY_SOCKET and PROXY_STATE_FILE'), 'release:proxy');
});

test('a start that the commit has not is refused before anything is built', async () => {
  const startOf = async (app: object, more: object = {}) => {
    const root = makeStrangeProduct({ release: { app, ...more } });
    const config = await loadConfig(undefined, root);
    writeFileSync(join(root, 'main.js'), '');
    writeFileSync(join(root, 'package.json'), '{"scripts":{"serve":"node main.js"}}');
    execFileSync('sh', ['-c', 'git init -q && git add -A && git -c user.name=t -c user.email=t@e.t commit -qm x'], {
      cwd: root,
    });
    const environment = loadEnvironment(config, 'staging', { PATH: process.env.PATH });
    const questions = productQuestions(config, releaseConfig(config), environment, () => readCheckout(root));
    const start = questions.find(({ about }) => about === 'start');
    return start?.ask(new AbortController().signal).catch(({ code, message }) => `${code} ${message}`) ?? '';
  };
  assert.match(await startOf({}), 'START_UNKNOWN release.app.command is "npm start"');
  assert.is(await startOf({ command: ['npm', 'run', 'serve'] }), 'npm run serve');
  assert.is(await startOf({ command: ['node', 'main.js'] }), 'node main.js');
  assert.match(await startOf({ command: ['node', 'dist/main.js'] }), /^START_UNKNOWN .* starts dist\/main\.js/);
  const built = { artifact: { build: [{ command: ['make'] }] } };
  assert.is(await startOf({ command: ['node', 'dist/main.js'] }, built), 'node dist/main.js');
});

test('a program that the build starts is looked for before', async () => {
  const root = makeStrangeProduct({
    release: {
      artifact: { include: ['x'], build: [{ command: ['no-such-builder', 'x'] }, { command: ['node', 'x'] }] },
      app: { command: ['node'] },
      flow: { command: ['sh', '-c', 'true'] },
    },
  });
  const config = await loadConfig(undefined, root);
  const environment = loadEnvironment(config, 'staging', { PATH: process.env.PATH });
  const questions = toolQuestions(config, releaseConfig(config), environment);
  const answers = questions.map(async ({ about, ask }) => {
    return [
      about,
      await ask(new AbortController().signal).catch(({ code, exit, message }) => `${code} ${exit} ${message}`),
    ];
  });
  const said = Object.fromEntries(await Promise.all(answers));
  assert.match(said['no-such-builder'], /^TOOL_MISSING 2 no-such-builder is not installed .*release.artifact.build/);
  assert.match(said.sh, '/sh');
  assert.match(said.git, /^\d+\./);
  assert.not.ok('node' in said);
});

test('a migration that the version that serves cannot live with is refused before anything is done', async () => {
  assert.is((await world.release()).error, undefined);
  mkdirSync(join(world.root, 'prisma/migrations/2_away'), { recursive: true });
  writeFileSync(join(world.root, 'prisma/migrations/2_away/migration.sql'), 'DROP TABLE jobs;\n');
  writeFileSync(join(world.root, 'prisma/schema.prisma'), 'datasource db {\n  provider = "postgresql"\n}\n');
  execFileSync('git', ['add', '-A'], { cwd: world.root });
  world.commit();
  const error = await refused(['--env', 'staging']);
  assert.equal([error.code, error.exit], ['DROPS_USED', 4]);
  assert.match(error.message, 'drops table public.jobs, which the running version');
  const accepted = await world.release(undefined, ['--env', 'staging', '--plan', '--accept', 'DROPS_USED']);
  assert.is(accepted.error, undefined);
});

test('whoever holds the lock is named in a plan, and does not hide what is missing', async () => {
  await withPostgres(new Secret(variable('staging', 'OPS_DATABASE_URL')), 'drydock lock 01ABC', async (client) => {
    await client.query('SELECT pg_advisory_lock(1146247492, 1)');
    const plan = await world.release(undefined, ['--env', 'staging', '--plan', '--accept', 'DROPS_USED']);
    assert.is(plan.error, undefined);
    assert.match(plan.said.join('\n'), 'staging is locked by run 01ABC');
    const { error } = await world.release(undefined, ['--env', 'staging', '--accept', 'DROPS_USED']);
    assert.equal([error?.code, error?.exit], ['LOCKED', 5]);
  });
});

test.run();
