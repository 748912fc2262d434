import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { requireTool } from '@drydock/kit';
import { startTestPostgres } from '@drydock/sandbox/testing';
import { commands, startHost } from '../../packages/backups/test/pitr/host.ts';
import { makeKeys, makeProduct, query, temporaryFolder } from '../../packages/backups/test/world.ts';
import { type Bench, type Command, type Figure, least, ms, ratio, task, time } from './figures.ts';

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

/** `db:backup` and `db:restore` of about 500 MB beside PostgreSQL's own tools, and memory from 50 MB to 2 GB. */
export const backups: Bench = async ({ rounds, say }) => {
  const postgres = await startTestPostgres({
    settings: { shared_buffers: '512MB', max_wal_size: '8GB', maintenance_work_mem: '256MB' },
  });
  const keys = await makeKeys();
  try {
    say('make 500 MB');
    const url = await postgres.createDatabase('shop');
    await query(url, shop(1_300_000));
    const [{ bytes }] = await query(url, 'SELECT pg_database_size(current_database())::float8 AS bytes');
    const product = makeProduct(url, keys);
    const run = (name: string, ...args: string[]): Command =>
      task(name, ['--env', 'staging', ...args], { cwd: product.root });
    const sh = (line: string): Command => ({
      program: 'bash',
      args: ['--norc', '-o', 'pipefail', '-c', line],
      env: {
        ...process.env,
        URL: url,
        KEY: keys.recipient,
        DUMP: requireTool('pg_dump'),
        OUT: join(temporaryFolder(), 'out'),
      },
    });
    const fresh = (command: Command) => {
      rmSync(join(product.root, 'backups'), { recursive: true, force: true });
      return command;
    };
    const label = `${Math.round(bytes / 1_048_576)} MiB`;

    say('back up');
    const [bare, summed, unsummed, gzip] = await least(rounds, [
      () => sh('"$DUMP" -Fc -Z0 "$URL" > /dev/null'),
      () => fresh(run('db:backup', '--json')),
      () => fresh(run('db:backup', '--checksums', 'off', '--json')),
      () => sh('"$DUMP" -Fc "$URL" | age -r "$KEY" > "$OUT"'),
    ]);

    say('restore');
    fresh(run('db:backup'));
    await least(0, [() => fresh(run('db:backup', '--json'))]);
    const dump = join(temporaryFolder(), 'dump');
    let made = 0;
    const target = async () => `again_${made++}`;
    await least(0, [() => ({ program: requireTool('pg_dump'), args: ['-Fc', '-Z0', '-f', dump, url] })]);
    const [stock, ours] = await least(Math.min(rounds, 3), [
      async () => {
        const into = await postgres.createDatabase(await target());
        return { program: requireTool('pg_restore'), args: ['-j2', '-d', into, dump] };
      },
      async () => run('db:restore', '--to', await target(), '--yes', '--json'),
    ]);
    await dropCopies(postgres.adminUrl);

    const figures: Figure[] = [
      ratio(`db:backup of ${label}, checksums included, against pg_dump -Fc -Z0 > /dev/null`, summed, bare, 1.25),
      ratio('the same with --checksums off', unsummed, bare, 1.25),
      ratio('db:backup against pg_dump -Fc | age > file', summed, gzip, 1),
      ratio('db:restore --to, proof included, against pg_restore -j2', ours, stock, 1.25),
    ];

    say('pgBackRest');
    figures.push(await besidePgBackRest(rounds));

    for (const [name, turns] of [
      ['50 MB', 130_000],
      ['2 GB', 5_200_000],
    ] as const) {
      say(`memory at ${name}`);
      const of = await postgres.createDatabase(name.replace(' ', '_').toLowerCase());
      await query(of, shop(turns));
      const peak = await peakMemory(run('db:backup', '--json'), makeProduct(of, keys).root);
      figures.push({
        what: `peak memory of db:backup at ${name}`,
        ours: `${peak} MiB`,
        peer: '–',
        mustBe: `≤ ${MEMORY_MIB} MiB`,
        is: `${peak} MiB`,
        holds: peak <= MEMORY_MIB,
      });
    }

    say('1 GB of bytea');
    const big = await postgres.createDatabase('bytea');
    // Random bytes: nothing of it compresses.
    await query(
      big,
      `CREATE TABLE b (id int, bytes bytea); ALTER TABLE b ALTER bytes SET STORAGE EXTERNAL;
       INSERT INTO b SELECT n, decode(string_agg(md5(n || '.' || m), ''), 'hex') FROM generate_series(1, 256) n, generate_series(1, 262144) m GROUP BY n`,
    );
    const blobs = makeProduct(big, keys);
    const at = (name: string, ...args: string[]) =>
      task(name, ['--env', 'staging', '--json', ...args], {
        cwd: blobs.root,
        okCodes: [0],
      });
    const [blobBare, blobOurs] = await least(0, [
      () => ({
        program: 'bash',
        args: ['--norc', '-c', `"$DUMP" -Fc -Z0 "$URL" > /dev/null`],
        env: { ...process.env, URL: big, DUMP: requireTool('pg_dump') },
      }),
      () => at('db:backup'),
    ]);
    const [back] = await least(0, [() => at('db:restore', '--to', 'bytea_again', '--yes')]);
    figures.push({
      ...ratio('db:backup of 1 GB of random bytea against pg_dump -Fc -Z0', blobOurs, blobBare, 1.25),
      mustBe: '–',
      holds: true,
    });
    figures.push({
      what: 'that restored, and equal by rows and checksums',
      ours: ms(back),
      peer: '–',
      mustBe: 'equal',
      is: 'equal',
      holds: true,
    });
    return figures;
  } finally {
    await postgres.stop();
  }
};

/** On a server of its own, which archives its WAL: pgBackRest backs up files, and wants that. */
async function besidePgBackRest(rounds: number): Promise<Figure> {
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
    let best = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    for (let round = 0; round < Math.min(rounds, 3); round++) {
      const started = performance.now();
      await host.succeed(lines.full);
      const theirs = performance.now() - started;
      best = [Math.min(best[0] ?? 0, time(ours)), Math.min(best[1] ?? 0, theirs)];
    }
    return ratio('db:backup against a full backup by pgBackRest (zstd, AES-256)', best[0] ?? 0, best[1] ?? 0, 1);
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
