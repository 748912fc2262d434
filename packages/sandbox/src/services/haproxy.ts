import { createHash } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EnvName } from '@drydock/kit';
import { makeFolder, makePrivate, requireTool, writeDurably } from '@drydock/kit';
import type { Service } from './types.ts';

/** The front proxy of an environment. A release sets its two servers through the runtime API (HAProxy manual, 9.3). */
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
      if (!existsSync(files.state)) writeDurably(files.state, EMPTY_STATE);
      writeDurably(join(files.folder, '503.http'), UNAVAILABLE);
      writeDurably(join(files.folder, 'haproxy.cfg'), proxyConfig(port, files));
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

/** As many instances of a version as can get traffic: the first of a slot is called by its name alone. */
const SERVERS = ['blue', 'green'].flatMap((slot) => ['', '-2', '-3', '-4'].map((number) => `${slot}${number}`));

/** A state file of HAProxy's format, version 1, that holds no server. */
const EMPTY_STATE = '1\n';

const UNAVAILABLE = [
  'HTTP/1.1 503 Service Unavailable',
  'Content-Type: text/plain; charset=utf-8',
  'Cache-Control: no-store',
  'Retry-After: 5',
  'Connection: close',
  '',
  'No version of the product is running here yet.',
  '',
].join('\r\n');

/** Only a connection that was never made is tried again elsewhere: then no request can have been handled twice. */
function proxyConfig(port: number, files: ProxyFiles): string {
  return `global
  stats socket ${files.socket} mode 600 level admin
  server-state-file ${files.state}

defaults
  mode http
  option redispatch 1
  option forwardfor
  retries 3
  retry-on conn-failure
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  timeout queue 5s
  timeout check 1s
  load-server-state-from-file global

frontend public
  bind 127.0.0.1:${port}
  errorfile 503 ${join(files.folder, '503.http')}
  default_backend app

backend app
  errorfile 503 ${join(files.folder, '503.http')}
  option httpchk GET /readyz
  http-check expect status 200
  default-server inter 300ms fall 2 rise 1
${SERVERS.map((name) => `  server ${name} 127.0.0.1:1 check disabled\n`).join('')}`;
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
