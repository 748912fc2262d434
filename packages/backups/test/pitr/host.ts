import { spawn } from 'node:child_process';
import { appendFileSync, chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { connectPostgres, requireTool, Secret } from '@drydock/kit';
import { makeStrangeProduct } from '@drydock/kit/testing';
import { startTestPostgres, testRoot, unprivilegedUser } from '@drydock/sandbox/testing';
import * as assert from 'uvu/assert';
import type { Command } from '../../src/pitr/commands.ts';

const ROOT = resolve(import.meta.dirname, '../../../..');
const SCRIPT = ['--require', join(ROOT, 'scripts/first.cjs'), join(ROOT, 'packages/backups/scripts/pitr.ts')];
export const PASS = 'a-pass-that-nobody-may-see';
export const PG_CTL = join(dirname(requireTool('postgres')), 'pg_ctl');

interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

async function run(program: string, args: string[], options: object): Promise<Ended> {
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<number | null>((done, fail) => child.once('error', fail).once('exit', done));
  // A server that is started keeps what it inherits open: it gets its log instead (pg_ctl -l).
  const [stdout, stderr, status] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { status, stdout, stderr };
}

/** `backup:pitr` as people call it. */
export function pitr(root: string, ...args: string[]): Promise<Ended> {
  return run(process.execPath, [...SCRIPT, ...args], {
    cwd: root,
    env: { ...process.env, PGBACKREST_REPO1_CIPHER_PASS: PASS },
  });
}

export const print = (root: string, ...args: string[]) => pitr(root, '--plan', '--env', 'staging', ...args);

export async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = await connectPostgres(new Secret(url), 'test');
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

/** The host of a database, with folders in place of /etc, /var/lib, /var/log and /var/spool. */
export async function startHost() {
  // PostgreSQL and pgBackRest run as this user, where we are root.
  const owner = unprivilegedUser();
  const root = testRoot('pitr');
  const at = (name: string) => join(root, name);
  for (const name of ['.', 'repository', 'log', 'spool', 'lock', 'socket']) {
    mkdirSync(at(name), { recursive: true, mode: 0o750 });
    if (owner) chownSync(at(name), owner.uid, owner.gid);
  }
  const postgres = await startTestPostgres({ settings: { unix_socket_directories: at('socket') } });
  const [{ data_directory: data } = {}] = await query(postgres.adminUrl, 'SHOW data_directory');
  // The mark of a whole cluster is root's there, and a restore by PostgreSQL's own user could not give it back to him.
  if (owner) chownSync(join(String(data), 'drydock-ready'), owner.uid, owner.gid);
  const { username, password } = new URL(postgres.adminUrl);

  /** As the person who runs PostgreSQL types it, with the secrets in the environment. */
  const asOwner = (line: string, env: NodeJS.ProcessEnv = {}): Promise<Ended> =>
    run('sh', ['-c', line], {
      ...(owner ?? {}),
      cwd: root,
      env: {
        PATH: [dirname(requireTool('pgbackrest')), process.env.PATH].join(delimiter),
        PGBACKREST_REPO1_CIPHER_PASS: PASS,
        PGPASSWORD: password,
        ...env,
      },
    });

  const succeed = async (line: string, env: NodeJS.ProcessEnv = {}) => {
    const { status, stdout, stderr } = await asOwner(line, env);
    assert.is(status, 0, `${line}\n${stdout}${stderr}`);
  };

  /** A product whose database lies on this host. */
  const product = (repository: object, configFile: string, env: Record<string, string> = {}) =>
    makeStrangeProduct(
      {
        backups: {
          pitr: {
            repository,
            server: { user: username },
            configFile: at(configFile),
            logFolder: at('log'),
            spoolFolder: at('spool'),
            lockFolder: at('lock'),
          },
        },
      },
      { OPS_DATABASE_URL: postgres.adminUrl, ...env },
    );

  /** Puts what is printed where it belongs, and restarts the server. */
  const handOver = async (root: string, configFile: string, env: NodeJS.ProcessEnv = {}) => {
    writeFileSync(at(configFile), (await print(root, '--file', configFile)).stdout);
    appendFileSync(
      join(String(data), 'postgresql.conf'),
      `\n${(await print(root, '--file', 'postgresql.conf')).stdout}`,
    );
    await succeed(`${PG_CTL} -D '${data}' -l '${at('server.log')}' -w restart`, env);
  };

  const stop = async () => {
    // Restarted on the way, the server is no longer the process that the helper knows.
    for (const folder of [String(data), at('restored')]) await asOwner(`${PG_CTL} -D '${folder}' -m immediate stop`);
    await postgres.stop();
    rmSync(root, { recursive: true, force: true });
  };
  return { postgres, data: String(data), at, asOwner, succeed, product, handOver, stop };
}

/** The printed commands by their names. */
export async function commands(root: string, ...args: string[]): Promise<Record<Command['name'], string>> {
  const list: Command[] = JSON.parse((await print(root, '--json', ...args)).stdout).data.commands;
  return Object.fromEntries(list.map(({ name, line }) => [name, line])) as Record<Command['name'], string>;
}
