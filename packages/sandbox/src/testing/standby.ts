import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { exec, requireTool } from '@drydock/kit';
import { clusterFolder } from '../services/cluster-folder.ts';
import { answers, runAs, serverArgs } from '../services/postgres.ts';
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
  mkdirSync(data, { recursive: true, mode: 0o700 });
  if (user) await exec('chown', [`${user.uid}:${user.gid}`, data]);
  const program = join(dirname(requireTool('postgres')), 'pg_basebackup');
  const args = ['-D', data, '-R', '-X', 'stream', '-c', 'fast', '--no-sync', `--dbname=${primary.adminUrl}`];
  await runAs(user, program, args, dirname(data));
  const urlOf = (port: number, url: string) => Object.assign(new URL(url), { port: String(port) }).href;
  const service = await startThrowAway(
    root,
    'postgres',
    async (port) => ({
      command: requireTool('postgres'),
      // No fewer than there, or it does not start (PostgreSQL manual, 27.4.3).
      args: serverArgs(data, port, { fsync: 'off', max_connections: '200' }),
      env: { PATH: process.env.PATH },
      cwd: data,
      stopSignal: 'SIGINT' as const,
      ...(user ?? {}),
    }),
    (port) => answers(urlOf(port, primary.adminUrl)),
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
