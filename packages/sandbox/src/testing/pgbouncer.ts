import { chownSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireTool } from '@drydock/kit';
import { accepts } from '../ports.ts';
import { unprivilegedUser } from '../services/unprivileged.ts';
import { startThrowAway, testRoot } from './root.ts';

/** A real, throw-away PgBouncer before a server of which it lets everybody in as `user`. */
export async function startTestPgBouncer(
  server: { host: string; port: number; user: string; password: string },
  mode: 'session' | 'transaction',
): Promise<{ port: number; stop(): Promise<void> }> {
  const root = testRoot('pgbouncer');
  const user = unprivilegedUser();
  const file = join(root, 'pgbouncer.ini');
  const { host, port: serverPort, user: role, password } = server;
  return startThrowAway(
    root,
    'pgbouncer',
    async (port) => {
      writeFileSync(
        file,
        `[databases]
* = host=${host} port=${serverPort} user=${role} password=${password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = ${mode}
ignore_startup_parameters = extra_float_digits,options,application_name
`,
        { mode: 0o600 },
      );
      if (user) chownSync(file, user.uid, user.gid);
      return {
        command: requireTool('pgbouncer'),
        args: [file],
        env: { PATH: process.env.PATH },
        cwd: root,
        ...(user ?? {}),
      };
    },
    accepts,
  );
}
