import type { Client } from 'pg';
import { OpsError } from './errors.ts';
import { trackSession } from './open-sessions.ts';
import { Secret } from './secret.ts';

const CONNECT_TIMEOUT_MS = 5_000;
/** A half-open connection is noticed by the operating system. */
const KEEP_ALIVE_MS = 10_000;
/** SQLSTATE classes that say "the server is there and refuses you". */
const REFUSED = new Set(['28P01', '28000', '42501', '53300']);
const NO_SUCH_DATABASE = '3D000';

/** A connected client of node-postgres, or an OpsError that tells an outage from a refusal. */
export async function connectPostgres(url: Secret, applicationName: string): Promise<Client> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({
    connectionString: url.reveal(),
    application_name: applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
  });
  // Without a listener a broken connection ends the whole process.
  client.on('error', () => {});
  try {
    await client.connect();
    await settleSession(client, schemaOf(url));
    trackSession(client, url);
    return client;
  } catch (cause) {
    throw connectError(url, cause);
  }
}

/**
 * What a session of ours keeps to, whatever its role or database says: the search path that Prisma has (without it a role called
 * like one of the schemas would work in that one: "$user" comes first), no end but ours (time-outs of sessions and
 * transactions), and an end with us: a server that looks after its client once a second ends the statement of a process
 * that was killed. As far as the server knows each of them.
 */
export async function settleSession(client: Client, schema: string): Promise<void> {
  await client.query(
    `SELECT set_config(name, value, false)
       FROM (VALUES ('search_path', $1), ('idle_session_timeout', '0'), ('idle_in_transaction_session_timeout', '0'),
                    ('transaction_timeout', '0'), ('client_connection_check_interval', '1s')) AS ours (name, value)
      WHERE current_setting(name, true) IS NOT NULL`,
    [quoteIdentifier(schema)],
  );
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
  return new URL(url.reveal()).searchParams.get('schema') ?? 'public';
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
  return decodeURIComponent(new URL(url.reveal()).pathname.slice(1));
}

/** The same server and role, another database. */
export function withDatabase(url: Secret, name: string): Secret {
  const changed = new URL(url.reveal());
  changed.pathname = `/${encodeURIComponent(name)}`;
  return new Secret(changed.href, url.label);
}

function connectError(url: Secret, cause: unknown): OpsError {
  const { host, pathname } = new URL(url.reveal());
  const code = (cause as { code?: string }).code ?? '';
  const reason = cause instanceof Error ? cause.message || code : String(cause);
  if (code === NO_SUCH_DATABASE)
    return new OpsError({
      code: 'DATABASE_MISSING',
      message: `PostgreSQL at ${host} has no database ${decodeURIComponent(pathname.slice(1))}.`,
      hint: `Check ${url.label}; if it is lost, restore it: npm run db:restore -- --from latest --in-place`,
      cause,
    });
  if (REFUSED.has(code)) {
    return new OpsError({
      code: 'DATABASE_REFUSED',
      message: `PostgreSQL at ${host} refuses the connection to ${pathname.slice(1)}: ${reason}.`,
      hint: `Check ${url.label}: user, password and database name. npm run env:check shows where the value comes from.`,
      cause,
    });
  }
  return new OpsError({
    code: 'DATABASE_UNREACHABLE',
    message: `PostgreSQL at ${host} cannot be reached (${code || reason}).`,
    hint: `Is it running, and is ${url.label} right? In the sandbox: npm run sandbox:up`,
    cause,
  });
}

/** `"` around a name, doubled inside: PostgreSQL manual, 4.1.1. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A connection for PostgreSQL's own programs, by environment: an argument would stand in the process list. */
export function libpqEnv(url: Secret, path: string | undefined): NodeJS.ProcessEnv {
  const { hostname, port, username, password } = new URL(url.reveal());
  return {
    PATH: path,
    PGHOST: decodeURIComponent(hostname),
    PGPORT: port || '5432',
    PGUSER: decodeURIComponent(username),
    PGPASSWORD: decodeURIComponent(password),
    PGDATABASE: databaseOf(url),
    PGCONNECT_TIMEOUT: '10',
  };
}
