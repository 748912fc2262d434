import type { ClientConfig } from 'pg';
import { parse, toClientConfig } from 'pg-connection-string';
import { registerSecret } from './redact.ts';
import { Secret } from './secret.ts';

/** Parameters of a URL that libpq's programs take from the environment (PostgreSQL manual, 34.15). */
const LIBPQ_VARIABLES: Record<string, string> = {
  sslmode: 'PGSSLMODE',
  sslrootcert: 'PGSSLROOTCERT',
  sslcert: 'PGSSLCERT',
  sslkey: 'PGSSLKEY',
  sslcrl: 'PGSSLCRL',
  sslnegotiation: 'PGSSLNEGOTIATION',
  ssl_min_protocol_version: 'PGSSLMINPROTOCOLVERSION',
  channel_binding: 'PGCHANNELBINDING',
  require_auth: 'PGREQUIREAUTH',
  gssencmode: 'PGGSSENCMODE',
  options: 'PGOPTIONS',
  target_session_attrs: 'PGTARGETSESSIONATTRS',
  passfile: 'PGPASSFILE',
};

/** What libpq's programs need of the operator's own environment: files of passwords and certificates are found by it. */
const PASSED_ON = [
  'HOME',
  'PGHOST',
  'PGPORT',
  'PGUSER',
  'PGPASSFILE',
  'PGSYSCONFDIR',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'LANG',
  'LC_ALL',
  'TZ',
];

/** One way to connect. */
export interface Attempt {
  config: ClientConfig;
  /** To the same place as the attempt before, with TLS where that had none or the reverse: for a server that refused that one. */
  otherEncryption: boolean;
}

interface Place {
  host: string;
  port: string;
}

/**
 * A postgresql:// URL, read once, for whoever connects: node-postgres, Prisma's engine, PostgreSQL's own programs. As libpq
 * reads it: several hosts, sockets, IPv6, TLS with verification and client certificates, `options`, a password file.
 */
export class DatabaseUrl {
  readonly secret: Secret;
  readonly database: string;
  /** Prisma's `?schema=`; `public` if it is not given. */
  readonly schema: string;
  readonly #places: Place[];
  readonly #config: ReturnType<typeof parse>;
  readonly #parameters: URLSearchParams;

  /** Throws what the parser says; a variable of kind `postgres` is checked before (VARIABLE_MALFORMED). */
  constructor(secret: Secret) {
    this.secret = secret;
    const text = secret.reveal();
    const { hosts, single } = splitHosts(text);
    const address = new URL(single, 'postgresql://none');
    this.#parameters = address.searchParams;
    // `sslrootcert=system` is libpq's word for what node does without any.
    if (this.#parameters.get('sslrootcert') === 'system') address.searchParams.delete('sslrootcert');
    address.searchParams.delete('uselibpqcompat');
    this.#config = parse(address.href, { useLibpqCompat: true });
    // Whoever connects may be told of by somebody who has read only this part of it.
    if (this.#config.password) registerSecret(String(this.#config.password));
    this.database = decodeURIComponent(address.pathname.slice(1)) || this.#config.user || '';
    this.schema = this.#parameters.get('schema') ?? 'public';
    this.#places = placesOf(hosts, this.#parameters);
  }

  /** For people: host and port, never who or with what. */
  get host(): string {
    const shown = ({ host, port }: Place) => `${host.includes(':') ? `[${host}]` : host}${port ? `:${port}` : ''}`;
    return this.#places.map(shown).join(',') || 'localhost';
  }

  /** What node-postgres may try, in order: each host, and as libpq does without and with TLS where `sslmode` leaves it open. */
  attempts(): Attempt[] {
    const { user, password, options, ssl, sslnegotiation } = toClientConfig(this.#config) as ClientConfig & {
      sslnegotiation?: string;
    };
    const places = this.#places.length > 0 ? this.#places : [{ host: '', port: '' }];
    return places.flatMap(({ host, port }) =>
      this.#encryptions(ssl).map((encryption, i) => ({
        otherEncryption: i > 0,
        config: {
          ...(this.database ? { database: this.database } : {}),
          ...(host ? { host } : {}),
          ...(port ? { port: Number(port) } : {}),
          ...(user ? { user } : {}),
          ...(password ? { password } : {}),
          ...(options ? { options } : {}),
          ...(encryption === undefined ? {} : { ssl: encryption }),
          ...(sslnegotiation ? { sslnegotiation } : {}),
        },
      })),
    );
  }

  /** Which of several hosts is meant: `read-write`, `primary`, `standby` … (libpq's target_session_attrs). */
  get target(): string {
    return this.#parameters.get('target_session_attrs') ?? 'any';
  }

  /** For PostgreSQL's own programs, by environment: an argument would stand in the process list. */
  libpqEnv(path: string | undefined): NodeJS.ProcessEnv {
    const { user, password } = this.#config;
    const joined = (values: string[]) => (values.some(Boolean) ? values.join(',') : undefined);
    const given: NodeJS.ProcessEnv = {
      PGHOST: joined(this.#places.map(({ host }) => host)),
      PGPORT: joined(this.#places.map(({ port }) => port)),
      PGUSER: user,
      PGPASSWORD: typeof password === 'string' ? password : undefined,
      ...Object.fromEntries(
        Object.entries(LIBPQ_VARIABLES).map(([name, variable]) => [variable, this.#parameters.get(name) ?? undefined]),
      ),
    };
    return {
      ...Object.fromEntries(PASSED_ON.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : []))),
      ...Object.fromEntries(Object.entries(given).filter(([, value]) => value)),
      PATH: path,
      ...(this.database ? { PGDATABASE: this.database } : {}),
      PGCONNECT_TIMEOUT: '10',
    };
  }

  /** The same server and role, another database. */
  withDatabase(name: string): Secret {
    const { before, after } = aroundPath(this.secret.reveal());
    return new Secret(`${before}/${encodeURIComponent(name)}${after}`, this.secret.label);
  }

  /** The same server and database, another role. */
  withRole(user: string, password: string): Secret {
    const text = this.secret.reveal();
    const [, prefix = '', authority = '', rest = ''] = AUTHORITY.exec(text) ?? [];
    const [path = '', query = ''] = rest.split('?', 2);
    const parameters = new URLSearchParams(query);
    for (const name of ['user', 'password']) parameters.delete(name);
    const scheme = prefix.slice(0, prefix.indexOf('//') + 2);
    const who = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;
    return new Secret(
      `${scheme}${who}@${authority}${path}${parameters.size > 0 ? `?${parameters}` : ''}`,
      this.secret.label,
    );
  }

  #encryptions(ssl: ClientConfig['ssl']): (ClientConfig['ssl'] | undefined)[] {
    switch (this.#parameters.get('sslmode')) {
      case 'prefer':
        return [ssl, false];
      case null:
        // The server says when it wants encryption; then it gets it, as from libpq.
        return ssl === undefined ? [undefined, { rejectUnauthorized: false }] : [ssl];
      case 'allow':
        return [false, { rejectUnauthorized: false }];
      default:
        return [ssl];
    }
  }
}

/** `scheme://user:password@`, the hosts, and the rest; what lies in between is the parser's. */
const AUTHORITY = /^([a-z]+:\/\/(?:[^/?#]*@)?)([^/?#]*)(.*)$/is;

function splitHosts(text: string): { hosts: string[]; single: string } {
  const [, user = '', authority = '', rest = ''] = AUTHORITY.exec(text) ?? [];
  const hosts = authority.split(',').filter(Boolean);
  // The URL parser knows one host; several, or none beside a user, are put aside.
  return { hosts, single: `${user}${hosts.length === 1 ? authority : 'none'}${rest}` };
}

function placesOf(hosts: string[], parameters: URLSearchParams): Place[] {
  const [named, ports] = [parameters.get('host'), parameters.get('port')?.split(',') ?? []];
  const places = named
    ? named.split(',').map((host) => ({ host, port: '' }))
    : hosts.map((host) => {
        const [, bracketed, plain = '', port = ''] = /^(?:\[(.*)\]|([^:]*))(?::(\d*))?$/.exec(host) ?? [];
        return { host: decodeURIComponent(bracketed ?? plain), port };
      });
  return places.map(({ host, port }, i) => ({ host, port: port || (ports[i] ?? ports[0] ?? '') }));
}

function aroundPath(text: string): { before: string; after: string } {
  const [, user = '', authority = '', rest = ''] = AUTHORITY.exec(text) ?? [];
  const [, after = ''] = /^\/?[^?#]*(.*)$/s.exec(rest) ?? [];
  return { before: `${user}${authority}`, after };
}

/**
 * A database's name as an argument of PostgreSQL's programs: one that looks like a connection string would be read as one
 * (PostgreSQL manual, 34.1.1).
 */
export function databaseArgument(name: string): string {
  return /^[\w.-]+$/.test(name) ? name : `dbname='${name.replaceAll(/[\\']/g, '\\$&')}'`;
}
