import { Secret, usageError } from '@drydock/kit';

/** Where a Redis is. */
export type RedisPlace = { host: string; port: number; tls: boolean } | { socket: string };

export interface RedisLogin {
  user: string;
  /** Undefined where the URL has none. */
  password: Secret | undefined;
}

export interface RedisUrl {
  place: RedisPlace;
  login: RedisLogin;
  db: number;
}

export const DEFAULT_USER = 'default';
const DEFAULT_PORT = 6_379;
/** User and password end at the last @ before the path, as the URL standard has it. */
const URL_PARTS =
  /^(?<scheme>[a-z][a-z0-9+.-]*):\/\/(?:(?<info>[^/?#]*)@)?(?<address>[^/?#]*)(?<path>\/[^?#]*)?(?:\?(?<query>[^#]*))?(?:#.*)?$/i;
const ADDRESS = /^(?<host>\[[^\]]+\]|[^:,]+)?(?::(?<port>\d{1,5}))?$/;
const TCP = ['redis', 'rediss'];
const SOCKET = ['unix', 'redis+unix', 'redis-socket'];

/** As clients read it: redis://, rediss://, unix:// with a path, or the bare path of a socket. Throws a usage error that shows nothing of it. */
export function readRedisUrl(url: Secret, variable: string): RedisUrl {
  const malformed = (what: string) =>
    usageError(
      'VARIABLE_MALFORMED',
      `${variable} ${what}.`,
      `It looks like this: ${variable}='redis://user:password@host:6379/0'`,
    );
  const text = url.reveal();
  const parts = partsOf(text);
  if (!parts) throw malformed('is no URL of Redis');
  const { scheme, user, password, address, path, query } = parts;
  const login = {
    user: user || DEFAULT_USER,
    password: password ? new Secret(password, `the password in ${variable}`) : undefined,
  };
  if (SOCKET.includes(scheme)) {
    if (!path || address) throw malformed('has no path of a socket');
    return { place: { socket: decoded(path) }, login, db: Number(query.get('db') ?? 0) };
  }
  if (!TCP.includes(scheme)) throw malformed(`begins with ${scheme}://, which is none of Redis'`);
  const { host, port } = ADDRESS.exec(address)?.groups ?? {};
  if (!ADDRESS.test(address) || Number(port ?? 1) > 65_535)
    throw malformed(address.includes(',') ? 'has several addresses; one is enough' : 'has no host and port');
  const db = Number(path?.slice(1) || query.get('db') || 0);
  if (!Number.isInteger(db)) throw malformed('has a database that is no number');
  return {
    place: {
      host: host?.replace(/^\[|\]$/g, '') || '127.0.0.1',
      port: Number(port ?? DEFAULT_PORT),
      tls: scheme === 'rediss',
    },
    login,
    db,
  };
}

/** The same URL, but for its password: user, host, database and options stay as they are written. */
export function withPassword(url: string, password: string): string {
  const written = encodeURIComponent(password);
  if (/[?&]password=/.test(url)) return url.replace(/([?&]password=)[^&#]*/, (_, name) => `${name}${written}`);
  const parts = partsOf(url);
  if (url.startsWith('/')) {
    const user = parts?.user ? '' : `username=${DEFAULT_USER}&`;
    return `${url}${url.includes('?') ? '&' : '?'}${user}password=${written}`;
  }
  // Without a user some clients would log in the old way, which a user that takes any password refuses.
  const user = parts?.password ? parts.writtenUser : parts?.writtenUser || DEFAULT_USER;
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/)(?:[^/?#]*@)?/i, (_, scheme) => `${scheme}${user}:${written}@`);
}

/** The same URL for another user. */
export function withUser(url: string, user: string, password: string): string {
  const written = encodeURIComponent(user);
  if (url.startsWith('/')) {
    const [path = '', query = ''] = url.split('?');
    const options = new URLSearchParams(query);
    options.set('username', user);
    options.set('password', password);
    return `${path}?${options}`;
  }
  const bare = url
    .replace(/([?&])(?:username|password)=[^&#]*/g, '$1')
    .replace(/\?&+/, '?')
    .replace(/&{2,}/g, '&')
    .replace(/[?&]+(?=#|$)/, '');
  return bare.replace(
    /^([a-z][a-z0-9+.-]*:\/\/)(?:[^/?#]*@)?/i,
    (_, scheme) => `${scheme}${written}:${encodeURIComponent(password)}@`,
  );
}

/** As people call it; nothing of it opens anything. */
export function shownPlace(place: RedisPlace): string {
  if ('socket' in place) return place.socket;
  return `${place.host.includes(':') ? `[${place.host}]` : place.host}:${place.port}`;
}

function partsOf(url: string) {
  const at = url.startsWith('/') && !url.startsWith('//') ? `unix://${url}` : url;
  const groups = URL_PARTS.exec(at.startsWith('//') ? `redis:${at}` : at)?.groups;
  if (!groups?.scheme) return undefined;
  const { scheme, info = '', address = '', path } = groups;
  const query = new URLSearchParams(groups.query ?? '');
  const [writtenUser = '', ...rest] = info.split(':');
  return {
    scheme: scheme.toLowerCase(),
    writtenUser,
    user: decoded(writtenUser) || query.get('username') || '',
    password: decoded(rest.join(':')) || query.get('password') || '',
    address,
    path,
    query,
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A lone percent sign stands for itself.
    return text;
  }
}
