import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { checkHealth } from '@drydock/health';
import { type Environment, isMissing, type LoadedConfig } from '@drydock/kit';
import type { Target } from '../proxy/haproxy.ts';
import { releasedVersion } from '../version/said.ts';

const ASK_TIMEOUT_MS = 2_000;
/** States of sockets in /proc/net/tcp (proc(5)). */
const LISTEN = '0A';
const CONNECTED = ['01', '03'];

export interface Said {
  ready: boolean;
  /** Undefined where it does not say one. */
  version: string | undefined;
  /** `/readyz answered 503` */
  detail: string;
}

/** Asks one instance whether it can take traffic, and what it is. */
export async function askInstance(
  config: LoadedConfig,
  environment: Environment,
  readyPath: string,
  { host, port }: Target,
): Promise<Said> {
  const base = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  const [answer, version] = await Promise.all([
    askReady(new URL(readyPath, base)),
    checkHealth(config, environment, base).then(
      (result) => releasedVersion(result.version),
      // What it takes to ask is a matter of the preflight.
      () => undefined,
    ),
  ]);
  return { ...answer, version };
}

async function askReady(url: URL): Promise<{ ready: boolean; detail: string }> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(ASK_TIMEOUT_MS), redirect: 'manual' });
    await answer.body?.cancel();
    return { ready: answer.ok, detail: `${url.pathname} answered ${answer.status}` };
  } catch (error) {
    const { name, cause } = error as Error & { cause?: NodeJS.ErrnoException };
    if (name === 'TimeoutError') return { ready: false, detail: `${url.pathname} does not answer within 2 s` };
    const nobody = cause?.code === 'ECONNREFUSED';
    return {
      ready: false,
      detail: nobody ? `nothing listens at ${url.host}` : `${url.host} does not speak HTTP (${cause?.code ?? name})`,
    };
  }
}

export interface Listening {
  /** Where the processes with the mark listen at this port, and where others do. */
  own: string[];
  theirs: string[];
  /** Where those with the mark listen, at whatever port: `0.0.0.0:3000`. */
  elsewhere: string[];
}

/** Whose is a port of this machine? One look, for the kernel takes a while to list a busy host's sockets. */
export function listening(port: number, mark: string): Listening {
  const all = allSockets([LISTEN]);
  const mine = socketsOf(mark);
  const own = all.filter(({ inode }) => mine.has(inode));
  const theirs = all.filter((socket) => socket.port === port && !mine.has(socket.inode));
  return {
    own: own.filter((socket) => socket.port === port).map(({ address }) => address),
    theirs: theirs.map(({ address }) => address),
    elsewhere: own.map(({ address, port: at }) => `${address}:${at}`),
  };
}

/** Connections to a port of this machine, also those that nobody has accepted yet. */
export function connectionsTo(port: number): number {
  return allSockets(CONNECTED, port).length;
}

/** Linux alone tells; elsewhere none is seen. Of thousands of lines only those are cut up that are meant. */
function allSockets(states: readonly string[], port?: number): { address: string; port: number; inode: string }[] {
  const at = port === undefined ? '[0-9A-F]{4}' : port.toString(16).toUpperCase().padStart(4, '0');
  const meant = new RegExp(`^ *\\d+: [0-9A-F]+:${at} \\S+ (?:${states.join('|')}) .*$`, 'gm');
  return ['tcp', 'tcp6'].flatMap((table) =>
    [...readIfAny(`/proc/net/${table}`).matchAll(meant)].map(([line]) => {
      const [, local = '', , , , , , , , inode = ''] = line.trim().split(/\s+/);
      const [address = '', hex = ''] = local.split(':');
      return { address: named(address), port: Number.parseInt(hex, 16), inode };
    }),
  );
}

function named(hex: string): string {
  const known: Record<string, string> = {
    '00000000': '0.0.0.0',
    '0100007F': '127.0.0.1',
    '00000000000000000000000000000000': '[::]',
    '00000000000000000000000001000000': '[::1]',
  };
  return known[hex] ?? 'another address';
}

function socketsOf(mark: string): Set<string> {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const own = pids.filter((pid) => readIfAny(`/proc/${pid}/environ`).split('\0').includes(mark));
  const links = own.flatMap((pid) => {
    try {
      return readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
    } catch {
      // It has ended, or closed one, meanwhile.
      return [];
    }
  });
  return new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
}

function readIfAny(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    // Ended meanwhile, or not ours to look at.
    if (isMissing(cause) || code === 'EACCES' || code === 'ESRCH' || code === 'EPERM') return '';
    throw cause;
  }
}
