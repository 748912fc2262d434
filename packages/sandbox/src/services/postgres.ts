import { execFileSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { exec, OpsError, requireTool } from '@drydock/kit';
import type { Service } from './types.ts';

/** PostgreSQL refuses to run as root; then it runs as this user. */
export interface Unprivileged {
  uid: number;
  gid: number;
}

export function unprivilegedUser(): Unprivileged | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    try {
      const id = (flag: string) =>
        Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
      return { uid: id('-u'), gid: id('-g') };
    } catch {
      // No such user on this system; try the next.
    }
  }
  throw new OpsError({
    code: 'NO_UNPRIVILEGED_USER',
    message: 'PostgreSQL does not run as root, and there is neither a user postgres nor nobody.',
    hint: 'Run the sandbox as an ordinary user.',
    exit: 2,
  });
}

/**
 * Where the cluster lies. A user other than us must be able to reach it; below a private folder (a clone in /root)
 * it lies in the temporary folder, with a link in its place.
 */
export function dataFolder(wanted: string, user: Unprivileged | undefined): string {
  if (existsSync(wanted) && lstatSync(wanted).isSymbolicLink()) return readlinkSync(wanted);
  if (!user || isReachable(dirname(wanted))) return wanted;
  const elsewhere = mkdtempSync(join(tmpdir(), 'drydock-postgres-'));
  rmSync(wanted, { force: true });
  chownSync(elsewhere, user.uid, user.gid);
  symlinkSync(join(elsewhere, 'data'), wanted);
  return join(elsewhere, 'data');
}

function isReachable(folder: string): boolean {
  const parent = dirname(folder);
  const searchable = (statSync(folder).mode & 0o001) !== 0;
  return searchable && (parent === folder || isReachable(parent));
}

/** Makes a cluster whose only way in is a password. */
export async function initCluster(
  data: string,
  {
    password,
    user,
    initdb = requireTool('initdb'),
  }: { password: string; user: Unprivileged | undefined; initdb?: string },
): Promise<void> {
  if (existsSync(join(data, 'PG_VERSION')) && existsSync(join(data, 'drydock-ready'))) return;
  rmSync(data, { recursive: true, force: true });
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const passwordFile = join(dirname(data), `.pw-${process.pid}`);
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (user) for (const path of [data, passwordFile]) chownSync(path, user.uid, user.gid);
  try {
    const args = [
      '-D',
      data,
      '-U',
      'drydock',
      '--auth=scram-sha-256',
      `--pwfile=${passwordFile}`,
      '-E',
      'UTF8',
      '--locale=C.UTF-8',
      '--no-sync',
    ];
    await runAs(user, initdb, args, dirname(data));
  } finally {
    rmSync(passwordFile, { force: true });
  }
  // Written last: a killed initdb leaves a cluster that must not be used.
  writeFileSync(join(data, 'drydock-ready'), '');
}

async function runAs(user: Unprivileged | undefined, program: string, args: string[], cwd: string): Promise<void> {
  if (!user) {
    await exec(program, args, { cwd });
    return;
  }
  await exec('setpriv', [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups', program, ...args], { cwd });
}

export function adminUrl(port: number, password: string, database = 'postgres'): string {
  return `postgresql://drydock:${password}@127.0.0.1:${port}/${database}`;
}

/** Arguments of the server; `settings` come last and win. */
export function serverArgs(data: string, port: number, settings: Record<string, string> = {}): string[] {
  const all = {
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    shared_preload_libraries: 'pg_stat_statements',
    ...settings,
  };
  return ['-D', data, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}

export async function answers(url: string): Promise<boolean> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('SELECT 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}

export const postgres: Service = {
  name: 'postgres',
  graceMs: 15_000,
  async prepare({ folder, state, port }) {
    const user = unprivilegedUser();
    const data = dataFolder(join(folder, 'postgres'), user);
    await initCluster(data, { password: state.postgresPassword, user });
    return {
      command: requireTool('postgres'),
      args: serverArgs(data, port),
      env: { PATH: process.env.PATH },
      cwd: data,
      stopSignal: 'SIGINT',
      ...(user ?? {}),
    };
  },
  ready: ({ state, port }) => answers(adminUrl(port, state.postgresPassword)),
};
