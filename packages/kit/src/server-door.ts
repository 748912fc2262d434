import type { Client } from 'pg';
import { sqlStateOf } from './copies/sql-state.ts';
import { OpsError } from './errors.ts';
import { connectPostgres, databaseOf, withDatabase, withPostgres } from './postgres.ts';
import type { Secret } from './secret.ts';

/** Databases that a server has by itself, and that nobody works in; some hosts have none `postgres`, or let nobody into one of them. */
const USUAL = ['postgres', 'template1'];

/**
 * A session on the server of a URL, for what concerns databases as a whole: in none of `away` (they are to be renamed or dropped), and
 * in the URL's own only where there is no other.
 */
export async function connectServer(url: Secret, applicationName: string, away: string[] = []): Promise<Client> {
  const own = databaseOf(url);
  const closed: unknown[] = [];
  const tried = new Set(away);
  const tryAll = async (names: string[]) => {
    for (const name of names) {
      if (tried.has(name)) continue;
      tried.add(name);
      try {
        return await connectPostgres(withDatabase(url, name), applicationName);
      } catch (error) {
        if (!isClosed(error)) throw error;
        closed.push(error);
      }
    }
    return undefined;
  };
  const client =
    (await tryAll(USUAL.filter((name) => name !== own))) ??
    // What else there is, only a session can tell.
    (await tryAll(away.includes(own) ? await othersOf(url, applicationName) : [own])) ??
    (await tryAll(USUAL));
  if (client) return client;
  throw (
    closed[0] ??
    new OpsError({
      code: 'SERVER_CLOSED',
      message: `No database of the server of ${url.label} lets in who has to work on ${away.join(' and ')} from outside.`,
      hint: `Make one: CREATE DATABASE postgres; or GRANT CONNECT ON DATABASE template1 TO its role.`,
    })
  );
}

export async function withServer<T>(
  url: Secret,
  applicationName: string,
  use: (client: Client) => Promise<T>,
  away: string[] = [],
): Promise<T> {
  const client = await connectServer(url, applicationName, away);
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

async function othersOf(url: Secret, applicationName: string): Promise<string[]> {
  try {
    return await withPostgres(url, applicationName, async (client) => {
      const { rows } = await client.query<{ name: string }>(
        `SELECT datname AS name FROM pg_database WHERE datallowconn AND has_database_privilege(oid, 'CONNECT') ORDER BY datistemplate DESC, datname`,
      );
      return rows.map(({ name }) => name);
    });
  } catch (error) {
    if (isClosed(error)) return [];
    throw error;
  }
}

/** The server is there; it is this database that is not, or lets nobody like us in. */
function isClosed(error: unknown): boolean {
  if (!(error instanceof OpsError)) return false;
  return /^DATABASE_(MISSING|REFUSED)$/.test(error.code) || sqlStateOf(error.cause) === NO_CONNECTIONS;
}

/** SQLSTATE object_not_in_prerequisite_state: it lets nobody in. */
const NO_CONNECTIONS = '55000';
