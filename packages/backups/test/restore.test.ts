// Uses PostgreSQL; the tasks run as processes.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { databaseOf, requireTool, Secret } from '@drydock/kit';
import { type TaskProcesses, taskProcesses, whenThorough } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import pg from 'pg';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DUMP } from '../src/names.ts';
import { type Keys, keyOf, makeKeys, makeProduct, query, temporaryFolder } from './world.ts';

const test = suite('restore');
const thoroughly = whenThorough(test);
let postgres: TestPostgres;
let keys: Keys;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
  keys = await makeKeys();
});
test.after(() => postgres.stop());

const SHOP = `CREATE TABLE people (id bigserial PRIMARY KEY, email text UNIQUE); CREATE TABLE orders (id bigserial PRIMARY KEY, person bigint REFERENCES people, at timestamptz DEFAULT now());
  INSERT INTO people (email) SELECT 'p' || n || '@example.com' FROM generate_series(1, 200) n; INSERT INTO orders (person) SELECT n % 200 + 1 FROM generate_series(1, 1000) n;`;

async function shop(more: Parameters<typeof makeProduct>[2] = {}) {
  const url = await postgres.createDatabase();
  await query(url, SHOP);
  const product = makeProduct(url, keys, more);
  return { url, product, name: databaseOf(new Secret(url)) };
}
const other = (url: string, name: string) => url.replace(/[^/]+$/, name);
const databases = async (like: string) =>
  (await query(postgres.adminUrl, `SELECT datname FROM pg_database WHERE datname LIKE '${like}' ORDER BY 1`)).map(
    ({ datname }: { datname: string }) => datname,
  );
const good = async (product: TaskProcesses, script: string, ...args: string[]) => {
  const answer = await product.ask(script, ...args);
  assert.is(answer.code, 0, `${script} ${args.join(' ')}: ${answer.error?.message ?? ''}${answer.stderr}`);
  return answer;
};

test('a backup is restored beside the live database, and proved', async () => {
  const { url, product, name } = await shop();
  await good(product, 'db:backup');
  await query(url, 'DELETE FROM orders');
  const { data } = await good(product, 'db:restore', '--to', `${name}_beside`, '--yes');
  assert.equal([data.tables, data.rows], [2, 1_200]);
  assert.equal(await query(other(url, `${name}_beside`), 'SELECT count(*)::int AS n FROM orders'), [{ n: 1_000 }]);
  assert.equal(await query(url, 'SELECT count(*)::int AS n FROM orders'), [{ n: 0 }], 'the live one is as it was');
  const again = await product.ask('db:restore', '--to', `${name}_beside`, '--yes');
  assert.equal([again.code, again.error.code], [1, 'DATABASE_TAKEN']);
});

test('in place the databases change their names under load, nobody is left without one, and the old one is kept', async () => {
  const { url, product, name } = await shop();
  await query(
    url,
    `ALTER DATABASE ${name} SET statement_timeout = '7min'; REVOKE CONNECT ON DATABASE ${name} FROM PUBLIC`,
  );
  const backedUp = await good(product, 'db:backup');
  await query(url, 'DELETE FROM orders');
  // People who come back at once after their session was ended, as a pool does.
  const seen = { asked: 0, dropped: 0, missing: 0 };
  let going = true;
  const people = Array.from({ length: 6 }, async () => {
    while (going) {
      const client = new pg.Client({ connectionString: url });
      client.on('error', () => {});
      try {
        await client.connect();
        while (going) {
          await client.query('SELECT count(*) FROM people');
          seen.asked += 1;
          await sleep(5);
        }
      } catch (error) {
        // Who waits while the names change is told so, and comes again.
        const { code, detail } = error as { code?: string; detail?: string };
        if (code === '3D000' && !/just been dropped or renamed/.test(detail ?? '')) seen.missing += 1;
        seen.dropped += 1;
      } finally {
        await client.end().catch(() => {});
      }
    }
  });
  const { data, run } = await good(product, 'db:restore', '--in-place', '--yes');
  await sleep(200);
  going = false;
  await Promise.all(people);
  assert.ok(seen.asked > 50, 'the product was used meanwhile');
  console.log(
    `in place: nobody came in for ${Math.round(data.blockedMs)} ms; ${seen.asked} queries, ${seen.dropped} sessions ended`,
  );
  assert.is(seen.missing, 0, 'at no moment was there no database of that name');
  assert.equal(await query(url, 'SELECT count(*)::int AS n FROM orders'), [{ n: 1_000 }]);
  assert.equal(await query(other(url, data.before), 'SELECT count(*)::int AS n FROM orders'), [{ n: 0 }]);
  assert.equal(await query(url, 'SHOW statement_timeout'), [{ statement_timeout: '7min' }]);
  const grants = (of: string) =>
    query(
      postgres.adminUrl,
      `SELECT a.grantee::int, a.privilege_type FROM pg_database, aclexplode(datacl) a WHERE datname = '${of}' ORDER BY 1, 2`,
    );
  assert.equal(await grants(name), await grants(data.before), 'the database has the grants of the one before');
  const log = await query(url, `SELECT event FROM drydock."AuditEvent" ORDER BY seq`);
  assert.equal(
    log.map(({ event }: { event: string }) => event),
    ['db:backup', 'db:restore'],
    'the log goes on',
  );
  assert.match(backedUp.data.id, /^\d{8}T/);
  // Without saying whose: those that there are, with what they take.
  const which = await product.ask('db:drop-old', '--yes');
  assert.equal([which.code, which.error.code], [2, 'USAGE']);
  assert.match(
    which.error.message,
    new RegExp(`of ${name} databases are kept by ${run} \\(of 20\\d\\d-.* UTC, \\d.* MiB\\)\\.$`),
  );
  assert.match(which.error.hint, `--run ${run}`);
  await good(product, 'db:restore', '--drop-old', run, '--yes');
  assert.equal(await databases(`${name}_before%`), []);
  const gone = await product.ask('db:restore', '--drop-old', run, '--yes');
  assert.equal([gone.code, gone.error.code], [2, 'NOTHING_KEPT']);
  assert.is((await product.ask('db:drop-old', '--yes')).error.code, 'NOTHING_KEPT');
});

thoroughly('a database that is gone altogether is restored in place', async () => {
  const { url, product, name } = await shop();
  await good(product, 'db:backup');
  await query(postgres.adminUrl, `DROP DATABASE ${name}`);
  const { stderr } = await good(product, 'db:restore', '--in-place', '--yes');
  assert.match(stderr, 'a lock file in this checkout is used instead');
  assert.equal(await query(url, 'SELECT count(*)::int AS n FROM orders'), [{ n: 1_000 }]);
});

test('the hooks around the swap run in order; one that fails leaves everything as it was', async () => {
  const hook = (text: string) => ['bash', '--norc', '-c', `echo ${text} >> hooks.log`];
  const { product, url, name } = await shop({ backups: { drain: { before: hook('closed'), after: hook('open') } } });
  await good(product, 'db:backup');
  await good(product, 'db:restore', '--in-place', '--yes');
  assert.is(readFileSync(join(product.root, 'hooks.log'), 'utf8'), 'closed\nopen\n');
  const broken = await shop({ backups: { drain: { before: ['false'], after: hook('open') } } });
  await good(broken.product, 'db:backup');
  assert.is((await broken.product.ask('db:restore', '--in-place', '--yes')).code, 1);
  assert.equal(await databases(`${broken.name}_%`), [], 'what was restored is dropped again');
  assert.equal(await query(url, 'SELECT count(*)::int AS n FROM people'), [{ n: 200 }]);
  assert.equal((await databases(`${name}_before%`)).length, 1);
});

test('one table alone, with its rows', async () => {
  const { url, product, name } = await shop();
  await good(product, 'db:backup');
  await good(product, 'db:restore', '--to', `${name}_t`, '--table', 'people', '--yes');
  assert.equal(await query(other(url, `${name}_t`), `SELECT count(*)::int AS n FROM people`), [{ n: 200 }]);
  assert.equal(await query(other(url, `${name}_t`), `SELECT to_regclass('orders') AS t`), [{ t: null }]);
  assert.is((await product.ask('db:restore', '--in-place', '--table', 'people', '--yes')).code, 2);
});

thoroughly('the folder of a backup, and a dump alone, are restored by their path', async () => {
  const { url, product, name } = await shop();
  const { data } = await good(product, 'db:backup');
  const folder = product.store.pathOf(`strange/staging/${data.id}`);
  await good(product, 'db:restore', '--from', folder, '--to', `${name}_folder`, '--yes');
  const bare = join(product.root, 'alone.dump.zst.age');
  copyFileSync(product.store.pathOf(keyOf('staging', data.id, DUMP)), bare);
  const { stderr } = await good(
    product,
    'db:restore',
    '--from',
    bare,
    '--to',
    `${name}_file`,
    '--jobs',
    '1',
    '--trust',
    'mine',
    '--yes',
  );
  assert.match(stderr, 'compared with the dump alone, rows by their number');
  for (const made of ['folder', 'file'])
    assert.equal(await query(other(url, `${name}_${made}`), 'SELECT count(*)::int AS n FROM orders'), [{ n: 1_000 }]);
});

test('a wrong key, a damaged backup and an unknown one are one sentence each, and leave no database behind', async () => {
  const { product, name } = await shop();
  const { data } = await good(product, 'db:backup');
  const stranger = await makeKeys();
  const env = join(product.root, '.env.staging.local');
  writeFileSync(env, `BACKUP_IDENTITY='${stranger.identity.slice(0, -3)}'\n`);
  const cut = await product.ask('db:restore', '--to', `${name}_x`, '--plan');
  assert.equal([cut.code, cut.error.code], [2, 'IDENTITY_MALFORMED']);
  writeFileSync(env, `BACKUP_IDENTITY='${stranger.identity}'\n`);
  const wrong = await product.ask('db:restore', '--to', `${name}_x`, '--yes');
  assert.equal([wrong.code, wrong.error.code], [1, 'WRONG_KEY']);
  assert.match(wrong.error.message, 'BACKUP_IDENTITY is not the private key of any recipient');
  writeFileSync(env, '');
  const file = product.store.pathOf(keyOf('staging', data.id, DUMP));
  const bytes = readFileSync(file);
  for (const at of [10, Math.floor(bytes.length / 2), bytes.length - 3]) {
    const flipped = Buffer.from(bytes);
    flipped[at] = (flipped[at] ?? 0) ^ 4;
    writeFileSync(file, flipped);
    // Another process: one that has held it once goes on with what it held.
    const damaged = await taskProcesses(product.root).ask('db:restore', '--in-place', '--yes');
    assert.is(damaged.code, 1);
    assert.match(damaged.error.code, /BACKUP_UNREADABLE|BACKUP_DAMAGED|WRONG_KEY/);
  }
  assert.is(
    (await product.ask('db:restore', '--from', '20200101T000000Z-x', '--to', 'y', '--yes')).error.code,
    'BACKUP_UNKNOWN',
  );
  assert.equal(await databases(`${name}_%`), []);
  for (const args of [[], ['--to', 'a', '--in-place'], ['--to', 'a', '--jobs', '0']])
    assert.is((await product.ask('db:restore', '--yes', ...args)).code, 2, args.join(' '));
});

test('a backup of production does not get into staging unless its people are made unrecognisable, or it is said so', async () => {
  const { url, product, name } = await shop();
  writeFileSync(
    join(product.root, '.env.production'),
    `OPS_DATABASE_URL='${url}'\nBACKUP_RECIPIENTS='${keys.recipient}'\nBACKUP_SIGNING_KEY='${keys.signing.secret}'\n`,
  );
  await good(product, 'db:backup', '--env', 'production', '--yes');
  // One database stands for both here.
  await query(url, `UPDATE drydock.identity SET environment = 'staging'`);
  const refused = await product.ask('db:restore', '--from', 'production/latest', '--in-place', '--yes');
  assert.equal([refused.code, refused.error.code], [4, 'FOREIGN_BACKUP']);
  writeFileSync(join(product.root, 'anonymise.sql'), `UPDATE people SET email = 'nobody-' || id || '@example.com'`);
  await good(
    product,
    'db:restore',
    '--from',
    'production/latest',
    '--in-place',
    '--anonymise',
    'anonymise.sql',
    '--yes',
  );
  assert.equal(await query(url, `SELECT count(*)::int AS n FROM people WHERE email LIKE 'p%'`), [{ n: 0 }]);
  writeFileSync(join(product.root, 'anonymise.sql'), `UPDATE peple SET x = 1`);
  const broken = await product.ask(
    'db:restore',
    '--from',
    'production/latest',
    '--in-place',
    '--anonymise',
    'anonymise.sql',
    '--yes',
  );
  assert.is(broken.error.code, 'ANONYMISE_FAILED');
  assert.equal(await databases(`${name}_restore%`), []);
  await good(product, 'db:restore', '--from', 'production/latest', '--to', `${name}_real`, '--foreign', '--yes');
});

test('a role, or an extension, that the server does not have is named before anything is made', async () => {
  const { url, product, name } = await shop();
  await query(url, `CREATE ROLE shopkeeper; GRANT SELECT ON people TO shopkeeper; CREATE EXTENSION citext`);
  await good(product, 'db:backup');
  await query(url, `REVOKE ALL ON people FROM shopkeeper; DROP ROLE shopkeeper`);
  const role = await product.ask('db:restore', '--to', `${name}_x`, '--yes');
  assert.equal([role.code, role.error.code], [1, 'ROLE_MISSING']);
  assert.match(role.error.message, 'the role shopkeeper');
  await good(product, 'db:restore', '--to', `${name}_x`, '--no-owner', '--yes');
  const control = `${requireTool('postgres').replace('/lib/', '/share/').replace('/bin/postgres', '')}/extension/citext.control`;
  if (!existsSync(control)) return;
  renameSync(control, `${control}.away`);
  try {
    const extension = await product.ask('db:restore', '--to', `${name}_y`, '--no-owner', '--yes');
    assert.is(extension.error.code, 'EXTENSION_MISSING');
    assert.match(extension.error.message, 'does not have the extension citext');
  } finally {
    renameSync(`${control}.away`, control);
  }
});

test('a temporary folder with no room for the dump in the clear is told, with the way that needs none', async () => {
  if (process.getuid?.() !== 0) return;
  const folder = temporaryFolder();
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m,mode=700', 'tmpfs', folder]);
  try {
    const { product, url, name } = await shop({ shell: { TMPDIR: folder } });
    await query(url, `CREATE TABLE much AS SELECT repeat('x', 1000) AS s FROM generate_series(1, 6000)`);
    await good(product, 'db:backup');
    const full = await product.ask('db:restore', '--to', `${name}_full`, '--yes');
    assert.equal([full.code, full.error.code], [1, 'TEMPORARY_FULL'], full.error.message);
    assert.match(full.error.hint, '--jobs 1 needs none of it');
    assert.equal(readdirSync(folder), []);
    await good(product, 'db:restore', '--to', `${name}_full`, '--jobs', '1', '--yes');
  } finally {
    execFileSync('umount', [folder]);
  }
});

test('a second operator is refused while one restores', async () => {
  const { product } = await shop();
  await good(product, 'db:backup');
  const first = product.start('db:restore', '--in-place', '--yes');
  while (readdirSync(join(product.root, '.drydock/runs')).length < 2) await sleep(5);
  const second = await product.ask('db:backup');
  assert.is(second.code, 5);
  await new Promise((done) => first.once('close', done));
});

test.run();
