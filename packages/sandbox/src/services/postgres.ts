import { chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { exec, requireTool } from '@drydock/kit';
import { clusterFolder, isReady, makeRoom, markReady } from './cluster-folder.ts';
import { forgetOthersPid } from './postmaster-pid.ts';
import type { Service } from './types.ts';
import { type Unprivileged, unprivilegedUser } from './unprivileged.ts';

/** Makes a cluster whose only way in is a password. */
export async function initCluster(
  data: string,
  {
    password,
    user,
    initdb = requireTool('initdb'),
    id = '',
    linked = false,
  }: {
    password: string;
    user: Unprivileged | undefined;
    initdb?: string;
    /** Of the sandbox that the cluster is for. */
    id?: string;
    /** A link led to it. */
    linked?: boolean;
  },
): Promise<void> {
  if (isReady(data)) return;
  makeRoom(data, { id, linked });
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
  markReady(data, id);
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
  } catch (error) {
    // One that wants another way in (TLS, a certificate) is up.
    return (error as { code?: string }).code === '28000';
  } finally {
    await client.end().catch(() => {});
  }
}

export const postgres: Service = {
  name: 'postgres',
  tools: ['postgres', 'initdb', ...(process.getuid?.() === 0 ? (['setpriv'] as const) : [])],
  graceMs: 15_000,
  async prepare({ folder, state, port }) {
    const user = unprivilegedUser();
    const wanted = join(folder, 'postgres');
    const data = clusterFolder(wanted, user, state.id);
    const { id, postgresPassword: password } = state;
    await initCluster(data, { password, user, id, linked: data !== wanted });
    forgetOthersPid(data);
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
