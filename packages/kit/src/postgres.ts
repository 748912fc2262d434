import type { Client, ClientConfig } from 'pg';
import { type Attempt, DatabaseUrl } from './database-url.ts';
import { OpsError } from './errors.ts';
import { command, hint, IN_SANDBOX } from './hint.ts';
import { destroySession, trackSession } from './open-sessions.ts';
import { Secret } from './secret.ts';
import { shellWord } from './shell-word.ts';

/** Longest wait for the first answers of a server that has let us in. */
const SETTLE_WITHIN_MS = 10_000;
/** A half-open connection is noticed by the operating system. */
const KEEP_ALIVE_MS = 10_000;
/** SQLSTATE classes that say "the server is there and refuses you". */
const REFUSED = new Set(['28P01', '28000', '42501']);
const TOO_MANY = '53300';
const NO_SUCH_DATABASE = '3D000';

/** A connected client of node-postgres, or an OpsError that tells an outage from a refusal. */
export async function connectPostgres(url: Secret, applicationName: string): Promise<Client> {
  const address = new DatabaseUrl(url);
  let problem: unknown;
  let last: unknown;
  for (const { config, otherEncryption } of knownFirst(url, address.attempts())) {
    if (otherEncryption && !isAboutEncryption(last)) continue;
    try {
      const client = await connectOnce(config, applicationName, address);
      if (!client) {
        last = new Error(`no host is ${address.target}`);
        problem ??= last;
        continue;
      }
      // A password that came from a file is known by now.
      const known = { ...config, password: client.password ?? config.password };
      trackSession(client, known);
      reached.set(url.reveal(), known);
      return client;
    } catch (cause) {
      last = cause;
      // A host that answered says more than one that did not.
      if (problem === undefined || sqlStateOf(cause) || otherEncryption) problem = cause;
      if (sqlStateOf(cause) && !TRY_ELSEWHERE.has(sqlStateOf(cause) ?? '')) break;
    }
  }
  throw connectError(address, problem);
}

/** What has worked in this process is tried before what the URL says first. */
function knownFirst(url: Secret, attempts: Attempt[]): Attempt[] {
  const config = reached.get(url.reveal());
  return config ? [{ config, otherEncryption: false }, ...attempts] : attempts;
}

/** For a client that is not ours (Prisma's engine): the first way to connect that works, tried once in this process. */
export async function reachableConfig(url: Secret): Promise<ClientConfig> {
  const known = reached.get(url.reveal());
  if (known) return known;
  await (await connectPostgres(url, 'drydock look')).end();
  return reached.get(url.reveal()) ?? {};
}

/** How a URL's server was reached in this process; undefined while it was not. */
export function reachedBy(url: Secret): ClientConfig | undefined {
  return reached.get(url.reveal());
}

/** By URL, as text. */
const reached = new Map<string, ClientConfig>();

/** Undefined where the host is not the one that is meant of several. */
async function connectOnce(
  config: ClientConfig,
  applicationName: string,
  { target, schema, passwordFile }: DatabaseUrl,
): Promise<Client | undefined> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({
    ...config,
    ...(config.password ? {} : { password: () => fromPasswordFile(client, passwordFile) }),
    application_name: applicationName,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
  });
  // Without a listener a broken connection ends the whole process.
  client.on('error', () => {});
  await client.connect();
  // One that falls silent now has not been reached.
  const late = setTimeout(() => destroySession(client), SETTLE_WITHIN_MS);
  try {
    if (await isMeant(client, target)) {
      await settleSession(client, schema);
      return client;
    }
    await client.end();
    return undefined;
  } catch (error) {
    destroySession(client);
    throw error;
  } finally {
    clearTimeout(late);
  }
}

/** Where the URL has no password, as libpq does: the password file. Asked only by a server that wants one. */
async function fromPasswordFile(client: Client, file: string | undefined): Promise<string> {
  const { host, port, user, database } = client;
  const { default: pgPass } = await import('pgpass');
  const { PGPASSFILE } = process.env;
  // The module knows no other way to name a file.
  if (file) process.env.PGPASSFILE = file;
  const found = new Promise<string | undefined>((done) =>
    pgPass({ host, port, user: user ?? '', database: database ?? '' }, done),
  );
  if (PGPASSFILE === undefined) delete process.env.PGPASSFILE;
  else process.env.PGPASSFILE = PGPASSFILE;
  return (await found) as string;
}

/** SQLSTATE invalid_authorization_specification (pg_hba.conf), cannot_connect_now: another way or another host may do. */
const TRY_ELSEWHERE = new Set(['28000', '57P03']);

function sqlStateOf(error: unknown): string | undefined {
  const code = (error as { code?: string } | undefined)?.code;
  return code && /^[0-9A-Z]{5}$/.test(code) && error instanceof Error && 'severity' in error ? code : undefined;
}

/** Also a certificate that cannot be trusted: where `sslmode` leaves TLS open, libpq goes on without it. */
function isAboutEncryption(error: unknown): boolean {
  return (
    sqlStateOf(error) === '28000' ||
    isAboutTrust(error) ||
    (error instanceof Error && /does not support SSL|establishing an SSL/.test(error.message))
  );
}

/** libpq's target_session_attrs (PostgreSQL manual, 34.1.2). */
async function isMeant(client: Client, target: string): Promise<boolean> {
  if (target === 'any' || target.startsWith('prefer')) return true;
  const { rows } = await client.query<{ standby: boolean; readonly: boolean }>(
    `SELECT pg_is_in_recovery() AS standby, current_setting('transaction_read_only') = 'on' AS readonly`,
  );
  const { standby = false, readonly = false } = rows[0] ?? {};
  return { 'read-write': !readonly, 'read-only': readonly, primary: !standby, standby }[target] ?? true;
}

/**
 * What a session of ours keeps to, whatever its role or database says: the search path that Prisma has (without it a role called
 * like one of the schemas would work in that one: "$user" comes first), no end but ours (time-outs of sessions and
 * transactions), and an end with us: a server that looks after its client once a second ends the statement of a process
 * that was killed. As far as the server knows each of them.
 */
export async function settleSession(client: Client, schema: string): Promise<void> {
  await client.query(settlingSql(client, schema));
}

/** The same, to be sent with something else. */
export function settlingSql(client: Client, schema: string): string {
  return `SELECT set_config(name, value, false)
       FROM (VALUES ('search_path', ${client.escapeLiteral(quoteIdentifier(schema))}), ('idle_session_timeout', '0'),
                    ('idle_in_transaction_session_timeout', '0'), ('transaction_timeout', '0'),
                    ('client_connection_check_interval', '1s')) AS ours (name, value)
      WHERE current_setting(name, true) IS NOT NULL`;
}

/** Connects, hands the client to `use`, and ends it, however that ends. */
export async function withPostgres<T>(
  url: Secret,
  applicationName: string,
  use: (client: Client) => Promise<T>,
): Promise<T> {
  const client = await connectPostgres(url, applicationName);
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

/** Prisma's `?schema=`, where everything is that names no schema: `public` if it is not given. */
export function schemaOf(url: Secret): string {
  return new DatabaseUrl(url).schema;
}

export function isUnreachable(error: unknown): boolean {
  return error instanceof OpsError && error.code === 'DATABASE_UNREACHABLE';
}

/** The server answers, and has no such database. */
export function isDatabaseMissing(error: unknown): boolean {
  return error instanceof OpsError && error.code === 'DATABASE_MISSING';
}

/** The name of the database that a URL leads to. */
export function databaseOf(url: Secret): string {
  return new DatabaseUrl(url).database;
}

/** Who logs in by a URL, and with the password that stands in it: that of a file or a variable is not the URL's. */
export function roleOf(url: Secret): { user: string | undefined; password: Secret | undefined } {
  const { user, password } = new DatabaseUrl(url).role;
  return { user, password: password ? new Secret(password, url.label) : undefined };
}

/** The same server and role, another database. */
export function withDatabase(url: Secret, name: string): Secret {
  return new DatabaseUrl(url).withDatabase(name);
}

/** The same server and database, another role. */
export function withRole(url: Secret, user: string, password: string): Secret {
  return new DatabaseUrl(url).withRole(user, password);
}

function connectError({ secret, host, database }: DatabaseUrl, cause: unknown): OpsError {
  const code = (cause as { code?: string }).code ?? '';
  const reason = cause instanceof Error ? cause.message || code : String(cause);
  if (code === NO_SUCH_DATABASE)
    return new OpsError({
      code: 'DATABASE_MISSING',
      message: `PostgreSQL at ${host} has no database ${database}.`,
      hint: hint`Check ${secret.label}; if it is lost, restore it: ${command('db:restore', { from: 'latest', inPlace: true })}`,
      cause,
    });
  if (code === TOO_MANY)
    return new OpsError({
      code: 'DATABASE_FULL',
      message: `PostgreSQL at ${host} takes no more connections: ${reason}.`,
      hint: 'End sessions that nobody needs, or raise max_connections, and run it again.',
      cause,
    });
  if (REFUSED.has(code)) {
    return new OpsError({
      code: 'DATABASE_REFUSED',
      message: `PostgreSQL at ${host} refuses the connection to ${database}: ${reason}.`,
      hint: hint`Check ${secret.label}: user, password and database name. ${command('env:check')} shows where the value comes from.`,
      cause,
    });
  }
  if (isAboutTrust(cause))
    return new OpsError({
      code: 'DATABASE_UNTRUSTED',
      message: `PostgreSQL at ${host} cannot be trusted: ${reason}.`,
      hint: `Check sslmode and sslrootcert in ${secret.label}: the certificate must be of that CA, and for that host.`,
      cause,
    });
  return new OpsError({
    code: 'DATABASE_UNREACHABLE',
    message: `PostgreSQL at ${host} cannot be reached (${code || reason}).`,
    hint: hint`Is it running, and is ${secret.label} right?${IN_SANDBOX}`,
    cause,
  });
}

/** TLS errors of Node: a certificate that no known CA has signed, or that is for another name, or a handshake that was refused. */
function isAboutTrust(cause: unknown): boolean {
  const code = (cause as { code?: string }).code ?? '';
  return /^(UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|CERT_|ERR_TLS_|ERR_SSL_)/.test(code);
}

/** For a person who wants to look into it: who and where, without the password. */
export function psqlCommand(url: Secret): string {
  const { PGHOST, PGPORT, PGUSER, PGDATABASE } = new DatabaseUrl(url).libpqEnv(undefined);
  const flags = { '-h': PGHOST, '-p': PGPORT, '-U': PGUSER, '-d': PGDATABASE };
  return ['psql', ...Object.entries(flags).flatMap(([name, value]) => (value ? [name, shellWord(value)] : []))].join(
    ' ',
  );
}

/** `"` around a name, doubled inside: PostgreSQL manual, 4.1.1. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A connection for PostgreSQL's own programs, by environment: an argument would stand in the process list. */
export function libpqEnv(url: Secret, path: string | undefined): NodeJS.ProcessEnv {
  return new DatabaseUrl(url).libpqEnv(path);
}
