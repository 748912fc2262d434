import type { Client } from 'pg';
import { currentActor, currentHost } from '../actor.ts';
import type { LoadedConfig } from '../config/load.ts';
import { operatorUrl } from '../env/operator-url.ts';
import type { Environment } from '../env/types.ts';
import { EXIT, OpsError } from '../errors.ts';
import { type Command, command, hint } from '../hint.ts';
import { connectPostgres, isDatabaseMissing, isUnreachable } from '../postgres.ts';
import { redactData } from '../redact.ts';
import { ensureOwnTable } from '../sql/own-table.ts';
import { ownName } from '../state/owner.ts';
import { acquireFileLock } from './file.ts';
import { refuseAnother } from './identity.ts';
import { refusePooler } from './pooler.ts';
import { lockedError, type Unnamed } from './refusal.ts';
import { LOCK_KEY, LOCK_SPACE, SessionLock } from './session.ts';
import type { LockHolder, LockRequest, OperationsLock } from './types.ts';

interface Request extends LockRequest {
  config: LoadedConfig;
  /** The run says anew which environment the database is. */
  claims?: boolean;
  /** The run mends a database that is away: then a file stands in for the lock. Every other run is refused. */
  mends?: boolean;
  /** The run only reads: where the database takes no writes, its lock is held without a row that says whose it is. */
  reads?: boolean;
}

/**
 * The one operations lock of an environment: an advisory lock held by a session of its own and a row that says whose it is.
 * With the database away, or gone, a run that mends it takes a lock file beside the journal.
 *
 * A database that says that it is another environment's is refused (WRONG_ENVIRONMENT, exit 4), a pooler that cannot hold a
 * lock (POOLED_CONNECTION, exit 2), and, for a run that does more than read, one that takes no writes (DATABASE_READ_ONLY, exit 1).
 */
export async function acquireEnvironmentLock(environment: Environment, request: Request): Promise<OperationsLock> {
  const { config, claims = false, mends = false, reads = false, ...holder } = request;
  const url = operatorUrl(config, environment);
  const connect = () => connectPostgres(url, `drydock lock ${holder.run}`);
  const meant = { product: config.product, environment: environment.name };
  let client: Client;
  try {
    client = await twice(connect);
  } catch (error) {
    if (!mends || (!isUnreachable(error) && !isDatabaseMissing(error))) throw error;
    return acquireFileLock(config.root, ownName(config, environment.name), holder, unlockCommand(environment.name));
  }
  try {
    if (!claims) await refuseAnother(client, meant);
    await refusePooler(client, url.label, connect);
    const writable = await takesWrites(client, environment.name, reads);
    const { rows } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1, $2) AS locked', [
      LOCK_SPACE,
      LOCK_KEY,
    ]);
    if (!rows[0]?.locked) throw await refused(client, environment.name, holder.run);
    if (writable) await writeHolder(client, holder);
    return new SessionLock(client, meant, writable);
  } catch (error) {
    await client.end();
    throw error;
  }
}

/** One connection that breaks is no outage. */
async function twice(connect: () => Promise<Client>): Promise<Client> {
  return connect().catch((error) => {
    if (isUnreachable(error)) return connect();
    throw error;
  });
}

/** The lock's row, the audit log and most of what a run does cannot be written on a standby, or where writes are switched off. */
export async function takesWrites(client: Client, env: string, reads: boolean): Promise<boolean> {
  const { rows } = await client.query<{ standby: boolean; writable: boolean }>(
    `SELECT pg_is_in_recovery() AS standby, current_setting('transaction_read_only') = 'off' AS writable`,
  );
  const writable = rows[0]?.writable === true;
  if (writable || reads) return writable;
  throw new OpsError({
    code: 'DATABASE_READ_ONLY',
    message: `The database of ${env} takes no writes: it ${rows[0]?.standby ? 'is a standby' : 'has default_transaction_read_only on'}. Nothing was changed.`,
    hint: rows[0]?.standby
      ? hint`Point the operator's URL to the primary: ${command('env:check', { env })}`
      : 'Whoever froze it knows why; to work on it: ALTER DATABASE … RESET default_transaction_read_only',
  });
}

async function refused(client: Client, env: string, run: string): Promise<OpsError> {
  const holder = await heldBy(client);
  if (!holder || !('owner' in holder) || holder.run !== run) return lockedError(env, holder, unlockCommand(env));
  return new OpsError({
    code: 'SAME_DATABASE',
    message: `${env} and another environment of this run lead to one and the same database; nothing was changed.`,
    hint: hint`${command('env:check', { env })} shows where its address comes from: one variable of the shell serves every environment.`,
    exit: EXIT.refused,
  });
}

/** Whose the lock is now, as far as that can be told. */
export async function heldBy(client: Client): Promise<LockHolder | Unnamed | undefined> {
  return (await readHolder(client)) ?? readUnnamed(client);
}

/** The row of the lock's last holder, if its session still holds the lock. */
export async function readHolder(client: Client): Promise<(LockHolder & { pid: number }) | undefined> {
  const { rows } = await client.query<{ table: string | null }>(
    `SELECT to_regclass('drydock.operation_lock')::text AS table`,
  );
  if (!rows[0]?.table) return undefined;
  const found = await client.query<LockHolder & { pid: number; since: Date }>(
    `SELECT l.owner, l.host, l.task, l.run, l.reason, l.since, l.pid
       FROM drydock.operation_lock l
       JOIN pg_locks p ON p.pid = l.pid AND p.locktype = 'advisory' AND p.classid = $1 AND p.objid = $2 AND p.granted
                      AND p.database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    [LOCK_SPACE, LOCK_KEY],
  );
  const row = found.rows[0];
  return row && { ...row, since: new Date(row.since).toISOString() };
}

/** One that has no row: it has just taken the lock, or holds it where nothing can be written. Its session is called after its run. */
async function readUnnamed(client: Client): Promise<Unnamed | undefined> {
  const { rows } = await client.query<{ run: string; since: Date }>(
    `SELECT substr(a.application_name, 14) AS run, a.backend_start AS since
       FROM pg_stat_activity a JOIN pg_locks p ON p.pid = a.pid AND p.locktype = 'advisory' AND p.classid = $1 AND p.objid = $2 AND p.granted
      WHERE a.datname = current_database() AND a.application_name LIKE 'drydock lock %'`,
    [LOCK_SPACE, LOCK_KEY],
  );
  return rows[0] && { run: rows[0].run, since: rows[0].since.toISOString() };
}

async function writeHolder(client: Client, { task, run, reason }: LockRequest): Promise<void> {
  await ensureOwnTable(
    client,
    'operation_lock',
    `one boolean PRIMARY KEY DEFAULT true CHECK (one),
     owner text NOT NULL, host text NOT NULL, task text NOT NULL, run text NOT NULL, reason text,
     since timestamptz NOT NULL DEFAULT now(), pid integer NOT NULL`,
  );
  await client.query(
    `INSERT INTO drydock.operation_lock (owner, host, task, run, reason, pid) VALUES ($1, $2, $3, $4, $5, pg_backend_pid())
     ON CONFLICT (one) DO UPDATE SET owner = $1, host = $2, task = $3, run = $4, reason = $5, since = now(), pid = pg_backend_pid()`,
    redactData([currentActor(process.env), currentHost(), task, run, reason ?? null]),
  );
}

export function unlockCommand(env: string): Command {
  return command('ops:unlock', { env });
}
