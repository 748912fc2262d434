import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { exec, requireTool, Secret, withPostgres } from '@drydock/kit';
import { clusterFolder } from '../services/cluster-folder.ts';
import { answers, serverArgs } from '../services/postgres.ts';
import { unprivilegedUser } from '../services/unprivileged.ts';
import { startThrowAway, testRoot } from './root.ts';
import type { TestPostgres } from './test-postgres.ts';

/** A real, throw-away standby that streams from a throw-away server; `urlOf` turns an address of that one into one here. */
export async function startTestStandby(
  primary: TestPostgres,
): Promise<{ port: number; urlOf(url: string): string; stop(): Promise<void> }> {
  const root = testRoot('standby');
  const user = unprivilegedUser();
  const data = clusterFolder(join(root, 'data'), user, '');
  mkdirSync(dirname(data), { recursive: true });
  await copyCluster(primary.adminUrl, data);
  const { hostname, port, username, password } = new URL(primary.adminUrl);
  const address = `host=${hostname} port=${port} user=${username} password=${password}`;
  appendFileSync(join(data, 'postgresql.auto.conf'), `primary_conninfo = '${address}'\n`);
  writeFileSync(join(data, 'standby.signal'), '');
  if (user) await exec('chown', ['-R', `${user.uid}:${user.gid}`, data]);
  const urlOf = (at: number, url: string) => Object.assign(new URL(url), { port: String(at) }).href;
  const service = await startThrowAway(
    root,
    'postgres',
    async (at) => ({
      command: requireTool('postgres'),
      // No fewer than there, or it does not start (PostgreSQL manual, 27.4.3).
      args: serverArgs(data, at, { fsync: 'off', max_connections: '200' }),
      env: { PATH: process.env.PATH },
      cwd: data,
      stopSignal: 'SIGINT' as const,
      ...(user ?? {}),
    }),
    (at) => answers(urlOf(at, primary.adminUrl)),
  );
  return {
    port: service.port,
    urlOf: (url) => urlOf(service.port, url),
    async stop() {
      await service.stop();
      rmSync(dirname(data), { recursive: true, force: true });
    },
  };
}

/** By the server's own words (PostgreSQL manual, 26.3.4): the servers of npm bring no pg_basebackup, and an older one copies no newer server. */
async function copyCluster(url: string, data: string): Promise<void> {
  await withPostgres(new Secret(url), 'test standby', async (client) => {
    const { rows } = await client.query<{ from: string; old: boolean }>(
      `SELECT current_setting('data_directory') AS from, current_setting('server_version_num')::int < 150000 AS old`,
    );
    const { from = '', old = false } = rows[0] ?? {};
    await client.query(
      old ? `SELECT pg_start_backup('standby', true, false)` : `SELECT pg_backup_start('standby', true)`,
    );
    // A file that goes meanwhile was of no lasting use: what was written since comes by the log.
    await exec('cp', ['-a', from, data], { okCodes: [1] });
    const { rows: ended } = await client.query<{ labelfile: string }>(
      `SELECT labelfile FROM ${old ? 'pg_stop_backup(false, true)' : 'pg_backup_stop(true)'}`,
    );
    for (const name of ['postmaster.pid', 'postmaster.opts']) rmSync(join(data, name), { force: true });
    writeFileSync(join(data, 'backup_label'), ended[0]?.labelfile ?? '');
  });
}
