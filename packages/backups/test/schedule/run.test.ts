// Uses PostgreSQL, the Sentry sink, and scripts/backup-db.ts as a schedule calls it.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseEnv } from 'node:util';
import { freePort, Secret, withPostgres } from '@drydock/kit';
import { makeStrangeProduct } from '@drydock/kit/testing';
import { startTestPostgres, startTestSink, type TestPostgres } from '@drydock/sandbox/testing';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openCheckIn } from '../../src/schedule/check-in.ts';
import { runScheduled, runScript, type ScheduledTask } from '../../src/schedule/run.ts';

const test = suite('scheduled runs');
const SCRIPTS = resolve(import.meta.dirname, '../../../../scripts');
const BACKUP_DB = ['--require', join(SCRIPTS, 'first.cjs'), join(SCRIPTS, 'backup-db.ts')];
let postgres: TestPostgres;
let sink: Awaited<ReturnType<typeof startTestSink>>;
/** Accepts connections and never answers, as a host behind a firewall that drops. */
let blackHole: Server;
const held: Socket[] = [];
test.before(async () => {
  [postgres, sink] = await Promise.all([startTestPostgres(), startTestSink()]);
  blackHole = createServer((socket) => void held.push(socket));
  await new Promise<void>((done) => blackHole.listen(0, '127.0.0.1', done));
});
test.before.each(async () => {
  await fetch(`${sink.url}/_events`, { method: 'DELETE' });
});
test.after(async () => {
  for (const socket of held) socket.destroy();
  blackHole.close();
  await Promise.all([postgres.stop(), sink.stop()]);
});

interface Received {
  check_in_id: string;
  monitor_slug: string;
  status: string;
  environment: string;
  duration?: number;
  monitor_config: object;
}
const checkIns = async () =>
  (await sink.events('sentry')).filter(({ name }) => name === 'check_in').map(({ payload }) => payload as Received);

const monitor = (dsn: string) => ({
  dsn,
  env: 'staging',
  slug: 'shop-backup-staging',
  cron: '17 2 * * *',
  timeZone: 'Europe/Berlin',
  marginMinutes: 30,
  maxMinutes: 180,
});

/** Stand-ins for the tasks: each writes its name down, takes its time, and ends with its code. */
function standIns(codes: Record<string, number>, waitMs = 0): { tasks: ScheduledTask[]; ran(): string[] } {
  const folder = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-scripts-'));
  const log = join(folder, 'log');
  const script = join(folder, 'stand-in.mjs');
  writeFileSync(
    script,
    `import { appendFileSync } from 'node:fs';
     const [name, code] = process.argv.slice(2);
     appendFileSync(${JSON.stringify(log)}, name + '\\n');
     setTimeout(() => process.exit(Number(code)), ${waitMs});`,
  );
  return {
    tasks: Object.entries(codes).map(([name, code]) => ({ name, script, args: [name, String(code)] })),
    ran: () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []),
  };
}

async function runStandIns(codes: Record<string, number>, dsn: string, waitMs = 0) {
  const { tasks, ran } = standIns(codes, waitMs);
  const warnings: string[] = [];
  const code = await runScheduled({
    tasks,
    run: runScript,
    checkIn: openCheckIn(monitor(dsn)),
    warn: (text) => warnings.push(text),
  });
  return { code, ran: ran(), warnings };
}

test('a run that goes well checks in at its start and at its end, with how long it took', async () => {
  const run = await runStandIns({ backup: 0, prune: 0 }, sink.sentryDsn, 400);
  assert.equal(run, { code: 0, ran: ['backup', 'prune'], warnings: [] });
  const [start, end, ...more] = await checkIns();
  assert.equal(more, []);
  assert.equal([start?.status, end?.status], ['in_progress', 'ok']);
  assert.is(start?.check_in_id, end?.check_in_id);
  assert.is(start?.duration, undefined);
  assert.ok((end?.duration ?? 0) >= 0.8 && (end?.duration ?? 0) < 20, `seconds: ${end?.duration}`);
  for (const { monitor_slug, environment, monitor_config } of [start, end] as Received[]) {
    assert.equal([monitor_slug, environment], ['shop-backup-staging', 'staging']);
    assert.equal(monitor_config, {
      schedule: { type: 'crontab', value: '17 2 * * *' },
      timezone: 'Europe/Berlin',
      checkin_margin: 30,
      max_runtime: 180,
    });
  }
});

test('a start is told while the backup runs, not after it', async () => {
  const checkIn = openCheckIn(monitor(sink.sentryDsn));
  const during = async () => {
    while ((await checkIns()).length === 0) await sleep(20);
    return 0;
  };
  const [task] = standIns({ backup: 0 }).tasks as [ScheduledTask];
  assert.is(await runScheduled({ tasks: [task], run: during, checkIn, warn: () => {} }), 0);
  assert.equal(
    (await checkIns()).map(({ status }) => status),
    ['in_progress', 'ok'],
  );
});

test('the first failure ends the run with its exit code: nothing is pruned without a new backup', async () => {
  assert.equal(await runStandIns({ backup: 5, prune: 0 }, sink.sentryDsn), { code: 5, ran: ['backup'], warnings: [] });
  assert.equal(
    (await checkIns()).map(({ status }) => status),
    ['in_progress', 'error'],
  );
  const second = await runStandIns({ backup: 0, prune: 1 }, sink.sentryDsn);
  assert.equal([second.code, second.ran], [1, ['backup', 'prune']]);
});

test('a Sentry that is away or silent costs no backup and at most two seconds', async () => {
  const { port } = blackHole.address() as { port: number };
  for (const dsn of [`http://key@127.0.0.1:${await freePort()}/1`, `http://key@127.0.0.1:${port}/1`, 'no dsn at all']) {
    const withoutSentry = performance.now();
    await runScheduled({ tasks: standIns({ backup: 0 }).tasks, run: runScript, checkIn: undefined, warn: () => {} });
    const usual = performance.now() - withoutSentry;
    const began = performance.now();
    const { code, ran } = await runStandIns({ backup: 0 }, dsn);
    const delay = performance.now() - began - usual;
    assert.equal([code, ran], [0, ['backup']]);
    assert.ok(delay < 2_900, `${dsn}: ${delay} ms`);
  }
});

test('a Sentry that could not be told is said, whatever the backup did', async () => {
  const { port } = blackHole.address() as { port: number };
  for (const dsn of [`http://key@127.0.0.1:${port}/1`, 'no dsn at all']) {
    const { code, warnings } = await runStandIns({ backup: 3 }, dsn);
    assert.is(code, 3);
    assert.equal(warnings, ['Sentry could not be told of this run (error).']);
  }
});

test('a child that was killed counts as a shell counts it', async () => {
  const { tasks } = standIns({ backup: 0 }, 20_000);
  const folder = mkdtempSync(join(process.env.DRYDOCK_TEST_ROOT ?? tmpdir(), 'drydock-scripts-'));
  const script = join(folder, 'dies.mjs');
  writeFileSync(script, `process.kill(process.pid, 'SIGKILL');`);
  assert.is(await runScript({ ...(tasks[0] as ScheduledTask), script }), 137);
});

/** A product with a database, a public key, and a monitor. */
async function product(more: Record<string, string> = {}): Promise<string> {
  return makeStrangeProduct(
    { backups: { stores: [{ kind: 'file', path: 'kept' }] } },
    {
      OPS_DATABASE_URL: await postgres.createDatabase(),
      BACKUP_RECIPIENTS: await identityToRecipient(await generateIdentity()),
      SENTRY_DSN: sink.sentryDsn,
      ...more,
    },
  );
}
const backupDb = (root: string, ...args: string[]) =>
  spawn(process.execPath, [...BACKUP_DB, '--env', 'staging', ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
const backups = (root: string) =>
  existsSync(join(root, 'kept/strange/staging')) ? readdirSync(join(root, 'kept/strange/staging')) : [];

async function finish(child: ReturnType<typeof backupDb>): Promise<{ code: number | null; said: string }> {
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, said };
}

test('scripts/backup-db.ts backs up, prunes, shows both, and checks in as product and environment', async () => {
  const root = await product();
  const { code, said } = await finish(backupDb(root));
  assert.is(code, 0, said);
  assert.match(said, /staging is backed up as .*Of staging 0 backups are deleted, 1 kept/s);
  assert.is(backups(root).length, 1);
  assert.equal(
    (await checkIns()).map(({ monitor_slug, status }) => [monitor_slug, status]),
    [
      ['strange-backup-staging', 'in_progress'],
      ['strange-backup-staging', 'ok'],
    ],
  );
});

test('a backup that cannot be made is its exit code and an error at the monitor', async () => {
  const root = await product({ OPS_DATABASE_URL: 'postgresql://owner:password@127.0.0.1:9/none' });
  const { code, said } = await finish(backupDb(root, '--json'));
  assert.is(code, 1, said);
  assert.match(said, 'cannot be reached');
  assert.match(said, '"code": "TASK_FAILED"');
  assert.not.match(said, 'backup:prune');
  assert.is((await checkIns()).at(-1)?.status, 'error');
});

test('a drill checks in as a job of its own, and its no is an error at the monitor; so does a check', async () => {
  const identity = await generateIdentity();
  const root = await product({ BACKUP_IDENTITY: identity, BACKUP_RECIPIENTS: await identityToRecipient(identity) });
  assert.is((await finish(backupDb(root))).code, 0);
  const last = async (part: string) => {
    const { code, said } = await finish(backupDb(root, '--only', part, '--quiet', '--lock-wait', '10s'));
    const { monitor_slug, status } = (await checkIns()).at(-1) as Received;
    return { code, said, at: [monitor_slug, status] };
  };
  assert.equal(await last('drill'), { code: 0, said: '', at: ['strange-drill-staging', 'ok'] });
  assert.equal(await last('check'), { code: 0, said: '', at: ['strange-check-staging', 'ok'] });
  // Nothing can be compared with it.
  const [id = ''] = backups(root);
  rmSync(join(root, 'kept/strange/staging', id, 'database.dump.zst.age'));
  const failed = await last('drill');
  assert.not.equal(failed.code, 0);
  assert.equal(failed.at, ['strange-drill-staging', 'error']);
  assert.match(failed.said, 'database.dump.zst.age', 'what went wrong is said, quiet or not');
});

test('a lock that another holds is waited for where the schedule says so', async () => {
  const root = await product();
  const { OPS_DATABASE_URL: url = '' } = parseEnv(readFileSync(join(root, '.env.staging'), 'utf8'));
  await withPostgres(new Secret(url), 'drydock lock 01J0000000000000000000RUN1', async (client) => {
    await client.query(`SELECT pg_advisory_lock(${0x44525944}, 1)`);
    assert.is((await finish(backupDb(root, '--only', 'backup'))).code, 5);
    const waits = finish(backupDb(root, '--only', 'backup', '--lock-wait', '1m'));
    await sleep(1_500);
    await client.query(`SELECT pg_advisory_unlock(${0x44525944}, 1)`);
    assert.is((await waits).code, 0);
  });
});

test('the night after a kill -9 finishes what was begun, without anybody being asked', async () => {
  const root = await product();
  const child = backupDb(root, '--only', 'backup');
  const runs = join(root, '.drydock/runs');
  while (!existsSync(runs) || !readdirSync(runs).some((run) => existsSync(join(runs, run, 'journal.jsonl'))))
    await sleep(5);
  const [pid] = spawnSync('pgrep', ['-P', String(child.pid)], { encoding: 'utf8' })
    .stdout.trim()
    .split('\n');
  process.kill(Number(pid), 'SIGKILL');
  child.kill('SIGKILL');
  await once(child, 'close');
  const { code, said } = await finish(backupDb(root, '--only', 'backup'));
  assert.is(code, 0, said);
  assert.match(said, 'Going on with run');
});

test('SIGTERM to the script alone ends its child, and the monitor hears of it', async () => {
  const root = await product();
  const child = backupDb(root, '--only', 'backup');
  const ended = finish(child);
  const runs = join(root, '.drydock/runs');
  while (!existsSync(runs) || readdirSync(runs).length === 0) await sleep(5);
  child.kill('SIGTERM');
  const { code, said } = await ended;
  assert.is(code, 130, said);
  assert.is((await checkIns()).at(-1)?.status, 'error');
});

test('a mistake on the command line is one sentence and exit 2, and starts nothing', async () => {
  const root = await product();
  const mistakes: [string[], RegExp][] = [
    [['--only', 'restore'], /--only must be one of backup, prune, drill, check, not "restore"/],
    [['--nonsense'], /Unknown option '--nonsense'/],
    [['--config', '/nowhere/drydock.config.ts'], /does not exist/],
  ];
  for (const [args, said] of mistakes) {
    const ended = await finish(backupDb(root, ...args));
    assert.is(ended.code, 2);
    assert.match(ended.said, said);
  }
  assert.equal([backups(root), await checkIns()], [[], []]);
});

test.run();
