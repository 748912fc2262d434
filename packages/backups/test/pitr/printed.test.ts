// Uses PostgreSQL; what is printed runs in ../pitr.long.test.ts.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OpsError } from '@drydock/kit';
import { makeStrangeProduct } from '@drydock/kit/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { tooOld } from '../../src/pitr/ask.ts';
import { readTarget } from '../../src/pitr/target.ts';
import { PG_CTL, pitr, print, query, startHost } from './host.ts';

const test = suite('backup:pitr');
const AWAY = { OPS_DATABASE_URL: 'postgresql://owner:password@127.0.0.1:9/none' };
let host: Awaited<ReturnType<typeof startHost>>;
test.before(async () => {
  host = await startHost();
});
test.after(() => host.stop());

const product = (pitrConfig: object, env: Record<string, string> = { OPS_DATABASE_URL: host.postgres.adminUrl }) =>
  makeStrangeProduct({ backups: { pitr: pitrConfig } }, env);

test('what the server says of itself is printed, and what it does already is warned of', async () => {
  const { postgres, data, at } = host;
  const { status, stdout } = await print(product({ rpoMinutes: 10 }), '--json');
  assert.is(status, 0);
  const { data: said, findings } = JSON.parse(stdout);
  const { dataFolder, port, socketFolder, binFolder, configFile } = said.plan.server;
  assert.equal([dataFolder, port, socketFolder], [data, postgres.port, at('socket')]);
  assert.equal([binFolder, configFile], [dirname(PG_CTL), join(data, 'postgresql.conf')]);
  assert.match(said.files[1].text, "archive_timeout = '300'");
  assert.equal(
    findings.map(({ code }: { code: string }) => code),
    ['REPOSITORY_ON_HOST'],
  );
});

test('archiving that is there already is warned of', async () => {
  const { postgres, data } = host;
  const sql = ["ALTER SYSTEM SET archive_mode = 'on'", "ALTER SYSTEM SET archive_command = 'cp %p /mnt/wal/%f'"];
  for (const statement of sql) await query(postgres.adminUrl, statement);
  await host.succeed(`${PG_CTL} -D '${data}' -l '${host.at('server.log')}' -w restart`);
  assert.match((await print(product({}))).stderr, 'ARCHIVING_TAKEN: WAL is archived already, by: cp %p /mnt/wal/%f');
  // There is no such folder: nothing arrives.
  await query(postgres.adminUrl, 'SELECT pg_switch_wal()');
  while ((await query(postgres.adminUrl, 'SELECT 1 FROM pg_stat_archiver WHERE failed_count > 0')).length === 0)
    await sleep(50);
  assert.match(
    (await print(product({}))).stderr,
    /ARCHIVING_FAILS: WAL is not archived: [0-9A-F]{24} could not be sent/,
  );
});

test("a role that may not look, and a server that is away, get Debian's folders and are told", async () => {
  const { postgres } = host;
  await query(postgres.adminUrl, `CREATE ROLE plain LOGIN PASSWORD 'plain-password'`);
  const plain = postgres.urlOf('postgres', { user: 'plain', password: 'plain-password' });
  const weak = await print(product({}, { OPS_DATABASE_URL: plain }));
  assert.match(weak.stderr, 'FOLDER_ASSUMED');
  assert.match(weak.stdout, `pg1-port=${postgres.port}`);
  const away = await print(product({}, AWAY));
  assert.is(away.status, 0);
  assert.match(away.stderr, /SERVER_NOT_ASKED: PostgreSQL at 127.0.0.1:9 cannot be reached/);
  assert.match(away.stdout, "# Nobody could say where the data lies: pg1-path is Debian's own place");
  assert.match(away.stdout, 'pg1-path=/var/lib/postgresql/15/main\npg1-port=9\n');
  // There the server's configuration lies outside its data.
  assert.match(away.stdout, '-c config_file=/etc/postgresql/15/main/postgresql.conf -c data_directory=');
  const given = await print(product({ server: { dataFolder: '/data/pg' } }, AWAY));
  assert.not.match(given.stdout, 'Nobody could say');
  assert.match(given.stdout, 'pg1-path=/data/pg\n');
});

test('what lies outside of the data folder is put beside it in a copy; how much WAL may wait is printed where it is chosen; and when to back up', async () => {
  const { stdout } = await print(product({ queueGiB: 20 }, AWAY));
  assert.match(stdout, '--tablespace-map-all=/var/lib/postgresql/15/main-restored-tablespaces');
  assert.match(stdout, '\narchive-push-queue-max=20GiB\n');
  assert.match(stdout, /# 30 1 \* \* 0 pgbackrest .* --type=full backup/);
  assert.match(stdout, /pgbackrest .* stanza-upgrade/);
  assert.not.match((await print(product({}))).stdout, /tablespace-map|queue-max/);
});

test('the history that is gone along is named: that of the backup, unless another is asked for', async () => {
  const back = async (...args: string[]) => (await print(product({}, AWAY), ...args)).stdout;
  for (const line of (await back()).split('\n').filter((one) => one.includes('--type=time')))
    assert.match(line, '--target-timeline=current');
  assert.match(await back('--timeline', '3'), '--target-timeline=3');
  assert.match(await back('--timeline', 'latest'), '--target-timeline=latest');
  const wrong = await print(product({}, AWAY), '--timeline', 'newest', '--json');
  assert.equal([wrong.status, JSON.parse(wrong.stdout).error.code], [2, 'TIMELINE_MALFORMED']);
});

test("a server that Debian's pgBackRest is too old for is told", () => {
  assert.equal(tooOld(15), []);
  const [finding] = tooOld(18);
  assert.is(finding?.code, 'PGBACKREST_TOO_OLD');
  assert.match(finding?.message ?? '', 'knows PostgreSQL up to 15, and the server is 18');
});

test('a server that refuses is a mistake to mend, not to guess around', async () => {
  const wrong = host.postgres.urlOf('postgres', { user: 'drydock', password: 'wrong-password' });
  const { status, stdout, stderr } = await print(product({}, { OPS_DATABASE_URL: wrong }));
  assert.equal([status, stdout], [1, '']);
  assert.match(stderr, 'password authentication failed');
});

test('a repository on S3 names bucket and endpoint, and no key', async () => {
  const env = {
    ...AWAY,
    BACKUP_BUCKET: 'shop-wal',
    S3_REGION: 'eu-central-1',
    S3_SECRET_ACCESS_KEY: 'a-key-that-nobody-may-see',
  };
  const repository = { kind: 's3' };
  const { stdout } = await print(product({ repository }, env));
  for (const line of [
    'type=s3',
    's3-bucket=shop-wal',
    's3-endpoint=s3.eu-central-1.amazonaws.com',
    's3-uri-style=host',
  ])
    assert.match(stdout, `\nrepo1-${line}\n`);
  assert.match(stdout, 'PGBACKREST_REPO1_S3_KEY_SECRET');
  assert.not.match(stdout, 'nobody-may-see');
  const plain = await print(product({ repository }, { ...env, S3_ENDPOINT: 'http://s3.internal' }), '--json');
  assert.is(plain.status, 2);
  const { error } = JSON.parse(plain.stdout);
  assert.is(error.code, 'ENDPOINT_NOT_TLS');
  assert.match(error.message, 'pgBackRest speaks to S3 through TLS only, and S3_ENDPOINT is no https:// address.');
  const nowhere = await print(product({ repository }, AWAY));
  assert.is(nowhere.status, 2);
  assert.match(nowhere.stderr, 'S3_REGION is not set for staging');
});

test('a moment needs its zone, and must have been', () => {
  const now = Date.parse('2026-11-24T12:00:00Z');
  const read = (text: string) => {
    try {
      return readTarget(text, now);
    } catch (error) {
      return `${(error as OpsError).code} ${(error as Error).message}`;
    }
  };
  assert.is(read('2026-11-24T10:15:30Z'), '2026-11-24 10:15:30+00');
  assert.is(read('2026-11-24 10:15:30.123456+00'), '2026-11-24 10:15:30.123456+00');
  assert.is(read('2026-11-24 10:15:30+05:30'), '2026-11-24 10:15:30+05:30');
  for (const text of ['yesterday', '2026-11-24 10:15:30', '2026-13-24T10:15:30Z', '2026-11-24T10:15Z'])
    assert.match(read(text), /^TARGET_MALFORMED --target must be a moment with its time zone/, text);
  assert.match(read('2026-11-24T12:02:00Z'), /^TARGET_IN_FUTURE .*has not come yet/);
  assert.match(read('2026-11-24 09:00:00-04'), 'has not come yet');
});

test('a mistake is one sentence and exit 2', async () => {
  const root = product({}, {});
  const mistakes: [string[], RegExp][] = [
    [['--target', 'noon'], /--target must be a moment/],
    [['--port', '99999'], /--port must be a whole number from 1 to 65535/],
    [['--file', 'nothing'], /There is no "nothing" among what backup:pitr prints/],
  ];
  for (const [args, said] of mistakes) {
    const { status, stdout, stderr } = await print(root, ...args);
    assert.is(status, 2, args.join(' '));
    assert.match(stdout + stderr, said);
  }
  const bad = await print(product({ configFile: 'pgbackrest.conf' }, {}));
  assert.match(bad.stdout + bad.stderr, 'backups.pitr.configFile: must be a whole path');
  const bare = await pitr(root);
  assert.is(bare.status, 2);
  assert.match(bare.stderr, 'it prints what to set up');
  assert.not(existsSync(join(root, '.drydock')));
});

test.run();
