import { isIP } from 'node:net';
import type { ClientConfig } from 'pg';
import { parse } from 'pg-connection-string';
import { hasClientKey, LIBPQ_VARIABLES, type Parameters, withLibpqDefaults } from './libpq.ts';
import { registerSecret } from './redact.ts';
import { Secret } from './secret.ts';
import { encryptions } from './tls.ts';

/** What PostgreSQL's programs need of the operator's own environment beside the connection. */
const PASSED_ON = ['HOME', 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'KRB5CCNAME', 'LANG', 'LC_ALL', 'TZ'];
/** Longest wait for a server, in seconds, where the URL does not say (`connect_timeout`). */
const CONNECT_WITHIN = { node: 5, programs: 10 };

/** One way to connect. */
export interface Attempt {
  config: ClientConfig;
  /** To the same place as the attempt before, with TLS where that had none or the reverse: for a server that refused that one. */
  otherEncryption: boolean;
}

interface Place {
  /** A name, an address, or the folder of a socket. */
  host: string;
  /** Where the name need not be looked up (`hostaddr`). */
  address: string;
  port: string;
}

/**
 * A postgresql:// URL, read once, for whoever connects: node-postgres, Prisma's engine, PostgreSQL's own programs. As libpq
 * reads it: several hosts, sockets, IPv6, TLS with verification and client certificates, `options`, a password file, an entry
 * of the service file, PG… variables.
 */
export class DatabaseUrl {
  readonly secret: Secret;
  readonly database: string;
  /** Prisma's `?schema=`; `public` if it is not given. */
  readonly schema: string;
  /** Who logs in, wherever that is said, and the password that stands in the URL itself: no file's, and no variable's. */
  readonly role: { user: string | undefined; password: string | undefined };
  readonly #places: Place[];
  readonly #parameters: Parameters;

  /** Throws what the parser says; a variable of kind `postgres` is checked before (VARIABLE_MALFORMED). */
  constructor(secret: Secret) {
    this.secret = secret;
    const { hosts, single } = splitHosts(secret.reveal());
    const address = new URL(single, 'postgresql://none');
    const query = Object.fromEntries(address.searchParams);
    address.search = '';
    const { user, password } = parse(address.href);
    this.role = { user: query.user ?? user, password: query.password ?? password };
    this.#parameters = withLibpqDefaults(
      { dbname: decodeURIComponent(address.pathname.slice(1)), user, password, ...asLibpq(query) },
      process.env,
    );
    this.role.user ??= this.#parameters.user;
    // Whoever connects may be told of by somebody who has read only this part of it.
    for (const part of [this.#parameters.password, this.#parameters.sslpassword]) if (part) registerSecret(part);
    this.database = this.#parameters.dbname ?? this.#parameters.user ?? '';
    this.schema = query.schema ?? 'public';
    this.#places = placesOf(query.host ? [] : hosts, this.#parameters);
  }

  /** For people: host and port, never who or with what. */
  get host(): string {
    const shown = ({ host, port }: Place) => `${host.includes(':') ? `[${host}]` : host}${port ? `:${port}` : ''}`;
    return this.#places.map(shown).join(',');
  }

  /** What node-postgres may try, in order: each host, and as libpq does without and with TLS where `sslmode` leaves it open. */
  attempts(): Attempt[] {
    return this.#places.flatMap((place) =>
      this.#encryptions(place).map((ssl, i) => ({ otherEncryption: i > 0, config: this.#configOf(place, ssl) })),
    );
  }

  /** Which of several hosts is meant: `read-write`, `primary`, `standby` … (libpq's target_session_attrs). */
  get target(): string {
    return this.#parameters.target_session_attrs ?? 'any';
  }

  /** A file of passwords that is not at its usual place. */
  get passwordFile(): string | undefined {
    return this.#parameters.passfile;
  }

  /**
   * For PostgreSQL's own programs, by environment: an argument would stand in the process list. All that was found is in it, and
   * no PGSERVICE, which would win over it.
   */
  libpqEnv(path: string | undefined): NodeJS.ProcessEnv {
    const joined = (values: string[]) => (values.some(Boolean) ? values.join(',') : undefined);
    const found: Parameters = {
      ...this.#parameters,
      dbname: this.database,
      host: joined(this.#places.map(({ host }) => host)),
      hostaddr: joined(this.#places.map(({ address }) => address)),
      port: joined(this.#places.map(({ port }) => port)),
      connect_timeout: String(this.#connectWithin(CONNECT_WITHIN.programs)),
    };
    const given = Object.entries(LIBPQ_VARIABLES).map(([keyword, variable]) => [variable, found[keyword]]);
    return {
      ...Object.fromEntries(PASSED_ON.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : []))),
      ...Object.fromEntries(given.filter(([, value]) => value)),
      PATH: path,
    };
  }

  /** The same server and role, another database. */
  withDatabase(name: string): Secret {
    const { prefix, authority, query } = partsOf(this.secret.reveal());
    query.delete('dbname');
    return this.#rewritten(`${prefix}${authority}/${encodeURIComponent(name)}`, query);
  }

  /** The same server and database, another role. Everything else of the URL stays as it is written. */
  withRole(user: string, password: string): Secret {
    const text = this.secret.reveal();
    const { prefix, authority, path, query } = partsOf(text);
    const scheme = prefix.slice(0, prefix.indexOf('//') + 2);
    const who = `${encodeURIComponent(user)}:${encodeURIComponent(password)}@`;
    if (!query.has('user') && !query.has('password'))
      return new Secret(`${scheme}${who}${text.slice(prefix.length)}`, this.secret.label);
    for (const name of ['user', 'password']) query.delete(name);
    return this.#rewritten(`${scheme}${who}${authority}${path}`, query);
  }

  #rewritten(text: string, query: URLSearchParams): Secret {
    return new Secret(query.size > 0 ? `${text}?${spaced(query)}` : text, this.secret.label);
  }

  #encryptions({ host }: Place): (ClientConfig['ssl'] | false)[] {
    // Over a socket there is none, whatever sslmode says: as libpq.
    if (host.startsWith('/')) return [false];
    return encryptions(this.#parameters, { isLocal: isThisMachine(host) });
  }

  #configOf({ host, address, port }: Place, ssl: ClientConfig['ssl'] | false): ClientConfig {
    const { user, password, options, sslnegotiation, channel_binding: binding } = this.#parameters;
    const encrypted = ssl && address && isIP(host) === 0 ? { ...(ssl as object), servername: host } : ssl;
    return {
      ...(this.database ? { database: this.database } : {}),
      host: address || host,
      ...(port ? { port: Number(port) } : {}),
      ...(user ? { user } : {}),
      ...(password ? { password } : {}),
      ...(options ? { options } : {}),
      ssl: encrypted,
      ...(ssl && sslnegotiation ? { sslnegotiation } : {}),
      ...(ssl && (binding === 'require' || binding === 'prefer') ? { enableChannelBinding: true } : {}),
      connectionTimeoutMillis: this.#connectWithin(CONNECT_WITHIN.node) * 1_000,
    } as ClientConfig;
  }

  /** In seconds. Nobody waits for ever: 0, libpq's word for that, is taken for our own bound. */
  #connectWithin(otherwise: number): number {
    return Number.parseInt(this.#parameters.connect_timeout ?? '', 10) || otherwise;
  }
}

function isThisMachine(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** What other clients write, in libpq's words: JDBC's `ssl`, Prisma's `sslaccept` and `sslcert`, node-postgres' `no-verify`. */
function asLibpq({ ssl, sslaccept, sslcert, ...query }: Parameters): Parameters {
  const wanted = query.sslmode ?? (ssl === 'true' || ssl === '1' ? 'require' : undefined);
  const strict = sslaccept === 'strict' && (wanted === undefined || wanted === 'prefer' || wanted === 'require');
  const sslmode = strict ? 'verify-full' : wanted === 'no-verify' ? 'require' : wanted;
  // Prisma's is the certificate of a CA, libpq's that of a client, which has a key.
  const isRoot = sslcert !== undefined && query.sslkey === undefined && !hasClientKey();
  const sslrootcert = query.sslrootcert ?? (isRoot && sslaccept !== 'accept_invalid_certs' ? sslcert : undefined);
  return {
    ...query,
    ...(sslmode ? { sslmode } : {}),
    ...(sslrootcert ? { sslrootcert } : {}),
    ...(sslcert && !isRoot ? { sslcert } : {}),
  };
}

/** `scheme://user:password@`, the hosts, and the rest; what lies in between is the parser's. */
const AUTHORITY = /^([a-z]+:\/\/(?:[^/?#]*@)?)([^/?#]*)(.*)$/is;

function partsOf(text: string): { prefix: string; authority: string; path: string; query: URLSearchParams } {
  const [, prefix = '', authority = '', rest = ''] = AUTHORITY.exec(text) ?? [];
  const [, path = '', query = ''] = /^([^?#]*)\??([^#]*)/.exec(rest) ?? [];
  return { prefix, authority, path, query: new URLSearchParams(query) };
}

/** A space as every reader knows it. */
function spaced(query: URLSearchParams): string {
  return query.toString().replaceAll('+', '%20');
}

function splitHosts(text: string): { hosts: string[]; single: string } {
  const [, user = '', authority = '', rest = ''] = AUTHORITY.exec(text) ?? [];
  const hosts = authority.split(',').filter(Boolean);
  // The URL parser knows one host; several, or none beside a user, are put aside.
  return { hosts, single: `${user}${hosts.length === 1 ? authority : 'none'}${rest}` };
}

/** Without any host it is this machine, by TCP: node-postgres' word, so that all clients mean the same server. */
function placesOf(hosts: string[], { host: named, hostaddr, port }: Parameters): Place[] {
  const [ports, addresses] = [port?.split(',') ?? [], hostaddr?.split(',') ?? []];
  const fallback = named?.split(',') ?? (addresses.length > 0 ? addresses : ['localhost']);
  const places =
    hosts.length > 0 ? hosts.map(readPlace) : fallback.map((host) => ({ host: host || 'localhost', port: '' }));
  return places.map((place, i) => ({
    ...place,
    address: addresses[i] ?? '',
    port: place.port || (ports[i] ?? ports[0] ?? ''),
  }));
}

function readPlace(text: string): { host: string; port: string } {
  const [, bracketed, plain = '', port = ''] = /^(?:\[(.*)\]|([^:]*))(?::(\d*))?$/.exec(text) ?? [];
  return { host: decodeURIComponent(bracketed ?? plain), port };
}

/**
 * A database's name as an argument of PostgreSQL's programs: one that looks like a connection string would be read as one
 * (PostgreSQL manual, 34.1.1).
 */
export function databaseArgument(name: string): string {
  return /^[\w.-]+$/.test(name) ? name : `dbname='${name.replaceAll(/[\\']/g, '\\$&')}'`;
}
