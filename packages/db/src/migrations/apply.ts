import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, connectPostgres, EXIT, OpsError, type Secret, schemaOf, settlingSql } from '@drydock/kit';
import type { Client } from 'pg';
import { type Blocker, describe, describeSessions, isLockTimeout, Waits } from '../sessions/waiting.ts';
import { downError, type Failed, isConnectionLost, migrationError } from './failure.ts';
import type { Migration } from './folder.ts';
import { ensureHistory } from './history.ts';
import { downLedger, type Ledger, migrationLedger } from './ledger.ts';
import { leftBehind, mayLeave, PRISMA_LOCK, putRight, readSession, type SessionState } from './left-behind.ts';
import type { Note } from './note.ts';
import { checkTransactions } from './open-ends.ts';
import { refuseUnsaidReading, watchReading } from './reading.ts';
import { type Executor, PLAIN, runInPieces, runTogether, type Script } from './run.ts';
import { parseStatements, type Statement } from './statements.ts';

export type { Executor } from './run.ts';

const BACKOFF_MS = [500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000, 8_000];
/** What database.concurrentlyWaitMs is where nobody says otherwise. */
const CONCURRENTLY_WAIT_MS = 30 * 60_000;

export interface ApplyOptions {
  lockTimeoutMs: number;
  /** Longest wait of CREATE INDEX CONCURRENTLY and its like for one older transaction: half an hour. */
  concurrentlyWaitMs?: number | undefined;
  signal?: AbortSignal;
  /** Called before waiting to try again for a lock; `whom` it was waited for, if that was seen. */
  onRetry?: (attempt: number, waitMs: number, whom: string | undefined) => void;
  /** Called when a statement has waited for nearly three seconds, whenever it waits for somebody else, and again and again. */
  onWait?: (text: string) => void;
  /** How the statements reach the server; a rehearsal watches them. A function makes one anew for each attempt. */
  executor?: Executor | ((client: Client) => Executor) | undefined;
  /** Called with what is found of the file itself, and of what it leaves in its session: that is only looked for then. */
  onNote?: (note: Note) => void;
  /** The command that goes on behind a wait that was given up. */
  again?: Command | undefined;
}

export interface Applied {
  name: string;
  durationMs: number;
  statements: number;
  retries: number;
}

/** Applies one migration in a session of its own: see `MigrationSession.apply`. */
export async function applyMigration(url: Secret, migration: Migration, options: ApplyOptions): Promise<Applied> {
  return withMigrations(url, (session) => session.apply(migration, options));
}

/**
 * A session in which migrations are applied one after the other, each as if it had a session of its own: what one sets
 * is gone for the next. Holds the lock of Prisma's engine from the first on.
 */
export class MigrationSession {
  readonly client: Client;
  readonly #url: Secret;
  readonly #schema: string;
  #waits: Waits | undefined;
  #fresh: SessionState | undefined;
  #begun = false;
  /** The script before this one could leave nothing: to put it right costs as much as a small migration does. */
  #clean = false;
  /** Triggers on events run whatever somebody wrote, behind any statement. */
  #eventTriggers = false;

  constructor(client: Client, url: Secret) {
    this.client = client;
    this.#url = url;
    this.#schema = schemaOf(url);
  }

  /**
   * Applies one migration and records it as Prisma does. Where PostgreSQL allows it, the script and its record commit
   * together, so a kill leaves all or nothing. A script with CONCURRENTLY or transactions of its own runs in pieces, whose
   * number is recorded with each; repeating it goes on behind the last, and rebuilds an index that a kill left invalid.
   */
  async apply(migration: Migration, options: ApplyOptions): Promise<Applied> {
    const { name, file } = migration;
    return this.#run(migration, migrationLedger(this.#schema, migration), options, (thrown, blockers) =>
      migrationError(thrown, {
        name,
        file,
        blockers,
        rehearsed: options.executor !== undefined,
        attempts: BACKOFF_MS.length + 1,
        again: options.again,
      }),
    );
  }

  /** Runs a down.sql and marks its migration as rolled back, as Prisma does: it is pending again. */
  async undo(script: Script, options: ApplyOptions): Promise<void> {
    const checksum = createHash('sha256').update(script.sql).digest('hex');
    const ledger = downLedger(this.#schema, { name: script.name, checksum });
    await this.#run(script, ledger, options, (thrown, blockers) => downError(thrown, script.name, blockers));
  }

  async close(): Promise<void> {
    await this.#waits?.close();
    await this.client.end();
  }

  async #run(
    script: Script,
    ledger: Ledger,
    options: ApplyOptions,
    explain: (thrown: unknown, blockers: Blocker[]) => Error,
  ): Promise<Applied> {
    const { client } = this;
    const { executor = PLAIN, concurrentlyWaitMs = CONCURRENTLY_WAIT_MS, onNote = () => {} } = options;
    const statements = await parseStatements(script.sql, script.file);
    for (const note of checkTransactions(statements, script.file)) onNote(note);
    const started = performance.now();
    const run = () => ({
      ...{ client, script, statements, ledger, lockTimeoutMs: options.lockTimeoutMs, concurrentlyWaitMs },
      executor: typeof executor === 'function' ? executor(client) : executor,
    });
    let retries = 0;
    const leaves = mayLeave(statements);
    try {
      const waits = await this.#begin(script.name, options);
      this.#clean = false;
      await refuseUnsaidReading(client, statements, script.file);
      let pieces = statements.some(({ alone }) => alone);
      const work = async () => {
        if (pieces) return runInPieces(run());
        try {
          await runTogether(run());
        } catch (error) {
          // What it calls, or alters, decides: the server knows, the syntax does not. All of it was taken back.
          pieces = wantsNoTransaction(statements, (error as Failed).code);
          if (!pieces) throw error;
          run().executor.again?.();
          await runInPieces(run());
        }
      };
      retries = await withLockRetry(client, waits, options, work);
      this.#eventTriggers ||= statements.some(({ node }) => node.CreateEventTrigStmt !== undefined);
      this.#clean = !leaves && !this.#eventTriggers;
      if (options.onNote && this.#fresh && leaves)
        for (const note of leftBehind(this.#fresh, await readSession(client), lastLine(statements))) onNote(note);
    } catch (thrown) {
      const finished = isConnectionLost(thrown) && (await this.#askAnew(ledger, thrown as Failed));
      if (!finished) throw explain(thrown, this.#waits?.last ?? []);
    }
    const durationMs = Math.round(performance.now() - started);
    return { name: script.name, durationMs, statements: statements.length, retries };
  }

  /** With the time-outs of its first attempt. */
  async #begin(name: string, { onWait, lockTimeoutMs }: ApplyOptions): Promise<Waits> {
    const { client } = this;
    const called = `SET application_name = ${client.escapeLiteral(`drydock migrate ${name}`.slice(0, 63))}`;
    if (this.#begun && this.#waits) {
      if (this.#clean) {
        await client.query(`${called}; ${timeouts(lockTimeoutMs)}`);
        return this.#waits;
      }
      const ours = `${settlingSql(client, this.#schema)}; ${timeouts(lockTimeoutMs)}`;
      const held = await putRight(client, `SET standard_conforming_strings = on; ${called}; ${ours}`);
      if (held) return this.#waits;
      await takePrismaLock(client, this.#waits, onWait);
      await client.query(timeouts(lockTimeoutMs));
      return this.#waits;
    }
    await client.query(called);
    await watchReading(client);
    const { rows } = await client.query<{ pid: number; triggers: boolean }>(
      'SELECT pg_backend_pid() AS pid, EXISTS (SELECT FROM pg_event_trigger) AS triggers',
    );
    const waits = new Waits(this.#url, rows[0]?.pid ?? 0);
    this.#eventTriggers = rows[0]?.triggers ?? true;
    this.#waits = waits;
    await takePrismaLock(client, waits, onWait);
    await ensureHistory(client);
    this.#fresh = await readSession(client);
    this.#begun = true;
    await client.query(timeouts(lockTimeoutMs));
    return waits;
  }

  /** In a new session, when the old one is gone: whether the script is recorded as finished; else what of it is in effect. */
  async #askAnew(ledger: Ledger, error: Failed): Promise<boolean> {
    error.effect = { steps: undefined, invalid: [] };
    if (!this.#waits) return false;
    try {
      const client = await connectPostgres(this.#url, 'drydock migrate');
      try {
        await gone(client, this.#waits.pid);
        const said = await ledger.ask(client);
        error.effect = { steps: said?.steps ?? 0, invalid: [] };
        return said?.finished === true;
      } finally {
        await client.end();
      }
    } catch (cause) {
      // The first error is the one to tell, with the words that it could not be asked.
      if (cause instanceof OpsError) return false;
      throw cause;
    }
  }
}

/** SQLSTATE invalid_transaction_termination: code that commits, in batches; active_sql_transaction: not in one. */
const COMMITS = '2D000';
const NOT_IN_ONE = '25001';

/** Marks what has to run outside of a transaction by what the server said; false if that is nothing of these. */
function wantsNoTransaction(statements: Statement[], code: string | undefined): boolean {
  const of = ({ node }: Statement) =>
    code === COMMITS
      ? Boolean(node.CallStmt ?? node.DoStmt)
      : code === NOT_IN_ONE && Boolean(node.ReindexStmt ?? node.ClusterStmt ?? node.DropSubscriptionStmt);
  for (const statement of statements.filter(of)) statement.alone = true;
  return statements.some(({ alone }) => alone);
}

function lastLine(statements: Statement[]): number {
  return statements.at(-1)?.line ?? 1;
}

const GONE_MS = 10_000;

/** A server goes on with what it was told for a moment after it lost the connection; a COMMIT may be under way. */
async function gone(client: Client, pid: number): Promise<void> {
  for (const end = performance.now() + GONE_MS; performance.now() < end; await sleep(100)) {
    const { rowCount } = await client.query('SELECT FROM pg_stat_activity WHERE pid = $1', [pid]);
    if (rowCount === 0) return;
  }
}

export async function openMigrations(url: Secret): Promise<MigrationSession> {
  return new MigrationSession(await connectPostgres(url, 'drydock migrate'), url);
}

export async function withMigrations<T>(url: Secret, use: (session: MigrationSession) => Promise<T>): Promise<T> {
  const session = await openMigrations(url);
  try {
    return await use(session);
  } finally {
    await session.close();
  }
}

/** Nobody asks whom it waits for where it does not wait. */
const PRISMA_LOOK_MS = 2_500;

/** Kept until the session ends. Waits no longer than Prisma's own CLI does (10 s). */
async function takePrismaLock(client: Client, waits: Waits, onWait: ApplyOptions['onWait']): Promise<void> {
  try {
    await client.query(`SET lock_timeout = '10s'`);
    const take = async () => void (await client.query('SELECT pg_advisory_lock($1)', [PRISMA_LOCK]));
    await waits.during(take, { lookAfterMs: PRISMA_LOOK_MS, onWait });
  } catch (cause) {
    if (!isLockTimeout(cause)) throw cause;
    const holders = await describeSessions(
      client,
      `SELECT pid FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND classid = 0 AND objid = $1 AND objsubid = 1 AND granted
          AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())`,
      [PRISMA_LOCK],
    );
    const who = holders.length > 0 ? describe(holders) : 'a session that has ended since';
    throw new OpsError({
      code: 'PRISMA_IS_MIGRATING',
      message: `Somebody else is migrating this database: the lock of Prisma's engine is held by ${who}.`,
      hint: 'Wait until it has ended, then run it again.',
      exit: EXIT.locked,
      cause,
    });
  }
}

const timeouts = (lockTimeoutMs: number) =>
  `SET lock_timeout = ${Math.round(lockTimeoutMs)}; SET statement_timeout = 0`;

/** A lock that is not free in time is given back and asked for again: nobody queues behind a waiting ALTER for long. */
async function withLockRetry(
  client: Client,
  waits: Waits,
  { lockTimeoutMs, signal, onRetry, onWait }: ApplyOptions,
  work: () => Promise<void>,
): Promise<number> {
  for (let attempt = 0; ; attempt++) {
    // The attempt before may have set others.
    if (attempt > 0) await client.query(timeouts(lockTimeoutMs));
    try {
      await waits.during(work, { lookAfterMs: lockTimeoutMs / 2, onWait });
      return attempt;
    } catch (error) {
      const wait = BACKOFF_MS[attempt];
      if (!isLockTimeout(error) || (error as Failed).patient || wait === undefined) throw error;
      onRetry?.(attempt + 1, wait, waits.last.length > 0 ? describe(waits.last) : undefined);
      await sleep(wait, undefined, signal ? { signal } : {});
    }
  }
}
