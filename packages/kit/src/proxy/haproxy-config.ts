import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeFolder, writeDurably } from '../durable.ts';
import { haproxyArgument, haproxyWord, refuseUnquotable } from './haproxy-words.ts';

/** How a release wants HAProxy to stand in front of the product: what `release:proxy` writes, and the sandbox runs. */
export interface ProxySettings {
  /** Whose it is, `shop/production`: a release refuses to switch another product's traffic. Left out: anybody's. */
  owner?: string;
  /** Address that people reach it at, as `bind` takes it. */
  bind: string;
  /** The runtime API. */
  socket: string;
  /** What it knows its servers by when it starts again. */
  stateFile: string;
  backend: string;
  /** Servers of each slot: at least as many as there are instances of a version. */
  servers: number;
  readyPath: string;
  /** Paths that are answered by the product in maintenance as well. */
  through: readonly string[];
}

export interface ProxyFiles {
  /** Maintenance, on or off, and whose the backend is: kept over a restart, changed through the runtime API. */
  map: string;
  /** Shown in maintenance. */
  page: string;
  /** Shown where no version runs. */
  unavailable: string;
}

/** Beside the state file; two backends of one HAProxy have their own. */
export function proxyFilesOf({ stateFile, backend }: Pick<ProxySettings, 'stateFile' | 'backend'>): ProxyFiles {
  const named = (name: string) => join(dirname(stateFile), `${backend}-${name}`);
  return { map: named('maintenance.map'), page: named('maintenance.html'), unavailable: named('503.http') };
}

/** A state file of HAProxy's format, version 1, that holds no server. */
const EMPTY_STATE = '1\n';

/** Makes what the config names; what HAProxy was told before stays. `page`: one of the product's own. HAProxy's user reads them. */
export function writeProxyFiles(settings: ProxySettings, { page = MAINTENANCE, mode = 0o644 } = {}): void {
  refuseUnquotable(settings);
  const { map, page: pageFile, unavailable } = proxyFilesOf(settings);
  makeFolder(dirname(settings.stateFile));
  if (!existsSync(settings.stateFile)) writeDurably(settings.stateFile, EMPTY_STATE, mode);
  if (!existsSync(map)) writeDurably(map, settings.owner ? `owner ${settings.owner}\n` : '', mode);
  writeDurably(pageFile, page.replaceAll('{reason}', '%[var(txn.shown)]'), mode);
  writeDurably(unavailable, UNAVAILABLE, mode);
}

/**
 * Only a connection that was never made is tried again elsewhere: then no request can have been handled twice. Each request has a
 * connection of its own to the product: one that is kept may be closed by the product in the moment of its next use.
 */
export function haproxyConfig(settings: ProxySettings): string {
  const { bind, socket, stateFile, backend, servers, readyPath, through } = settings;
  refuseUnquotable(settings);
  const { map, page, unavailable } = proxyFilesOf(settings);
  const inMap = (key: string, more = '') => `str(${key}),map(${haproxyArgument(map)}${more})`;
  return `global
  stats socket ${haproxyWord(socket)} mode 600 level admin
  server-state-file ${haproxyWord(stateFile)}

defaults
  mode http
  option redispatch 1
  option forwardfor
  option http-server-close
  retries 3
  retry-on conn-failure
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  timeout queue 5s
  timeout check 1s
  load-server-state-from-file global

frontend public-${backend}
  bind ${bind}
  errorfile 503 ${haproxyWord(unavailable)}
  acl maintenance ${haproxyWord(inMap('on'))} -m found
  acl through path ${[...new Set([readyPath, ...through])].join(' ')}
  http-request set-var(txn.shown) ${haproxyWord(`${inMap('shown')},b64dec`)} if maintenance
  http-request return status 503 content-type "text/html; charset=utf-8" lf-file ${haproxyWord(page)} hdr Cache-Control no-store hdr Retry-After ${haproxyWord(`%[${inMap('retry-after', ',60')}]`)} if maintenance !through
  default_backend ${backend}

backend ${backend}
  errorfile 503 ${haproxyWord(unavailable)}
  option httpchk GET ${readyPath}
  http-check expect status 200
  default-server inter 300ms fall 2 rise 1 init-addr last,libc,none
${serverLines(servers)}`;
}

/**
 * Named as a slot's only one is, so that more of them change nothing for it. By a host's name: of one that stands there as an address, HAProxy takes
 * only the port from the state file when it starts again, and not the machine (init-addr).
 */
function serverLines(count: number): string {
  const names = ['blue', 'green'].flatMap((slot) =>
    Array.from({ length: count }, (_, i) => (i === 0 ? slot : `${slot}-${i + 1}`)),
  );
  return names.map((name) => `  server ${name} localhost:1 check disabled\n`).join('');
}

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

/** A log format of HAProxy: a percent sign is two. `{reason}`: what `maintenance:on` was given. */
const MAINTENANCE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Maintenance</title>
<style>body { font: 18px/1.5 system-ui, sans-serif; max-width: 34em; margin: 15vh auto; padding: 0 1em }</style>
<h1>We will be back soon.</h1>
<p>{reason}</p>
</html>
`;
