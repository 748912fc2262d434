import { setTimeout as sleep } from 'node:timers/promises';
import { hint, OpsError, paused, quoteIdentifier as q, shortList } from '@drydock/kit';
import type { Client } from 'pg';

/** What keeps a database from being renamed or dropped, and what ends that. */
export interface InTheWay {
  kind: 'session' | 'subscription' | 'prepared transaction';
  what: string;
  ending: string;
}

/**
 * Who or what is in a database that we cannot send away: sessions of roles whose rights ours lacks, whoever reads changes from a
 * slot, a subscription that is at work, a transaction that is prepared. Anybody else's session may be ended. Autovacuum goes by itself.
 */
export async function inTheWay(client: Client, database: string): Promise<InTheWay[]> {
  const { rows } = await client.query<{
    pid: number;
    who: string;
    slot: string | null;
    ours: boolean;
    subscribed: boolean;
  }>(SESSIONS, [database]);
  const sessions = rows
    .filter(({ slot, ours, subscribed }) => slot !== null || (!ours && !subscribed))
    .map(({ pid, who, slot }) => ({
      kind: 'session' as const,
      what: `session ${pid} (${who})${slot === null ? '' : `, which reads changes from the slot ${slot}`}`,
      ending:
        slot === null
          ? `SELECT pg_terminate_backend(${pid}); as a superuser, or as a role that has pg_signal_backend`
          : `stop what reads from ${slot}`,
    }));
  const { rows: subscriptions } = await client.query<{ name: string }>(
    `SELECT subname::text AS name FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname = $1 AND subenabled ORDER BY 1`,
    [database],
  );
  const { rows: prepared } = await client.query<{ gid: string; owner: string }>(
    'SELECT gid, owner::text AS owner FROM pg_prepared_xacts WHERE database = $1 ORDER BY prepared',
    [database],
  );
  return [
    ...sessions,
    ...subscriptions.map(({ name }) => ({
      kind: 'subscription' as const,
      what: `the subscription ${name}, which is at work`,
      ending: `ALTER SUBSCRIPTION ${q(name)} DISABLE;`,
    })),
    ...prepared.map(({ gid, owner }) => ({
      kind: 'prepared transaction' as const,
      what: `the prepared transaction ${gid} of ${owner}`,
      ending: `COMMIT PREPARED or ROLLBACK PREPARED ${client.escapeLiteral(gid)};`,
    })),
  ];
}

/** Sends away whom we may; who reads from a slot comes back, and is left to whoever runs it. */
export async function endSessions(client: Client, databases: string[]): Promise<void> {
  await client.query(
    `SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid JOIN pg_roles me ON me.rolname = current_user
      WHERE a.datname = ANY ($1) AND a.pid <> pg_backend_pid() AND ${MAY_END} AND NOT EXISTS (SELECT 1 FROM pg_replication_slots s WHERE s.active_pid = a.pid)`,
    [databases],
  );
}

/** PostgreSQL manual, 9.27.2: a superuser's sessions are for superusers alone. */
const MAY_END = `(me.rolsuper OR (NOT r.rolsuper AND (pg_has_role(a.usesysid, 'MEMBER') OR pg_has_role('pg_signal_backend', 'MEMBER'))))`;

/** Of a session whose statistics are not ours to see, the kind is not told. */
const SESSIONS = `
  SELECT a.pid, concat_ws(', ', nullif(a.application_name, ''), a.usename, coalesce(a.backend_type, 'kind not told')) AS who, s.slot_name::text AS slot,
         ${MAY_END} AS ours,
         EXISTS (SELECT 1 FROM pg_stat_subscription u WHERE u.pid = a.pid) AS subscribed
    FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid JOIN pg_roles me ON me.rolname = current_user
    LEFT JOIN pg_replication_slots s ON s.active_pid = a.pid
   WHERE a.datname = $1 AND a.pid <> pg_backend_pid() ORDER BY a.pid`;

/** Some only look in. */
const PATIENCE_MS = 2_000;
const LOOK_AGAIN_MS = 250;

/** Those that stay. */
async function whoStays(client: Client, database: string, signal: AbortSignal): Promise<InTheWay[]> {
  for (const until = Date.now() + PATIENCE_MS; ; ) {
    const found = await inTheWay(client, database);
    if (found.length === 0 || Date.now() >= until) return found;
    await sleep(LOOK_AGAIN_MS, undefined, { signal });
  }
}

/** Before the hours of restoring, and before anybody is sent away. */
export async function refuseInTheWay(client: Client, database: string, signal: AbortSignal): Promise<void> {
  const found = await whoStays(client, database, signal);
  if (found.length > 0) throw databaseBusy(database, found);
}

export function databaseBusy(database: string, found: InTheWay[], cause?: unknown): OpsError {
  return new OpsError({
    code: 'DATABASE_BUSY',
    message: `${busyText(database, found)}${cause === undefined ? " Nobody's session was ended." : ''}`,
    hint: endingText(found),
    cause,
  });
}

export function isBusy(cause: unknown): cause is OpsError {
  return cause instanceof OpsError && cause.code === 'DATABASE_BUSY';
}

/** They came after the last look: both databases are what they were, and the hours of restoring are not thrown away for them. */
export function pausedFor({ message, hint: first = '' }: OpsError, opened: boolean): OpsError {
  return paused(
    `${message} What was restored stays${opened ? ', and traffic is let in again (backups.drain.after)' : ''}.`,
    hint`${first} Then go on with --resume.`,
  );
}

/** The same after the hours of restoring: what was restored stays, and the run waits to be gone on with. */
export async function pauseForThem(client: Client, database: string, signal: AbortSignal): Promise<void> {
  const found = await whoStays(client, database, signal);
  if (found.length > 0)
    throw paused(
      `${busyText(database, found)} Nobody's session was ended, and what was restored stays.`,
      `${endingText(found)} Then go on with --resume.`,
    );
}

function busyText(database: string, found: InTheWay[]): string {
  return `${database} cannot be taken from who is in it: ${shortList(
    found.map(({ what }) => what),
    5,
  )}.`;
}

function endingText(found: InTheWay[]): string {
  return `First: ${[...new Set(found.map(({ ending }) => ending))].slice(0, 5).join(' ')}`;
}
