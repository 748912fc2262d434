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

/** Where the processes with a mark listen, at whatever port: `0.0.0.0:3000`. */
export function listensAt(mark: string): string[] {
  const own = socketsOf(mark);
  return allSockets([LISTEN]).flatMap(({ inode, address, port }) => (own.has(inode) ? [`${address}:${port}`] : []));
}

/** Whose is a port of this machine? `theirs`: none of the processes with the mark listens there, and somebody does. */
export function listeners(port: number, mark: string): { own: string[]; theirs: string[] } {
  const all = socketsAt(port, [LISTEN]);
  const own = all.length > 0 ? socketsOf(mark) : new Set<string>();
  const at = (isOwn: boolean) => all.filter(({ inode }) => own.has(inode) === isOwn).map(({ address }) => address);
  return { own: at(true), theirs: at(false) };
}

/** Connections to a port of this machine, also those that nobody has accepted yet. */
export function connectionsTo(port: number): number {
  return socketsAt(port, CONNECTED).length;
}

function socketsAt(port: number, states: readonly string[]): { address: string; inode: string }[] {
  return allSockets(states).filter((socket) => socket.port === port);
}

/** Linux alone tells; elsewhere none is seen. */
function allSockets(states: readonly string[]): { address: string; port: number; inode: string }[] {
  return ['tcp', 'tcp6'].flatMap((table) =>
    readIfAny(`/proc/net/${table}`)
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([, local = '', , state = '']) => local.includes(':') && states.includes(state))
      .map(([, local = '', , , , , , , , inode = '']) => {
        const [address = '', port = ''] = local.split(':');
        return { address: named(address), port: Number.parseInt(port, 16), inode };
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
