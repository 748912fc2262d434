import type { ClientBase } from 'pg';
import { quoteIdentifier } from '../postgres.ts';
import { IN_USE, NOT_ALLOWED, sqlStateOf } from './sql-state.ts';

/** Longest wait for sessions that are not ours to end. */
const WAIT_MS = 30_000;
const ENDING_MS = 1_000;

type Session = Pick<ClientBase, 'query'>;

export interface DropOptions {
  waitMs?: number;
  /** One that is a template cannot be dropped before it is none; whoever made it one may have meant it. */
  evenTemplate?: boolean;
}

/**
 * The one way in which a database of ours goes. WITH (FORCE) is turned against all who are in it, autovacuum too, and a role that
 * is no superuser may not do that: it fails whenever a worker is there. Without it the server sends autovacuum away by
 * itself, whoever drops (CountOtherDBBackends in procarray.c), and waits 5 s for the others. So nobody is let in any more, sessions are ended, and what
 * is still there is waited for. One that could not be dropped lets in again whom it did before.
 */
export async function dropDatabase(
  client: Session,
  name: string,
  { waitMs = WAIT_MS, evenTemplate = false }: DropOptions = {},
): Promise<void> {
  const { rows } = await client.query<{ open: boolean; template: boolean }>(
    'SELECT datallowconn AS open, datistemplate AS template FROM pg_database WHERE datname = $1',
    [name],
  );
  if (!rows[0]) return;
  const database = quoteIdentifier(name);
  const { open, template } = rows[0];
  if (template && evenTemplate) await client.query(`ALTER DATABASE ${database} IS_TEMPLATE false`);
  if (open) await client.query(`ALTER DATABASE ${database} ALLOW_CONNECTIONS false`);
  try {
    for (const until = Date.now() + waitMs; ; ) {
      await endSessions(client, name);
      try {
        return void (await client.query(`DROP DATABASE IF EXISTS ${database}`));
      } catch (error) {
        if (sqlStateOf(error) !== IN_USE || Date.now() >= until || (await isHeld(client, name))) throw error;
      }
    }
  } catch (error) {
    if (open) await client.query(`ALTER DATABASE ${database} ALLOW_CONNECTIONS true`);
    throw error;
  }
}

/** Those that we may end; the others' names are in what DROP DATABASE says. Autovacuum has no role. */
async function endSessions(client: Session, name: string): Promise<void> {
  const { rows } = await client.query<{ pid: number }>(
    'SELECT pid FROM pg_stat_activity WHERE datname = $1 AND usesysid IS NOT NULL AND pid <> pg_backend_pid()',
    [name],
  );
  for (const { pid } of rows)
    await client.query('SELECT pg_terminate_backend($1, $2)', [pid, ENDING_MS]).catch((error) => {
      if (sqlStateOf(error) !== NOT_ALLOWED) throw error;
    });
}

/** By what no waiting ends: a subscription, a slot that somebody reads from, a prepared transaction. */
async function isHeld(client: Session, name: string): Promise<boolean> {
  const { rows } = await client.query<{ held: boolean }>(
    `SELECT EXISTS (SELECT 1 FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname = $1)
         OR EXISTS (SELECT 1 FROM pg_replication_slots WHERE database = $1 AND active)
         OR EXISTS (SELECT 1 FROM pg_prepared_xacts WHERE database = $1) AS held`,
    [name],
  );
  return rows[0]?.held ?? false;
}
