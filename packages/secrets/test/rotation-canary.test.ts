// Uses PostgreSQL, Redis, git and strace. Secrets are rotated whole, taken back, ended at once, refused and killed; every value that was ever made is
// searched for everywhere afterwards, and one that is planted is found in each place.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig, loadEnvironment, Secret, withPostgres } from '@drydock/kit';
import {
  killedAt,
  LeakScan,
  makeStrangeProduct,
  type SeenProcess,
  straceIsMissing,
  taskProcesses,
  watchProcesses,
} from '@drydock/kit/testing';
import { startTestRedis, type TestRedis } from '@drydock/sandbox/testing';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ensureTables } from '../src/record/tables.ts';
import { teamOf } from '../src/team/team.ts';
import { searchCheckout } from './canary.ts';
import { servesTokens, shortLived } from './faults/jwt.ts';
import { type StandIn, startStandIn } from './faults/product.ts';
import { ACCESS, hs256 } from './jwt/open.ts';
import { as, PASSWORDS, startWorld, type World } from './postgres/world.ts';
import { quiet, say } from './redis/world.ts';

const test = suite('no value of a rotation is left anywhere');
const FIRST = {
  MAIL_KEY: 'canary-mail-0a9d',
  SLOW_KEY: 'canary-slow-7c1e',
  ADMIN_TOKEN: 'canary-admin-42fb',
  [ACCESS]: hs256('k0'),
};
const [APP, OPS, ROOT] = ['canary-redis-app-11', 'canary-redis-ops-22', 'of-the-test-alone'];
const ENV_FILES = ['.env.staging', '.env.staging.local'];
const KEYS = join(import.meta.dirname, 'fixtures/keys.mjs');
/** Programs of the product's own, which cannot do their work without a value. */
const MUST_HAVE = ['fixtures/keys.mjs', 'fixtures/redeploy-to.mjs'];

let world: World;
let redis: TestRedis;
let standIn: StandIn;
let identity: string;
let root: string;
const monitored: string[] = [];
const said: string[] = [];
let processes: SeenProcess[] = [];
let values: Record<string, string> = {};

test.before(async () => {
  identity = await generateIdentity();
  standIn = await startStandIn({});
  world = await startWorld();
  redis = await startTestRedis({
    acl: `user default off\nuser app on >${APP} ~* &* +@all -@admin -@dangerous +info\nuser ops on >${OPS} -@all +@connection +acl +client +info +config|get +config|rewrite\nuser root on >${ROOT} ~* &* +@all\n`,
    args: ['--loglevel', 'debug', '--slowlog-log-slower-than', '0', '--slowlog-max-len', '100000'],
  });
  const keysOf = (variable: string, first: string) => {
    const file = join(mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-keys-')), 'keys.json');
    writeFileSync(file, JSON.stringify([first]));
    const call = (what: string) => [process.execPath, KEYS, what, file];
    return {
      kind: 'generic',
      variable,
      overlap: 'both',
      add: call('add'),
      retire: call('retire'),
      proof: call('proof'),
    };
  };
  const mail = keysOf('MAIL_KEY', FIRST.MAIL_KEY);
  const broken = {
    command: [process.execPath, '-e', 'console.log(process.env.MAIL_KEY); process.exit(process.env.BROKEN ? 1 : 0)'],
  };
  const env = {
    ...FIRST,
    DATABASE_URL: as(world, 'app_a', PASSWORDS.app_a),
    ROTATOR_URL: as(world, 'rotator', PASSWORDS.rotator),
    OPS_DATABASE_URL: world.url,
    REDIS_URL: `redis://app:${APP}@127.0.0.1:${redis.port}`,
    OPS_REDIS_URL: `redis://ops:${OPS}@127.0.0.1:${redis.port}`,
    PUBLIC_URL: standIn.url,
    SECRETS_IDENTITY: identity,
  };
  const names = ['MAIL_KEY', 'SLOW_KEY', 'ADMIN_TOKEN', ACCESS, 'DATABASE_URL', 'REDIS_URL'];
  root = makeStrangeProduct(
    {
      environments: { staging: { guard: 'none' } },
      secrets: {
        rotate: {
          mail: { ...mail, validate: broken },
          slow: { ...keysOf('SLOW_KEY', FIRST.SLOW_KEY), settleSeconds: 3_600 },
          admin: { kind: 'token', list: true },
          tokens: shortLived,
          database: { kind: 'postgres', variable: 'DATABASE_URL', rotator: 'ROTATOR_URL' },
          redis: { kind: 'redis' },
        },
        team: { recipients: [{ name: 'ada', recipient: await identityToRecipient(identity) }] },
        redeploy: { command: standIn.command(names) },
      },
    },
    env,
  );
  standIn.serve((held) => (request, response) => {
    const now = { ...env, ...held };
    if (request.url !== '/api/admin/health') return servesTokens({ [ACCESS]: now[ACCESS] ?? '' })(request, response);
    const taken = now.ADMIN_TOKEN.split(',').includes((request.headers.authorization ?? '').replace('Bearer ', ''));
    response.writeHead(taken ? 200 : 401).end('{}');
  });
  // Each value is sealed before anybody is told of it: here all of them come by.
  await withPostgres(new Secret(world.url), 'test', async (client) => {
    await ensureTables(client);
    await client.query(`CREATE TABLE sealed (text text);
      CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF NEW.sealed IS NOT NULL THEN INSERT INTO public.sealed VALUES (NEW.sealed); END IF; RETURN NULL; END';
      CREATE TRIGGER keep AFTER INSERT OR UPDATE ON drydock.secret_generation FOR EACH ROW EXECUTE FUNCTION keep()`);
  });
  values = Object.fromEntries(
    [...Object.values(env), APP, OPS, ...Object.values(PASSWORDS)]
      .filter((one) => one !== standIn.url && one !== world.url)
      .map((one, n) => [`first ${n}`, one]),
  );
});
test.after(async () => {
  standIn.stop();
  await Promise.all([world.stop(), redis.stop()]);
});

/** Every value that was ever made, and the keys in those that hold several. */
async function madeValues(): Promise<Record<string, string>> {
  const config = await loadConfig(undefined, root);
  const team = teamOf(config, loadEnvironment(config, 'staging', {}));
  const rows = await world.query<{ text: string }>('SELECT DISTINCT text FROM sealed');
  const made = new Set<string>();
  for (const { text } of rows)
    for (const value of Object.values(
      JSON.parse(await team.open(text, 'a generation')) as Record<string, string | null>,
    )) {
      for (const one of [value, ...(value?.includes('://') ? [] : (value?.split(/[,:.]/) ?? []))])
        if (one && one.length >= 16) made.add(one);
    }
  return Object.fromEntries([...made].map((value, n) => [`made ${n}`, value]));
}

const redisRoot = () => `redis://root:${ROOT}@127.0.0.1:${redis.port}`;
const mayHave = ({ command }: SeenProcess) =>
  MUST_HAVE.some((program) => command.includes(program)) || command.includes('process.env.BROKEN');

/** All places, as they are now. */
async function search(secrets: Record<string, string>, seen: readonly SeenProcess[] = processes): Promise<LeakScan> {
  const scan = new LeakScan(secrets);
  scan.text('output', said.join('\n'));
  searchCheckout(scan, root, ENV_FILES);
  await scan.database('staging', world.url);
  for (const one of seen) {
    scan.text(`the arguments of ${one.command.slice(0, 60)}`, one.command);
    if (!mayHave(one)) scan.text(`the environment of ${one.command.slice(0, 60)}`, one.environ);
  }
  scan.text("PostgreSQL's log", await world.log());
  scan.text("Redis' log", readFileSync(redis.logFile));
  scan.text('MONITOR', monitored.join('\n'));
  scan.text('SLOWLOG', JSON.stringify(await say(redisRoot(), ['SLOWLOG', 'GET', '-1'])));
  scan.text("Redis' ACL file", readFileSync(redis.acl ?? ''));
  return scan;
}

test('rotated, taken back, ended at once, refused, killed: in output, journals, audit, records, processes, logs, git and temporary folders', async () => {
  const monitor = await quiet(redisRoot()).monitor();
  monitor.on('monitor', (_time: string, words: string[]) => monitored.push(words.join(' ')));
  const watching = watchProcesses();
  const tasks = taskProcesses(root, { DEBUG: '1' });
  const run = async (code: number, task: string, ...args: string[]) => {
    const ended = await tasks.run(task, ...args);
    said.push(ended.stdout, ended.stderr);
    assert.is(ended.code, code, `${task} ${args.join(' ')} ended with ${ended.code}: ${ended.stdout}${ended.stderr}`);
  };
  for (const name of ['mail', 'admin', 'database', 'redis', 'tokens'])
    await run(0, 'secrets:rotate', name, '--yes', '--wait', '60s');
  await run(0, 'secrets:rotate', 'slow', '--yes', '--wait', '0s');
  await run(0, 'secrets:revert', 'slow', '--yes', '--wait', '0s');
  await run(0, 'secrets:rotate', 'database', '--yes', '--emergency', '--reason', 'it is out');
  // Tried, refused, and taken back; what it prints is its value.
  writeFileSync(join(root, '.env.staging.local'), "BROKEN='1'\n");
  await run(1, 'secrets:rotate', 'mail', '--yes');
  rmSync(join(root, '.env.staging.local'));
  // PostgreSQL refuses the ALTER ROLE, and logs the statement.
  await world.query('ALTER ROLE rotator SET default_transaction_read_only = on');
  await run(1, 'secrets:rotate', 'database', '--yes', '--json');
  await world.query('ALTER ROLE rotator RESET default_transaction_read_only');
  assert.match(await world.log(), /cannot execute .* in a read-only transaction/);
  if (!straceIsMissing()) {
    const { through, during } = killedAt({ name: 'fsync', nth: 25 }, 'before');
    const killed = taskProcesses(root, {}, through).run('secrets:rotate', 'redis', '--yes');
    assert.ok(await during(killed));
    said.push((await killed).stdout, (await killed).stderr);
    await run(0, 'secrets:rotate', '--resume', '--yes', '--lock-wait', '30s');
  }
  await run(0, 'secrets:status', '--json').catch(() => {});
  await run(0, 'ops:log', '--json');
  processes = watching.stop();
  monitor.disconnect();
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', root, '-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args]);
  git('init', '-q');
  writeFileSync(join(root, '.gitignore'), '.env*\n');
  git('add', '-A');
  git('add', '-f', '.drydock/runs', '.drydock/secrets');
  git('commit', '-qm', 'all that there is');
  values = { ...values, ...(await madeValues()) };
  assert.ok(Object.keys(values).length >= 20, `${Object.keys(values).length} values`);
  const { leaks, looked } = await search(values);
  assert.equal(leaks, []);
  console.log(
    `  ${Object.keys(values).length} values, ${JSON.stringify(looked)}, ${processes.length} processes, ${monitored.length} commands of Redis`,
  );
  assert.ok(processes.some(({ command }) => command.includes('secrets-rotate')) && processes.some(mayHave));
  assert.ok(looked.files > 20 && looked.rows > 50 && monitored.length > 20, JSON.stringify(looked));
});

test('one that is planted is found in each place', async () => {
  const [name = '', value = ''] =
    Object.entries(values).find(([key, one]) => key.startsWith('made') && /^[\w-]{43}$/.test(one)) ?? [];
  const secrets = { [name]: value };
  const base64 = Buffer.from(`x${value}`).toString('base64');
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)', value], {
    env: { HELD: value },
    stdio: 'ignore',
  });
  await once(child, 'spawn');
  const seen = watchProcesses().stop();
  child.kill('SIGKILL');
  const monitor = await quiet(redisRoot()).monitor();
  monitor.on('monitor', (_time: string, words: string[]) => monitored.push(words.join(' ')));
  await say(redisRoot(), ['SET', 'planted', value]);
  while (!monitored.at(-1)?.includes(value)) await new Promise((done) => setTimeout(done, 10));
  monitor.disconnect();
  await world.query(`SELECT '${value}'`);
  await world.query(`UPDATE drydock.secret_rotation SET reason = '${base64}'`);
  said.push(JSON.stringify({ said: value }));
  writeFileSync(join(root, 'notes'), value);
  execFileSync('git', ['-C', root, '-c', 'user.name=t', '-c', 'user.email=t@example.org', 'add', 'notes']);
  execFileSync('git', ['-C', root, '-c', 'user.name=t', '-c', 'user.email=t@example.org', 'commit', '-qm', 'notes']);
  rmSync(join(root, 'notes'));
  appendFileSync(join(root, '.drydock/left'), encodeURIComponent(value));
  appendFileSync(redis.logFile, value);
  appendFileSync(redis.acl ?? '', `# ${value}\n`);
  const folder = mkdtempSync(join(tmpdir(), 'drydock-secrets-'));
  writeFileSync(join(folder, 'draft'), value);
  const found = (await search(secrets, seen)).leaks.map(({ where }) => where);
  rmSync(folder, { recursive: true });
  for (const where of [
    'output',
    '.drydock/left',
    'git',
    'draft',
    'staging: drydock.secret_rotation',
    "PostgreSQL's log",
    "Redis' log",
    'MONITOR',
    'SLOWLOG',
    "Redis' ACL file",
    'the arguments of',
    'the environment of',
  ])
    assert.ok(
      found.some((one) => one.startsWith(where)),
      `${where} among ${found.join(', ')}`,
    );
});

test.run();
