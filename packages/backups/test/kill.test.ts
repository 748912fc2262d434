// Uses PostgreSQL; the tasks run as processes and are killed with SIGKILL at random moments.
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { databaseOf, Secret } from '@drydock/kit';
import { sampleRounds, type TaskProcesses } from '@drydock/kit/testing';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { listBackups } from '../src/catalogue.ts';
import { DUMP, GLOBALS, MANIFEST, newBackupId } from '../src/names.ts';
import { openSigner } from '../src/signature.ts';
import type { FileStore } from '../src/store/file.ts';
import { checkBackup } from '../src/verify/check.ts';
import { type Keys, makeKeys, makeProduct, manifestText, query, SHELF } from './world.ts';

const test = suite('kill -9 of backups');
const ROUNDS = 20;
let postgres: TestPostgres;
let keys: Keys;
test.before(async () => {
  postgres = await startTestPostgres({ own: true });
  keys = await makeKeys();
});
test.after(() => postgres.stop());

const ROWS = `CREATE TABLE t (id serial PRIMARY KEY, s text); INSERT INTO t (s) SELECT repeat(md5(n::text), 4) FROM generate_series(1, 20000) n`;

async function shop(backups: object = {}) {
  const url = await postgres.createDatabase();
  await query(url, ROWS);
  return { url, product: makeProduct(url, keys, { backups }) };
}

/** Kills the task after a part of the time that it takes undisturbed, and goes on with it. */
async function killAndGoOn(product: TaskProcesses, afterMs: number, script: string, ...args: string[]): Promise<void> {
  const runs = () => {
    try {
      return readdirSync(`${product.root}/.drydock/runs`).length;
    } catch {
      return 0;
    }
  };
  const before = runs();
  const child = product.start(script, ...args);
  child.stdout?.resume();
  child.stderr?.resume();
  await Promise.race([sleep(afterMs), once(child, 'close')]);
  child.kill('SIGKILL');
  if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
  let again = runs() > before ? await product.run(script, '--resume', '--yes') : undefined;
  // There is nothing to go on with where it ended in time, or died before the first line of its journal.
  if (!again || /is unfinished/.test(again.stdout + again.stderr)) again = await product.run(script, ...args);
  assert.is(again.code, 0, again.stdout + again.stderr);
}

const check = ({ store }: { store: FileStore }, id: string) =>
  checkBackup(store, { env: 'staging', product: 'strange' }, id, {
    identity: new Secret(keys.identity),
    against: async () => undefined,
  });

/** Moments spread over the time of an undisturbed run. */
const moments = (totalMs: number) =>
  sampleRounds(
    Array.from({ length: ROUNDS }, (_, n) => (totalMs * (n + Math.random())) / ROUNDS),
    2,
  );

test('of a backup: what is listed can be opened and is whole, and nothing is left in the store', async () => {
  const { product } = await shop();
  const started = performance.now();
  assert.is((await product.run('db:backup')).code, 0);
  for (const moment of moments(performance.now() - started)) {
    await killAndGoOn(product, moment, 'db:backup');
    const [newest] = await listBackups(product.store, SHELF);
    assert.ok(newest?.finished);
    assert.equal((await check(product, newest.id)).findings, []);
  }
  const listed = await listBackups(product.store, SHELF);
  assert.equal(
    listed.filter(({ finished }) => !finished).map(({ id }) => id),
    [],
    'a resumed run tidies up what the kill left',
  );
  assert.equal(await product.store.sweep('strange/staging/', new Date(Date.now() + 60_000)), []);
});

/** Of another suite that restores at the same time: its process is in the folder's name. */
function isAtWork(folder: string): boolean {
  const [, pid] = /^drydock-restore-(\d+)-/.exec(folder) ?? [];
  try {
    return process.kill(Number(pid), 0);
  } catch {
    return false;
  }
}

test('of a restore in place: the live database is whole at every moment, and the run finishes', async () => {
  const { url, product } = await shop();
  const name = databaseOf(new Secret(url));
  assert.is((await product.run('db:backup')).code, 0);
  const count = async () => (await query(url, 'SELECT count(*)::int AS n, sum(id)::int AS sum FROM t'))[0];
  const whole = await count();
  const started = performance.now();
  assert.is((await product.run('db:restore', '--in-place', '--yes')).code, 0);
  const total = performance.now() - started;
  let looking = true;
  const broken: unknown[] = [];
  const looker = (async () => {
    while (looking) {
      try {
        const seen = await count();
        if (seen.n !== whole.n || seen.sum !== whole.sum) broken.push(seen);
      } catch (error) {
        // A session that is ended for the swap is no broken database; one that is not there is.
        const { code, detail } = ((error as Error).cause ?? error) as { code?: string; detail?: string };
        if (code === '3D000' && !/just been dropped or renamed/.test(detail ?? '')) broken.push(error);
      }
      await sleep(10);
    }
  })();
  try {
    for (const moment of moments(total)) {
      await killAndGoOn(product, moment, 'db:restore', '--in-place', '--yes');
      assert.equal(await count(), whole);
    }
  } finally {
    looking = false;
    await looker;
  }
  assert.equal(broken, []);
  const left = await query(postgres.adminUrl, `SELECT datname FROM pg_database WHERE datname LIKE '${name}_restore_%'`);
  assert.equal(left, [], 'no half-restored database is left');
  await product.run('db:restore', '--to', `${name}_last`, '--yes');
  assert.equal(
    readdirSync(tmpdir()).filter((entry) => entry.startsWith('drydock-restore-') && !isAtWork(entry)),
    [],
    'nothing lies about in the clear',
  );
});

test('of a restore that has begun to open a backup: neither its age nor the key stays behind', async () => {
  const { url, product } = await shop();
  await query(url, `INSERT INTO t (s) SELECT repeat(md5(n::text), 20) FROM generate_series(1, 100000) n`);
  assert.is((await product.run('db:backup')).code, 0);
  const child = product.start('db:restore', '--to', 'killed', '--yes');
  const ended = once(child, 'close');
  let age: number | undefined;
  while (child.exitCode === null && age === undefined) {
    const [seen] = childrenOf(child.pid, 'age');
    // One that only opens a small file has ended before we can kill anybody: it counts if it is there while its parent stands still.
    child.kill('SIGSTOP');
    if (seen !== undefined && isRunning(seen)) age = seen;
    else child.kill('SIGCONT');
    await sleep(1);
  }
  assert.ok(age, 'it was caught at work');
  child.kill('SIGKILL');
  await ended;
  for (let tries = 0; tries < 500 && isRunning(age); tries++) await sleep(10);
  assert.is(isRunning(age), false);
  assert.equal(
    readdirSync(tmpdir()).filter((entry) => entry.startsWith('drydock-key-')),
    [],
  );
});

test('of a prune: what it keeps is whole, what it deletes goes in the end', async () => {
  const { product } = await shop({ retention: { days: 1, last: 1 } });
  const old = (n: number) => newBackupId(new Date(Date.now() - (n + 2) * 86_400_000));
  const signal = new AbortController().signal;
  const signer = openSigner(new Secret(keys.signing.secret));
  const fill = async () => {
    for (let n = 0; n < 40; n++) {
      const id = old(n);
      for (const file of [DUMP, GLOBALS]) await product.store.write(`staging/${id}/${file}`, some(), { signal });
      await product.store.write(`staging/${id}/${MANIFEST}`, some(manifestText({ id }, signer)), { signal });
    }
  };
  assert.is((await product.run('db:backup')).code, 0);
  const [good] = await listBackups(product.store, SHELF);
  await fill();
  const started = performance.now();
  assert.is((await product.run('backup:prune', '--force')).code, 0);
  for (const moment of moments(performance.now() - started)) {
    await fill();
    await killAndGoOn(product, moment, 'backup:prune', '--force');
    assert.equal(
      (await listBackups(product.store, SHELF)).map(({ id }) => id),
      [good?.id],
    );
  }
  assert.equal((await check(product, good?.id ?? '')).findings, []);
});

/** Pids of children of that name; as /proc tells. */
function childrenOf(pid: number | undefined, name: string): number[] {
  const all = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
  return all.flatMap((entry) => {
    const [, comm, parent] = /^\d+ \((.*)\) \S (\d+)/.exec(statOf(Number(entry))) ?? [];
    return comm === name && Number(parent) === pid ? [Number(entry)] : [];
  });
}

function statOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    // It has ended meanwhile.
    return '';
  }
}

const isRunning = (pid: number) => /\) [^ZX] /.test(statOf(pid));

async function* some(text = 'x') {
  yield Buffer.from(text);
}

test.run();
