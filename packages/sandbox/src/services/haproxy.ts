import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  type EnvName,
  haproxyConfig,
  makeFolder,
  makePrivate,
  type ProxySettings,
  requireTool,
  socketProblem,
  writeDurably,
  writeProxyFiles,
} from '@drydock/kit';
import type { Service } from './types.ts';

/** Of an environment. */
const LONGEST_NAME = 32;
/** Where TMPDIR is a deep folder as well. */
const SHORT = ['/tmp', '/var/tmp'];
/** As many instances of a version as anybody tries here. */
const SERVERS = 4;

/** The front proxy of an environment, as `release:proxy` writes it. A release sets its servers through the runtime API. */
export function haproxy(env: EnvName): Service {
  return {
    name: `proxy-${env}`,
    tools: ['haproxy'],
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

/** Where HAProxy cannot listen (below a deep folder, or one with a dollar sign) its socket lies in the temporary folder. */
export function proxyFiles(sandbox: string, env: EnvName): ProxyFiles {
  const folder = join(sandbox, `proxy-${env}`);
  const near = join(folder, 'admin.sock');
  const socket = socketProblem(near) === undefined ? near : join(socketsElsewhere(sandbox), `${env}.sock`);
  return { folder, socket, socketFolder: dirname(socket), state: join(folder, 'servers.state') };
}

/** A folder of this sandbox's own, by a short name. */
export function socketsElsewhere(sandbox: string): string {
  const name = `drydock-${createHash('sha256').update(sandbox).digest('hex').slice(0, 12)}`;
  const fits = (folder: string) => socketProblem(join(folder, name, `${'x'.repeat(LONGEST_NAME)}.sock`)) === undefined;
  return join([tmpdir(), ...SHORT].find(fits) ?? tmpdir(), name);
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
