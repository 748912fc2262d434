// Uses PostgreSQL. Tasks fail with secrets in what they have to say; nothing that they leave behind may hold one.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Secret, withPostgres } from '@drydock/kit';
import { canary, LeakScan, makeStrangeProduct, taskProcesses } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('no secret is left anywhere');
const LEAKY = join(import.meta.dirname, 'fixtures/leaky.ts');
const [KEY, PASSWORD, WRONG, ADMIN] = [canary('key'), canary('pw'), canary('wrong'), canary('admin')];
const REASON = canary('reason');
const PATH_KEY = 'kP4thK3yZx81LmPxW2aB9cDe';
let postgres: TestPostgres;
let url: string;
let root: string;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
  url = await postgres.createDatabase('shop');
  await withPostgres(new Secret(url), 'test', (client) =>
    client.query(`CREATE ROLE ops SUPERUSER LOGIN PASSWORD '${PASSWORD}'`),
  );
  root = makeStrangeProduct(
    {
      variables: {
        OPS_DATABASE_URL: { kind: 'postgres', secret: true, example: 'postgresql://…', about: 'the database' },
        API_KEY: { secret: true, example: 'k', about: 'a key' },
        REASON_TOKEN: { secret: true, example: 'r', about: 'said in a reason by mistake' },
        BACKUP_SIGNING_KEY: { secret: true, example: 'k', about: 'signs backups' },
        ADMIN_TOKEN: { secret: true, example: 't', about: 'opens the endpoint' },
      },
    },
    {
      OPS_DATABASE_URL: address(PASSWORD),
      API_KEY: KEY,
      ADMIN_TOKEN: ADMIN,
      REASON_TOKEN: REASON,
      PUBLIC_URL: `http://127.0.0.1:1/${PATH_KEY}/x`,
    },
  );
  mkdirSync(join(root, 'prisma/migrations/1_init'), { recursive: true });
  writeFileSync(
    join(root, 'prisma/schema.prisma'),
    'datasource db {\n  provider = "postgresql"\n}\nmodel A {\n  id Int @id\n}\n',
  );
  writeFileSync(join(root, 'prisma/migrations/migration_lock.toml'), 'provider = "postgresql"\n');
  const all = [KEY, encodeURIComponent(KEY), JSON.stringify(KEY), Buffer.from(KEY).toString('base64'), PASSWORD];
  const raise = all.map((one) => `RAISE WARNING '%', $x$${one}$x$;`).join('\n');
  writeFileSync(
    join(root, 'prisma/migrations/1_init/migration.sql'),
    `CREATE TABLE "A" (id int PRIMARY KEY);\nDO $do$ BEGIN\n${raise}\nRAISE EXCEPTION E'no %\\n::error::x', $x$${all.join('\n')}$x$;\nEND $do$;\n`,
  );
});
test.after(() => postgres.stop());

const address = (password: string, port = postgres.port) =>
  `postgresql://ops:${encodeURIComponent(password)}@127.0.0.1:${port}/shop`;
const scan = () => new LeakScan({ API_KEY: KEY, PASSWORD, WRONG, ADMIN, PATH_KEY });
/** What a test wrote into the product by hand. */
const OURS = ['.env.staging', 'prisma'];

const leaky = (...args: string[]) => run(LEAKY, '--env', 'staging', ...args);

async function run(script: string, ...args: string[]): Promise<{ code: number | null; said: string }> {
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, CI: 'true' };
  const child = spawn(process.execPath, [script, ...args], { cwd: root, env });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, said };
}

test('after failures of every kind: output, journals, audit, locks and arguments', async () => {
  const found = scan();
  const watch = found.watchArguments();
  const said: string[] = [];
  const fails = async (exit: number, env: Record<string, string>, task: string, ...args: string[]) => {
    const { code, stdout, stderr } = await taskProcesses(root, env).run(task, ...args);
    said.push(stdout, stderr);
    found.text(`${task} ${args.join(' ')}`, stdout + stderr);
    assert.is(code, exit, `${task}: ${scan().text('', stdout + stderr).leaks.length > 0 ? 'a leak' : stdout + stderr}`);
  };
  await fails(1, {}, 'db:deploy');
  await fails(1, { DEBUG: '1' }, 'db:deploy', '--json');
  for (const format of ['github', 'markdown', 'sarif']) await fails(3, {}, 'db:dry-run', '--format', format);
  await fails(3, {}, 'db:dry-run', '--json');
  for (const broken of [address(WRONG), address(WRONG, 1)])
    for (const args of [[], ['--json']]) await fails(1, { OPS_DATABASE_URL: broken, DEBUG: '1' }, 'db:status', ...args);
  await fails(2, { OPS_DATABASE_URL: `postgresql://ops:${WRONG}@[/shop` }, 'db:status');
  await fails(3, {}, 'health:check');
  await fails(3, {}, 'env:check', '--json');
  for (const way of ['undo', 'uncaught'])
    for (const args of [[], ['--json']]) {
      const { code, said: text } = await leaky('--way', way, ...args);
      assert.is(code, 1);
      said.push(text);
      found.text(`leaky ${way}`, text);
    }
  await fails(0, {}, 'ops:log', '--json');
  await fails(0, {}, 'ops:log');
  watch.stop();
  assert.match(said.join(''), 'cannot be undone: ***');
  assert.match(said.join(''), 'thrown ***');

  found.folder(root, OURS);
  await found.database('staging', url);
  assert.equal(found.leaks, []);
  assert.ok(
    found.looked.files >= 5 && found.looked.rows >= 3 && found.looked.processes > 10,
    JSON.stringify(found.looked),
  );
});

test('a secret in a reason: the audit log, the lock, the journal, the manifest of a backup, and what others are told', async () => {
  const keys = (await run(join(import.meta.dirname, '../../packages/backups/scripts/keygen.ts'))).said;
  const [, recipient] = /public +(age1\S+)/.exec(keys) ?? [];
  const [, signing] = /secret +(\S+)/.exec(keys) ?? [];
  appendFileSync(join(root, '.env.staging'), `BACKUP_RECIPIENTS='${recipient}'\nBACKUP_SIGNING_KEY='${signing}'\n`);
  const found = new LeakScan({ REASON, BACKUP_SIGNING_KEY: signing ?? '' });
  const tasks = taskProcesses(root, { DRYDOCK_ACTOR: `me ${REASON}` });
  const holds = tasks.start('ops:lock', '--for', '1h', '--reason', `frozen ${REASON}`);
  let holding = '';
  holds.stdout?.on('data', (chunk) => (holding += chunk));
  const ended = once(holds, 'exit');
  while (!holding.includes('→ hold')) await new Promise((done) => setTimeout(done, 50));
  const refused = await tasks.run('db:backup', '--reason', 'x');
  assert.is(refused.code, 5);
  assert.match(refused.stdout, 'because: frozen ***');
  await found.text('refused', holding + refused.stdout + refused.stderr).database('staging', url);
  holds.kill('SIGINT');
  await ended;
  const { code, stdout, stderr } = await tasks.run('db:backup', '--reason', `because ${REASON}`);
  assert.is(code, 0, stdout + stderr);
  found.text('db:backup', stdout + stderr).folder(root, OURS);
  await found.database('staging', url);
  assert.equal(found.leaks, []);
  const kept = readdirSync(join(root, '.drydock/backups'), { recursive: true, encoding: 'utf8' });
  const manifest = kept.find((name) => name.endsWith('manifest.json')) ?? '';
  assert.is(JSON.parse(readFileSync(join(root, '.drydock/backups', manifest), 'utf8')).reason, 'because ***');
});

test('a leak that is planted is found: past the mask, in a file, in a row, in arguments, in an environment', async () => {
  const leaksOf = async (look: (found: LeakScan) => unknown) => {
    const found = scan();
    await look(found);
    return found.leaks;
  };
  const past = await leaky('--way', 'fd');
  assert.is(past.code, 0);
  assert.equal(await leaksOf((found) => found.text('output', past.said)), [{ secret: 'API_KEY', where: 'output' }]);
  assert.is((await leaky('--way', 'file')).code, 0);
  assert.equal(await leaksOf((found) => found.folder(root, OURS)), [
    { secret: 'API_KEY', where: '.drydock/report.txt' },
  ]);
  await withPostgres(new Secret(url), 'test', (client) =>
    client.query('UPDATE drydock.operation_lock SET reason = $1', [
      `said ${Buffer.from(`x${PASSWORD}`).toString('base64')}`,
    ]),
  );
  assert.equal(await leaksOf((found) => found.database('staging', url)), [
    { secret: 'PASSWORD', where: 'staging: drydock.operation_lock' },
  ]);
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)', PATH_KEY], {
    env: { K: KEY },
    stdio: 'ignore',
  });
  await once(child, 'spawn');
  const found = scan().environ('the child', child.pid ?? 0);
  const watch = found.watchArguments();
  while (found.leaks.length < 2) await new Promise((done) => setTimeout(done, 10));
  watch.stop();
  child.kill('SIGKILL');
  assert.equal(
    found.leaks.map(({ secret }) => secret),
    ['API_KEY', 'PATH_KEY'],
  );
});

test.run();
