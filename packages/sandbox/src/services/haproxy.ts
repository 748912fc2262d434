import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type EnvName,
  haproxyConfig,
  makeFolder,
  makePrivate,
  type ProxySettings,
  requireTool,
  writeDurably,
  writeProxyFiles,
} from '@drydock/kit';
import type { Service } from './types.ts';

/** As many instances of a version as anybody tries here. */
const SERVERS = 4;

/** The front proxy of an environment, as `release:proxy` writes it. A release sets its servers through the runtime API. */
export function haproxy(env: EnvName): Service {
  return {
    name: `proxy-${env}`,
    graceMs: 3_000,
    async prepare({ folder, port }) {
      const files = proxyFiles(folder, env);
      makeFolder(files.folder);
      // In the temporary folder anybody may have made one of this name.
      makePrivate(files.socketFolder);
      rmSync(files.socket, { force: true });
      const settings: ProxySettings = {
        bind: `127.0.0.1:${port}`,
        socket: files.socket,
        stateFile: files.state,
        backend: 'app',
        servers: SERVERS,
        readyPath: '/readyz',
        through: ['/healthz', '/api/admin/health'],
      };
      writeProxyFiles(settings, { mode: 0o600 });
      writeDurably(join(files.folder, 'haproxy.cfg'), haproxyConfig(settings));
      return {
        command: requireTool('haproxy'),
        args: ['-db', '-f', join(files.folder, 'haproxy.cfg')],
        env: { PATH: process.env.PATH },
        cwd: files.folder,
      };
    },
    ready: async ({ folder }) => answers(proxyFiles(folder, env).socket),
  };
}

export interface ProxyFiles {
  folder: string;
  socket: string;
  socketFolder: string;
  state: string;
}

/** A socket's path may not be longer than 107 bytes (unix(7)); below a deep folder it lies in the temporary one. */
export function proxyFiles(sandbox: string, env: EnvName): ProxyFiles {
  const folder = join(sandbox, `proxy-${env}`);
  const near = join(folder, 'admin.sock');
  const far = join(tmpdir(), `drydock-${createHash('sha256').update(sandbox).digest('hex').slice(0, 12)}`);
  const socket = near.length <= 100 ? near : join(far, `${env}.sock`);
  return { folder, socket, socketFolder: near.length <= 100 ? folder : far, state: join(folder, 'servers.state') };
}

async function answers(socketPath: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(socketPath);
    const end = (answer: boolean) => {
      socket.destroy();
      done(answer);
    };
    socket.once('connect', () => end(true)).once('error', () => end(false));
  });
}
