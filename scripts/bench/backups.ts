import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { requireTool } from '@drydock/kit';
import { startTestPostgres, type TestPostgres } from '@drydock/sandbox/testing';
import { commands, startHost } from '../../packages/backups/test/pitr/host.ts';
import { type Keys, makeKeys, makeProduct, query, temporaryFolder } from '../../packages/backups/test/world.ts';
import { type Bench, type Command, type Figure, medians, middle, ms, ratio, task, time } from './figures.ts';

/** A shop as one is: keys, text, amounts, times, JSON. About 350 bytes a turn on the disk, indexes included. */
const shop = (turns: number) => `
  CREATE TABLE users (id bigint PRIMARY KEY, email text NOT NULL UNIQUE, name text, created timestamptz NOT NULL, balance numeric(20,2));
  CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint NOT NULL REFERENCES users, status text NOT NULL, total numeric(12,2) NOT NULL, created timestamptz NOT NULL, note text);
  CREATE TABLE events (id bigint PRIMARY KEY, order_id bigint, kind text, payload jsonb, at timestamp NOT NULL);
  INSERT INTO users SELECT n, 'user' || n || '@example.com', md5(n::text), now() - n * interval '1 minute', (n::bigint * 7919 % 100000) / 100.0 FROM generate_series(1, ${Math.ceil(turns / 6)}) n;
  INSERT INTO orders SELECT n, n % ${Math.ceil(turns / 6)} + 1, (ARRAY['open','paid','shipped','done'])[n % 4 + 1], (n::bigint * 31 % 100000) / 100.0, now() - n * interval '7 second', md5(n::text) || md5((n + 1)::text) FROM generate_series(1, ${turns}) n;
  INSERT INTO events SELECT n, n, 'kind' || n % 20, jsonb_build_object('a', n, 'b', md5(n::text), 'c', n % 2 = 0), now() - n * interval '3 second' FROM generate_series(1, ${turns}) n;
  CREATE INDEX ON orders (user_id); ANALYZE;`;

const MEMORY_MIB = 200;

/** `db:backup` and `db:restore` beside PostgreSQL's own tools and pgBackRest, medians of rounds in turns; memory from 50 MB to 2 GB. */
export const backups: Bench = async ({ rounds, say }) => {
  const postgres = await startTestPostgres({
    settings: { shared_buffers: '512MB', max_wal_size: '8GB', maintenance_work_mem: '256MB' },
  });
  const keys = await makeKeys();
  const world = { postgres, keys, rounds, say };
  try {
    return [
      ...(await ofRows(world, { name: 'shop', turns: 1_300_000, most: 1.35 })),
      ...(await ofRows(world, { name: 'large', turns: 5_200_000, most: 1.3 })),
      ...(await ofRandomBytes(world)),
      await besidePgBackRest(world),
      await memoryOf(world, { name: 'little', turns: 130_000 }),
      await memoryOf(world, { name: 'large', turns: 0 }),
    ];
  } finally {
    await postgres.stop();
  }
};

interface World {
  postgres: TestPostgres;
  keys: Keys;
  rounds: number;
  say: (text: string) => void;
}

type Sized = { name: string; turns: number };

/** What a database is dumped and restored with by hand. */
function hands({ keys }: World, url: string) {
  const sh = (line: string): Command => ({
    program: 'bash',
    args: ['--norc', '-o', 'pipefail', '-c', line],
    env: {
      ...process.env,
      ...{ URL: url, KEY: keys.recipient, DUMP: requireTool('pg_dump'), OUT: join(temporaryFolder(), 'out') },
    },
  });
  const product = makeProduct(url, keys);
  const run = (name: string, ...args: string[]): Command =>
    task(name, ['--env', 'staging', '--json', ...args], { cwd: product.root });
  const backup = (...args: string[]) => {
    rmSync(join(product.root, 'backups'), { recursive: true, force: true });
    return run('db:backup', ...args);
  };
  return { sh, run, backup, product };
}

async function ofRows(world: World, { name, turns, most }: Sized & { most: number }): Promise<Figure[]> {
  const { postgres, rounds, say } = world;
  say(`make ${name}`);
  const url = await postgres.createDatabase(name);
  await query(url, shop(turns));
  const { sh, run, backup } = hands(world, url);
  say(`back up ${name}`);
  const [bare, summed, unsummed, piped] = await medians(rounds, [
    () => sh('"$DUMP" -Fc -Z0 "$URL" > /dev/null'),
    () => backup(),
    () => backup('--checksums', 'off'),
    () => sh('"$DUMP" -Fc -Z0 "$URL" | zstd -1 -q | age -r "$KEY" > "$OUT"'),
  ]);
  const label = await sizeOf(url);
  const figures = [
    ratio(`db:backup of ${label}, proof included, against pg_dump -Fc -Z0 > /dev/null`, summed, bare, most),
    ratio('the same with --checksums off', unsummed, bare, most),
    ratio(`db:backup of ${label} against pg_dump -Fc -Z0 | zstd -1 | age`, summed, piped, 1.1),
  ];
  say(`restore ${name}`);
  time(backup());
  const dump = join(temporaryFolder(), 'dump');
  time({ program: requireTool('pg_dump'), args: ['-Fc', '-Z0', '-f', dump, url] });
  let made = 0;
  const target = () => `again_${made++}`;
  const [stock, ours] = await medians(Math.min(rounds, 3), [
    async () => {
      await dropCopies(postgres.adminUrl);
      const into = await postgres.createDatabase(target());
      return { program: requireTool('pg_restore'), args: ['-j2', '-d', into, dump] };
    },
    async () => {
      await dropCopies(postgres.adminUrl);
      return run('db:restore', '--to', target(), '--yes');
    },
  ]);
  await dropCopies(postgres.adminUrl);
  return [...figures, ratio(`db:restore --to of ${label}, proof included, against pg_restore -j2`, ours, stock, 1.4)];
}

async function sizeOf(url: string): Promise<string> {
  const [{ bytes }] = await query(url, 'SELECT pg_database_size(current_database())::float8 AS bytes');
  return `${Math.round(bytes / 1_048_576)} MiB`;
}

/** 1 GB, of which nothing compresses. */
async function ofRandomBytes(world: World): Promise<Figure[]> {
  const { postgres, rounds, say } = world;
  say('1 GB of bytea');
  const url = await postgres.createDatabase('bytea');
  await query(
    url,
    `CREATE TABLE b (id int, bytes bytea); ALTER TABLE b ALTER bytes SET STORAGE EXTERNAL;
     INSERT INTO b SELECT n, decode(string_agg(md5(n || '.' || m), ''), 'hex') FROM generate_series(1, 256) n, generate_series(1, 262144) m GROUP BY n`,
  );
  const { sh, run, backup } = hands(world, url);
  const [bare, ours] = await medians(Math.min(rounds, 3), [
    () => sh('"$DUMP" -Fc -Z0 "$URL" > /dev/null'),
    () => backup(),
  ]);
  const back = time(run('db:restore', '--to', 'again_bytea', '--yes'));
  await dropCopies(postgres.adminUrl);
  return [
    ratio('db:backup of 1 GB of random bytea against pg_dump -Fc -Z0 > /dev/null', ours, bare, 1.6),
    {
      ...{ what: 'that restored, and equal by rows and checksums', ours: ms(back), peer: '–' },
      ...{ mustBe: 'equal', is: 'equal', holds: true },
    },
  ];
}

async function memoryOf({ postgres, keys, say }: World, { name, turns }: Sized): Promise<Figure> {
  say(`memory of ${name}`);
  const url = turns > 0 ? await postgres.createDatabase(name) : postgres.urlOf(name);
  if (turns > 0) await query(url, shop(turns));
  const peak = await peakMemory(task('db:backup', ['--env', 'staging', '--json']), makeProduct(url, keys).root);
  return {
    what: `peak memory of db:backup at ${await sizeOf(url)}`,
    ours: `${peak} MiB`,
    peer: '–',
    mustBe: `≤ ${MEMORY_MIB} MiB`,
    is: `${peak} MiB`,
    holds: peak <= MEMORY_MIB,
  };
}

/** On a server of its own, which archives its WAL: pgBackRest backs up files, and wants that. */
async function besidePgBackRest({ rounds, say }: World): Promise<Figure> {
  say('pgBackRest');
  const host = await startHost();
  try {
    const root = host.product({ kind: 'posix', path: host.at('repository') }, 'pgbackrest.conf');
    await host.handOver(root, 'pgbackrest.conf');
    const lines = await commands(root);
    await host.succeed(lines['stanza-create']);
    const url = await host.postgres.createDatabase('shop');
    await query(url, shop(1_300_000));
    const product = makeProduct(url, await makeKeys());
    const ours = task('db:backup', ['--env', 'staging', '--json'], { cwd: product.root });
    const [mine, theirs]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      const started = performance.now();
      await host.succeed(lines.full);
      theirs.push(performance.now() - started);
      mine.push(time(ours));
    }
    return ratio('db:backup against a full backup by pgBackRest (zstd, AES-256)', middle(mine), middle(theirs), 1);
  } finally {
    await host.stop();
  }
}

async function dropCopies(url: string): Promise<void> {
  const rows = await query(url, `SELECT datname AS name FROM pg_database WHERE datname LIKE 'again\\_%'`);
  for (const { name } of rows) await query(url, `DROP DATABASE "${name}" WITH (FORCE)`);
}

/** VmHWM of the process itself, in MiB, as Linux counts it. */
async function peakMemory({ program, args, env }: Command, cwd: string): Promise<number> {
  const child = spawn(program, args, { cwd, env, stdio: 'ignore' });
  let peak = 0;
  const look = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      peak = Math.max(peak, Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0));
    } catch {
      // It has just ended.
    }
  }, 20);
  const [code] = await once(child, 'close');
  clearInterval(look);
  if (code !== 0) throw new Error(`db:backup ended with ${code}`);
  if (!statSync('/proc').isDirectory()) throw new Error('memory is measured on Linux alone');
  return Math.round(peak / 1_024);
}
