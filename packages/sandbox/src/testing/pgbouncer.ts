import { chownSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireTool } from '@drydock/kit';
import { accepts } from '../ports.ts';
import { unprivilegedUser } from '../services/unprivileged.ts';
import { startThrowAway, testRoot } from './root.ts';

interface Server {
  host: string;
  port: number;
  user: string;
  password: string;
}

/** Who is let in: everybody, all as the server's `user`; or each by a password of his own, from a file or by asking the server as `user`. */
type Users = 'any' | 'file' | 'query';

interface TestPgBouncer {
  port: number;
  /** With `file`: lines of userlist.txt; it is read again by RELOAD. */
  userlist: string;
  /** Of its console, where RELOAD and RECONNECT are typed. */
  consoleUrl: string;
  stop(): Promise<void>;
}

const CONSOLE = { user: 'console', password: 'throw-away-console' };

/** A real, throw-away PgBouncer before a server. */
export async function startTestPgBouncer(
  { host, port: serverPort, user: role, password }: Server,
  mode: 'session' | 'transaction',
  users: Users = 'any',
): Promise<TestPgBouncer> {
  const root = testRoot('pgbouncer');
  const user = unprivilegedUser();
  const [file, userlist] = [join(root, 'pgbouncer.ini'), join(root, 'userlist.txt')];
  const write = (path: string, text: string) => {
    writeFileSync(path, text, { mode: 0o600 });
    if (user) chownSync(path, user.uid, user.gid);
  };
  const service = await startThrowAway(
    root,
    'pgbouncer',
    async (port) => {
      const known = [CONSOLE, ...(users === 'query' ? [{ user: role, password }] : [])];
      write(userlist, known.map((one) => `"${one.user}" "${one.password}"\n`).join(''));
      write(
        file,
        `[databases]
* = host=${host} port=${serverPort} ${users === 'any' ? `user=${role} password=${password}` : ''} ${users === 'query' ? `auth_user=${role}` : ''}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = ${users === 'any' ? 'any' : 'scram-sha-256'}
auth_file = ${userlist}
admin_users = ${CONSOLE.user}
pool_mode = ${mode}
ignore_startup_parameters = extra_float_digits,options,application_name
`,
      );
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
  const { user: admin, password: known } = CONSOLE;
  return { ...service, userlist, consoleUrl: `postgresql://${admin}:${known}@127.0.0.1:${service.port}/pgbouncer` };
}
