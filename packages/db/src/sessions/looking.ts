import { EXIT, OpsError, type Secret, withPostgres } from '@drydock/kit';
import type { Client } from 'pg';
import { sharedSession } from './sharing.ts';
import { describe, describeSessions, isLockTimeout } from './waiting.ts';

/** Reading waits for nobody but who holds a whole table (ACCESS EXCLUSIVE), and for that one no longer than this. */
export const LOOK_WAIT_MS = 10_000;

/** A session that only looks. Where it has to wait for too long, it is said for whom (LOCK_NOT_AVAILABLE, exit 5). */
export async function looking<T>(url: Secret, name: string, use: (client: Client) => Promise<T>): Promise<T> {
  const look = async (client: Client) => {
    await client.query(`SET application_name = ${client.escapeLiteral(name)}; SET lock_timeout = ${LOOK_WAIT_MS}`);
    return use(client);
  };
  return (sharedSession(url, look) ?? withPostgres(url, name, look)).catch(async (error) => {
    throw isLockTimeout(error) ? await blockedLook(url, error) : error;
  });
}

/** Asked after PostgreSQL has given the wait up: whoever holds a table altogether. */
export async function blockedLook(url: Secret, cause: unknown): Promise<OpsError> {
  const holders = await withPostgres(url, 'drydock waits', (client) =>
    describeSessions(
      client,
      `SELECT DISTINCT pid FROM pg_catalog.pg_locks WHERE locktype = 'relation' AND mode = 'AccessExclusiveLock' AND granted
          AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) AND pid <> pg_catalog.pg_backend_pid()`,
      [],
    ),
  );
  const whom = holders.length > 0 ? describe(holders) : 'a session that has ended since';
  return new OpsError({
    code: 'LOCK_NOT_AVAILABLE',
    message: `The database could not be looked at in ${LOOK_WAIT_MS / 1_000} s: a table of it is locked altogether, by ${whom}.`,
    hint: 'Let that session end (or end it: SELECT pg_terminate_backend(PID)), then run it again.',
    exit: EXIT.locked,
    cause,
  });
}
