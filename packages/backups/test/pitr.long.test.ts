// Uses PostgreSQL, pgBackRest and S3, with exactly what is printed.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { freePort } from '@drydock/kit';
import { whenThorough } from '@drydock/kit/testing';
import { startTestS3, testRoot } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { commands, PASS, PG_CTL, query, startHost } from './pitr/host.ts';

const test = suite('point in time');
const thoroughly = whenThorough(test);
const LEDGER = 'SELECT id, amount, note FROM ledger ORDER BY id';
const OPENSSL = 'openssl';
let host: Awaited<ReturnType<typeof startHost>>;
test.before(async () => {
  host = await startHost();
});
test.after(() => host.stop());

test('what is printed backs up a server and brings it back to a moment, row by row', async () => {
  const { at, succeed, postgres } = host;
  const root = host.product({ kind: 'posix', path: at('repository') }, 'pgbackrest.conf');
  await host.handOver(root, 'pgbackrest.conf');
  const setUp = await commands(root);
  await succeed(setUp['stanza-create']);
  await succeed(setUp.check);

  const url = await postgres.createDatabase('shop');
  await query(url, 'CREATE TABLE ledger (id int PRIMARY KEY, amount numeric, note text)');
  await query(url, `INSERT INTO ledger SELECT n, n * 1.01, 'before the backup' FROM generate_series(1, 1000) n`);
  await succeed(setUp.full);
  await query(url, `INSERT INTO ledger SELECT n, n * 1.01, 'after the backup' FROM generate_series(1001, 1500) n`);
  await query(url, `UPDATE ledger SET amount = -1 WHERE id % 7 = 0`);
  await succeed(setUp.diff);
  await query(url, `DELETE FROM ledger WHERE id % 11 = 0`);
  const wanted = await query(url, LEDGER);
  const [{ moment } = {}] = await query(url, 'SELECT clock_timestamp()::text AS moment');
  await query(url, `INSERT INTO ledger VALUES (9999, 0, 'after the moment')`);
  await query(url, 'DROP TABLE ledger');

  const port = await freePort();
  const back = await commands(root, '--target', String(moment), '--into', at('restored'), '--port', String(port));
  await succeed(back.send);
  const acknowledged = join(at('spool'), 'archive/strange-staging/out');
  assert.ok(existsSync(acknowledged));
  await succeed(back.restore);
  assert.ok(existsSync(acknowledged), 'what the live server archives is not disturbed');
  await succeed(back.start);
  await succeed(back.wait);
  const copy = url.replace(`:${postgres.port}/`, `:${port}/`);
  assert.is(wanted.length, 1_364);
  assert.equal(await query(copy, LEDGER), wanted);
  // Open for writes, and without WAL of its own in the original's repository.
  await query(copy, `INSERT INTO ledger VALUES (9999, 1, 'in the copy')`);
  assert.equal(await query(copy, 'SHOW archive_mode'), [{ archive_mode: 'off' }]);
  assert.match(readFileSync(at('restored/postgresql.auto.conf'), 'utf8'), `--spool-path=${at('restored')}-spool`);
  await succeed(back.stop);
  assert.equal(await query(url, `SELECT to_regclass('ledger') AS ledger`), [{ ledger: null }], 'the original goes on');
  assert.equal(await query(url, 'SELECT failed_count FROM pg_stat_archiver'), [{ failed_count: '0' }]);
});

thoroughly('in place, the live server itself comes back to the moment, and archives on', async () => {
  const { at, succeed, postgres, data } = host;
  const root = host.product({ kind: 'posix', path: at('repository') }, 'pgbackrest.conf');
  const url = await postgres.createDatabase('other');
  await query(url, 'CREATE TABLE kept AS SELECT generate_series(1, 100) AS n');
  const [{ moment } = {}] = await query(url, 'SELECT clock_timestamp()::text AS moment');
  await query(url, 'DROP TABLE kept');
  const back = await commands(root, '--target', String(moment));
  await succeed(back.send);
  await succeed(`${PG_CTL} -D '${data}' -m fast stop`);
  await succeed(back['in-place']);
  // The throw-away server has these from its command line, others from their file.
  const settings = `-p ${postgres.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=${at('socket')} -c hot_standby=off`;
  await succeed(`${PG_CTL} -D '${data}' -l '${at('server.log')}' -o '${settings}' -w start`);
  await succeed(back.wait.replaceAll(/-h localhost -p \d+/g, `-h 127.0.0.1 -p ${postgres.port}`));
  assert.equal(await query(url, 'SELECT count(*)::int AS rows FROM kept'), [{ rows: 100 }]);
  await succeed(back.check);
  await succeed(back.full);
});

thoroughly(
  'gone back too far, it goes on to the later moment that was meant, along the history that was left',
  async () => {
    const { at, succeed, postgres, data } = host;
    const root = host.product({ kind: 'posix', path: at('repository') }, 'pgbackrest.conf');
    const url = await postgres.createDatabase('twice');
    const now = async () => String((await query(url, 'SELECT clock_timestamp()::text AS moment'))[0]?.moment);
    const settings = `-p ${postgres.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=${at('socket')} -c hot_standby=off`;
    /** What the wait for it ends with. */
    const goBack = async (target: string, ...more: string[]) => {
      const back = await commands(root, '--target', target, ...more);
      // It may have ended by itself.
      await host.asOwner(`${PG_CTL} -D '${data}' -m fast stop`);
      await succeed(back['in-place']);
      await host.asOwner(`${PG_CTL} -D '${data}' -l '${at('server.log')}' -o '${settings}' -w start`);
      const wait = back.wait.replaceAll(/-h localhost -p \d+/g, `-h 127.0.0.1 -p ${postgres.port}`);
      return (await host.asOwner(wait)).status;
    };
    await succeed((await commands(root)).full);
    await query(url, 'CREATE TABLE kept AS SELECT 1 AS n');
    const tooFar = await now();
    await query(url, 'INSERT INTO kept VALUES (2)');
    const meant = await now();
    await query(url, 'INSERT INTO kept VALUES (3)');
    await succeed((await commands(root)).send);

    assert.is(await goBack(tooFar), 0);
    assert.equal(await query(url, 'SELECT n FROM kept ORDER BY n'), [{ n: 1 }]);
    await query(url, 'INSERT INTO kept VALUES (-1)');
    const later = await now();
    const [{ timeline } = {}] = await query(
      url,
      `SELECT ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int AS timeline`,
    );
    await query(url, 'INSERT INTO kept VALUES (-2)');
    await succeed((await commands(root)).send);

    assert.is(await goBack(meant), 0);
    assert.equal(await query(url, 'SELECT n FROM kept ORDER BY n'), [{ n: 1 }, { n: 2 }]);
    await query(url, 'INSERT INTO kept VALUES (-3)');
    await succeed((await commands(root)).send);

    // A moment of the history between the two, which no backup was made in: by its number it is reached, and never by chance.
    assert.is(await goBack(later), 2);
    assert.is(await goBack(later, '--timeline', String(timeline)), 0);
    assert.equal(await query(url, 'SELECT n FROM kept ORDER BY n'), [{ n: -1 }, { n: 1 }]);
  },
);

test('a moment that the repository cannot reach is no success', async () => {
  const { at, succeed, asOwner } = host;
  const root = host.product({ kind: 'posix', path: at('repository') }, 'pgbackrest.conf');
  const port = String(await freePort());
  const early = await commands(root, '--target', '2020-01-01T00:00:00Z', '--into', at('early'), '--port', port);
  assert.is.not((await asOwner(early.restore)).status, 0);
  // Nothing was committed since: the WAL ends before it, and the copy ends with it.
  const late = await commands(root, '--target', new Date().toISOString(), '--into', at('late'), '--port', port);
  await succeed(late.restore);
  await asOwner(late.start);
  assert.is((await asOwner(late.wait)).status, 2);
  assert.match(readFileSync(at('late.log'), 'utf8'), 'recovery ended before configured recovery target was reached');
});

thoroughly('the repository cannot be read without the pass, which stands in no file', async () => {
  const { at, asOwner } = host;
  const info = readFileSync(join(at('repository'), 'backup/strange-staging/backup.info'));
  assert.is(info.subarray(0, 8).toString(), 'Salted__');
  const restore = `pgbackrest --config='${at('pgbackrest.conf')}' --stanza=strange-staging --pg1-path='${at('unread')}' restore`;
  const { status, stdout, stderr } = await asOwner(restore, { PGBACKREST_REPO1_CIPHER_PASS: 'another-pass' });
  assert.is.not(status, 0);
  assert.match(stdout + stderr, 'unable to load info file');
  const log = readdirSync(at('log')).map((name) => readFileSync(join(at('log'), name), 'utf8'));
  assert.not.match([readFileSync(at('pgbackrest.conf'), 'utf8'), ...log].join('\n'), PASS);
});

/** A real S3 behind a certificate of our own: pgBackRest speaks to it through TLS only. */
async function startTlsS3() {
  const folder = testRoot('tls');
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const made = spawnSync(OPENSSL, [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', cert],
    ...subject,
  ]);
  assert.is(made.status, 0, String(made.stderr));
  const s3 = await startTestS3();
  const front = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (secure) => {
    const plain = connect(Number(new URL(s3.endpoint).port), '127.0.0.1');
    secure.on('error', () => plain.destroy()).pipe(plain);
    plain.on('error', () => secure.destroy()).pipe(secure);
  });
  await new Promise<void>((done) => front.listen(0, '127.0.0.1', done));
  const { port } = front.address() as { port: number };
  const stop = async () => {
    front.close();
    await s3.stop();
  };
  return { ...s3, endpoint: `https://localhost:${port}`, cert, stop };
}

thoroughly('what is printed for S3 backs up into it and restores from it', async () => {
  const { at, succeed } = host;
  const s3 = await startTlsS3();
  try {
    const variables = { BACKUP_BUCKET: s3.bucket, S3_ENDPOINT: s3.endpoint, S3_REGION: 'us-east-1' };
    const root = host.product({ kind: 's3', pathStyle: true }, 'pgbackrest-s3.conf', variables);
    const keys = {
      PGBACKREST_REPO1_S3_KEY: s3.accessKeyId,
      PGBACKREST_REPO1_S3_KEY_SECRET: s3.secretAccessKey,
      PGBACKREST_REPO1_STORAGE_CA_FILE: s3.cert,
    };
    await host.handOver(root, 'pgbackrest-s3.conf', keys);
    const { 'stanza-create': create, check, full, restore } = await commands(root, '--into', at('from-s3'));
    for (const line of [create, check, full]) await succeed(line, keys);
    await succeed(
      restore.replace(/--type=time '[^']*' --target-timeline=current --target-action=promote/, '--type=immediate'),
      keys,
    );
    assert.match(readFileSync(at('from-s3/postgresql.auto.conf'), 'utf8'), 'pgbackrest-s3.conf');
  } finally {
    // While the store still answers: what sends WAL would go on trying after the server.
    await host.asOwner(`${PG_CTL} -D '${host.data}' -m fast stop`);
    await s3.stop();
  }
});

test.run();
