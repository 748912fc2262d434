import type { Client } from 'pg';
import type { LoadedConfig } from '../config/load.ts';
import { operatorUrl } from '../env/operator-url.ts';
import type { Environment } from '../env/types.ts';
import { EXIT, OpsError } from '../errors.ts';
import { connectPostgres, isDatabaseMissing, isUnreachable } from '../postgres.ts';
import { ensureOwnTable } from '../sql/own-table.ts';
import { currentActor, currentHost } from '../task/actor.ts';
import { acquireFileLock } from './file.ts';
import { refuseAnother, writeIdentity } from './identity.ts';
import { lockedError, lostError } from './refusal.ts';
import type { LockHolder, LockRequest, OperationsLock } from './types.ts';

/** First key of the advisory lock, so that it meets no lock of the product; the bytes of "DRYD". */
const LOCK_SPACE = 0x44525944;
const LOCK_KEY = 1;

/**
 * The one operations lock of an environment: an advisory lock held by a session of its own (PostgreSQL manual, 13.3.5)
 * and a row that says whose it is. When the database cannot be reached, or is gone, a lock file beside the journal.
 * A database that says that it is another environment's is refused (WRONG_ENVIRONMENT, exit 4), unless this run claims it.
 */
export async function acquireEnvironmentLock(
  environment: Environment,
  { config, claims = false, ...request }: LockRequest & { config: LoadedConfig; claims?: boolean },
): Promise<OperationsLock> {
  let client: Client;
  try {
    client = await connectPostgres(operatorUrl(config, environment), `drydock lock ${request.run}`);
  } catch (error) {
    if (!isUnreachable(error) && !isDatabaseMissing(error)) throw error;
    return acquireFileLock(config.root, environment.name, request, unlockCommand(environment.name));
  }
  const meant = { product: config.product, environment: environment.name };
  try {
    if (!claims) await refuseAnother(client, meant);
    const { rows } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1, $2) AS locked', [
      LOCK_SPACE,
      LOCK_KEY,
    ]);
    if (!rows[0]?.locked) throw refused(environment.name, request.run, await readHolder(client));
    await writeHolder(client, request);
    return new SessionLock(client, meant);
  } catch (error) {
    await client.end();
    throw error;
  }
}

function refused(env: string, run: string, holder: (LockHolder & { pid: number }) | undefined): OpsError {
  if (holder?.run !== run) return lockedError(env, holder, unlockCommand(env));
  return new OpsError({
    code: 'SAME_DATABASE',
    message: `${env} and another environment of this run lead to one and the same database; nothing was changed.`,
    hint: `npm run env:check -- --env ${env} shows where its address comes from: one variable of the shell serves every environment.`,
    exit: EXIT.refused,
  });
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
    [currentActor(process.env), currentHost(), task, run, reason ?? null],
  );
}

class SessionLock implements OperationsLock {
  readonly kind = 'database';
  readonly #client: Client;
  readonly #meant: { product: string; environment: string };
  readonly #name: string;
  #state: 'held' | 'lost' | 'released' = 'held';
  #listeners: ((error: OpsError) => void)[] = [];

  constructor(client: Client, meant: { product: string; environment: string }) {
    this.#client = client;
    this.#meant = meant;
    this.#name = meant.environment;
    client.on('end', () => {
      if (this.#state !== 'held') return;
      this.#state = 'lost';
      for (const listener of this.#listeners) listener(lostError(this.#name));
    });
  }

  async assertHeld(): Promise<void> {
    if (this.#state !== 'held') throw lostError(this.#name);
  }

  async claim(): Promise<void> {
    await writeIdentity(this.#client, this.#meant);
  }

  onLost(listener: (error: OpsError) => void): void {
    this.#listeners.push(listener);
  }

  async release(): Promise<void> {
    if (this.#state !== 'held') return;
    this.#state = 'released';
    // The session's end frees the advisory lock; the row then names nobody who holds it.
    await this.#client.end();
  }
}

export function unlockCommand(env: string): string {
  return `npm run ops:unlock -- --env ${env}`;
}
