import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectPostgres, EXIT, OpsError, quoteIdentifier, type Secret, schemaOf } from '@drydock/kit';
import type { Client } from 'pg';
import type { Migration } from './folder.ts';
import { ensureHistory, recordFailure, recordFinish, recordStart, recordSteps } from './history.ts';
import { parseStatements, positionOf, type Statement } from './statements.ts';

/** The advisory lock that Prisma's own engine holds while it migrates. */
const PRISMA_LOCK = 72_707_369;
/** SQLSTATE lock_not_available: our lock_timeout ran out. */
const LOCK_TIMEOUT = '55P03';
const BACKOFF_MS = [500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000, 8_000];

export interface ApplyOptions {
  lockTimeoutMs: number;
  signal?: AbortSignal;
  /** Called before waiting to try again for a lock. */
  onRetry?: (attempt: number, waitMs: number) => void;
  /** How the statements reach the server; a rehearsal watches them. */
  executor?: Executor;
}

/** `script`: all of a migration, inside a transaction. `statement`: one of a migration that runs in pieces. */
export interface Executor {
  script(client: Client, migration: Migration, statements: Statement[]): Promise<void>;
  statement(client: Client, statement: Statement): Promise<void>;
}

const PLAIN: Executor = {
  script: async (client, { sql }) => void (await client.query(sql)),
  statement: async (client, { sql }) => void (await client.query(sql)),
};

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
  readonly #schema: string;
  #begun = false;

  constructor(client: Client, schema: string) {
    this.client = client;
    this.#schema = schema;
  }

  /**
   * Applies one migration and records it as Prisma does. Where PostgreSQL allows it, the script and its record commit
   * together, so a kill leaves all or nothing. A script with CONCURRENTLY or transactions of its own runs in pieces, whose
   * number is recorded with each; repeating it goes on behind the last, and rebuilds an index that a kill left invalid.
   */
  async apply(migration: Migration, options: ApplyOptions): Promise<Applied> {
    const { client } = this;
    const statements = await parseStatements(migration.sql, migration.file);
    const executor = options.executor ?? PLAIN;
    const started = performance.now();
    try {
      await this.#begin(migration.name);
      const pieces = statements.some((statement) => statement.alone);
      const retries = await withLockRetry(client, options, () =>
        pieces
          ? applyInPieces(client, migration, statements, { executor, lockTimeoutMs: options.lockTimeoutMs })
          : applyTogether(client, migration, statements, executor),
      );
      return {
        name: migration.name,
        durationMs: Math.round(performance.now() - started),
        statements: statements.length,
        retries,
      };
    } catch (thrown) {
      throw migrationError(migration, thrown);
    }
  }

  async #begin(name: string): Promise<void> {
    const { client } = this;
    // DISCARD ALL would give the advisory lock back as well.
    const reset = this.#begun
      ? `RESET SESSION AUTHORIZATION; RESET ALL; CLOSE ALL; UNLISTEN *; DISCARD TEMP; DISCARD SEQUENCES;
         SET search_path = ${quoteIdentifier(this.#schema)};`
      : '';
    const called = client.escapeLiteral(`drydock migrate ${name}`.slice(0, 63));
    await client.query(`${reset} SET application_name = ${called}`);
    if (this.#begun) return;
    await takePrismaLock(client);
    await ensureHistory(client);
    this.#begun = true;
  }
}

export async function openMigrations(url: Secret): Promise<MigrationSession> {
  return new MigrationSession(await connectPostgres(url, 'drydock migrate'), schemaOf(url));
}

export async function withMigrations<T>(url: Secret, use: (session: MigrationSession) => Promise<T>): Promise<T> {
  const session = await openMigrations(url);
  try {
    return await use(session);
  } finally {
    await session.client.end();
  }
}

/** Kept until the session ends. Waits no longer than Prisma's own CLI does (10 s). */
async function takePrismaLock(client: Client): Promise<void> {
  try {
    await client.query(`SET lock_timeout = '10s'`);
    await client.query('SELECT pg_advisory_lock($1)', [PRISMA_LOCK]);
  } catch (cause) {
    if ((cause as { code?: string }).code !== LOCK_TIMEOUT) throw cause;
    throw new OpsError({
      code: 'PRISMA_IS_MIGRATING',
      message: "Another session holds the migration lock of Prisma's engine: somebody else is migrating this database.",
      hint: 'Wait until it has ended, then run it again.',
      exit: EXIT.locked,
      cause,
    });
  }
}

/** A lock that is not free in time is given back and asked for again: nobody queues behind a waiting ALTER for long. */
export async function withLockRetry(
  client: Client,
  { lockTimeoutMs, signal, onRetry }: ApplyOptions,
  work: () => Promise<void>,
): Promise<number> {
  for (let attempt = 0; ; attempt++) {
    await client.query(`SET lock_timeout = ${Math.round(lockTimeoutMs)}; SET statement_timeout = 0`);
    try {
      await work();
      return attempt;
    } catch (error) {
      const wait = BACKOFF_MS[attempt];
      if ((error as { code?: string }).code !== LOCK_TIMEOUT || wait === undefined) throw error;
      onRetry?.(attempt + 1, wait);
      await sleep(wait, undefined, signal ? { signal } : {});
    }
  }
}

async function applyTogether(
  client: Client,
  migration: Migration,
  statements: Statement[],
  executor: Executor,
): Promise<void> {
  const id = randomUUID();
  await client.query('BEGIN');
  try {
    await recordStart(client, { id, ...migration });
    if (statements.length > 0) await executor.script(client, migration, statements);
    await recordFinish(client, id);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

async function applyInPieces(
  client: Client,
  migration: Migration,
  statements: Statement[],
  how: Required<Pick<ApplyOptions, 'executor' | 'lockTimeoutMs'>>,
): Promise<void> {
  const begun = await unfinished(client, migration);
  const id = begun?.id ?? randomUUID();
  if (!begun) await recordStart(client, { id, ...migration });
  let inTransaction = false;
  for (const [i, statement] of statements.entries()) {
    if (i < (begun?.steps ?? 0)) continue;
    try {
      inTransaction = await applyPiece(client, statement, { ...how, inTransaction, id, number: i + 1 });
    } catch (error) {
      await client.query('ROLLBACK');
      // A lock that was not free is asked for again; anything else is kept as Prisma keeps it.
      if ((error as { code?: string }).code !== LOCK_TIMEOUT) await recordFailure(client, id, (error as Error).message);
      throw Object.assign(error as Error, {
        atLine: (error as { atLine?: number }).atLine ?? statement.line,
        number: i,
      });
    }
  }
  await recordFinish(client, id);
}

/** Returns whether a transaction of the file's own is open afterwards. */
async function applyPiece(
  client: Client,
  statement: Statement,
  {
    executor,
    lockTimeoutMs,
    inTransaction,
    id,
    number,
  }: { executor: Executor; lockTimeoutMs: number; inTransaction: boolean; id: string; number: number },
): Promise<boolean> {
  if (statement.transaction === 'end' && inTransaction) {
    await recordSteps(client, id, number);
    await client.query(statement.sql);
    return false;
  }
  if (inTransaction || statement.transaction === 'begin') {
    await executor.statement(client, statement);
    return true;
  }
  if (statement.alone) {
    // It waits for older transactions, and nobody queues behind it meanwhile: patience costs nothing here.
    if (statement.concurrent) await client.query('SET lock_timeout = 0');
    if (!statement.builds || !(await alreadyBuilt(client, statement.builds)))
      await executor.statement(client, statement);
    await client.query(`SET lock_timeout = ${Math.round(lockTimeoutMs)}`);
    await recordSteps(client, id, number);
    return false;
  }
  await client.query('BEGIN');
  await executor.statement(client, statement);
  await recordSteps(client, id, number);
  await client.query('COMMIT');
  return false;
}

/** The row of an attempt of the same content that was killed, and how many of its statements are in effect. */
async function unfinished(
  client: Client,
  { name, checksum }: Migration,
): Promise<{ id: string; steps: number } | undefined> {
  const { rows } = await client.query<{ id: string; steps: number }>(
    'SELECT id, applied_steps_count AS steps FROM _prisma_migrations WHERE migration_name = $1 AND checksum = $2 AND finished_at IS NULL AND rolled_back_at IS NULL AND logs IS NULL',
    [name, checksum],
  );
  return rows[0];
}

/** True when the index is there and valid; one that is there and invalid is dropped, to be built again. */
async function alreadyBuilt(
  client: Client,
  { schema, index }: { schema: string | undefined; index: string },
): Promise<boolean> {
  const name = [schema, index]
    .filter((part) => part !== undefined)
    .map(quoteIdentifier)
    .join('.');
  const { rows } = await client.query<{ valid: boolean }>(
    'SELECT indisvalid AS valid FROM pg_index WHERE indexrelid = to_regclass($1)',
    [name],
  );
  if (rows[0]?.valid === false) await client.query(`DROP INDEX CONCURRENTLY ${name}`);
  return rows[0]?.valid === true;
}

function migrationError(migration: Migration, thrown: unknown): Error {
  if (thrown instanceof OpsError) return thrown;
  // Not `line`: that is the line of PostgreSQL's own source.
  const error = thrown as Error & { code?: string; position?: string; atLine?: number; number?: number };
  const where = error.atLine
    ? `:${error.atLine}`
    : error.position
      ? `:${positionOf(migration.sql, Number(error.position) - 1)}`
      : '';
  if (error.code === LOCK_TIMEOUT) {
    return new OpsError({
      code: 'LOCK_NOT_AVAILABLE',
      message: `${migration.name} did not get its lock in ${BACKOFF_MS.length + 1} attempts; another transaction holds the table. ${inEffect(error.number)}`,
      hint: "See who holds it: SELECT pid, state, query FROM pg_stat_activity WHERE xact_start < now() - interval '1 min'; then run it again.",
      cause: error,
    });
  }
  return new OpsError({
    code: FAILURE_CODES[error.code ?? ''] ?? 'MIGRATION_FAILED',
    message: `${migration.file}${where}: ${error.message}. ${inEffect(error.number)}`,
    hint: error.number
      ? `Undo by hand what is in effect, mend the file, then: npm run db:resolve -- --rolled-back ${migration.name}   (or finish it by hand: --applied)`
      : `Mend the migration and run it again${error.number === undefined ? '' : `, after: npm run db:resolve -- --rolled-back ${migration.name}`}.`,
    cause: error,
  });
}

/** SQLSTATE that has a name of its own among the findings: unsafe_new_enum_value_usage, active_sql_transaction. */
const FAILURE_CODES: Record<string, string> = { '55P04': 'ENUM_VALUE_USED', '25001': 'CONCURRENTLY_IN_TRANSACTION' };

function inEffect(number: number | undefined): string {
  if (!number) return 'Nothing of it was applied.';
  return number === 1
    ? 'Its first statement is in effect, the rest is not.'
    : `Its first ${number} statements are in effect, the rest is not.`;
}
