import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectPostgres, OpsError, quoteIdentifier, type Secret } from '@drydock/kit';
import type { Client } from 'pg';
import type { Migration } from './folder.ts';
import { ensureHistory, recordFailure, recordFinish, recordStart } from './history.ts';
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
}

export interface Applied {
  name: string;
  durationMs: number;
  statements: number;
  retries: number;
}

/**
 * Applies one migration and records it as Prisma does. Where PostgreSQL allows it, the script and its record commit
 * together, so a kill leaves all or nothing; a script with CONCURRENTLY runs statement by statement, and repeating it
 * rebuilds an index that a kill left invalid.
 */
export async function applyMigration(url: Secret, migration: Migration, options: ApplyOptions): Promise<Applied> {
  const statements = await parseStatements(migration.sql, migration.file);
  const client = await connectPostgres(url, `drydock migrate ${migration.name}`.slice(0, 63));
  const started = performance.now();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [PRISMA_LOCK]);
    await ensureHistory(client);
    const alone = statements.some((statement) => statement.alone);
    const retries = await withLockRetry(client, options, () =>
      alone ? applyAlone(client, migration, statements) : applyTogether(client, migration),
    );
    return {
      name: migration.name,
      durationMs: Math.round(performance.now() - started),
      statements: statements.length,
      retries,
    };
  } catch (thrown) {
    throw migrationError(migration, thrown);
  } finally {
    await client.end();
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

async function applyTogether(client: Client, migration: Migration): Promise<void> {
  const id = randomUUID();
  await client.query('BEGIN');
  try {
    await recordStart(client, { id, ...migration });
    await client.query(migration.sql);
    await recordFinish(client, id);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

async function applyAlone(client: Client, migration: Migration, statements: Statement[]): Promise<void> {
  const id = (await unfinished(client, migration)) ?? randomUUID();
  const { rowCount } = await client.query('SELECT 1 FROM _prisma_migrations WHERE id = $1', [id]);
  if (rowCount === 0) await recordStart(client, { id, ...migration });
  for (const statement of statements) {
    try {
      if (statement.builds && (await alreadyBuilt(client, statement.builds))) continue;
      await client.query(statement.sql);
    } catch (error) {
      if ((error as { code?: string }).code !== LOCK_TIMEOUT) await recordFailure(client, id, (error as Error).message);
      throw Object.assign(error as Error, { line: statement.line });
    }
  }
  await recordFinish(client, id);
}

/** The row of an attempt of the same content that was killed. */
async function unfinished(client: Client, { name, checksum }: Migration): Promise<string | undefined> {
  const { rows } = await client.query<{ id: string }>(
    'SELECT id FROM _prisma_migrations WHERE migration_name = $1 AND checksum = $2 AND finished_at IS NULL AND rolled_back_at IS NULL AND logs IS NULL',
    [name, checksum],
  );
  return rows[0]?.id;
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
  const error = thrown as Error & { code?: string; position?: string; line?: number };
  const where = error.line
    ? `:${error.line}`
    : error.position
      ? `:${positionOf(migration.sql, Number(error.position) - 1)}`
      : '';
  if (error.code === LOCK_TIMEOUT) {
    return new OpsError({
      code: 'LOCK_NOT_AVAILABLE',
      message: `${migration.name} did not get its lock in ${BACKOFF_MS.length + 1} attempts; another transaction holds the table. Nothing of it was applied.`,
      hint: "See who holds it: SELECT pid, state, query FROM pg_stat_activity WHERE xact_start < now() - interval '1 min'; then run it again.",
      cause: error,
    });
  }
  return new OpsError({
    code: 'MIGRATION_FAILED',
    message: `${migration.file}${where}: ${error.message}.`,
    hint: 'What ran in a transaction was rolled back. Mend the migration and run it again.',
    cause: error,
  });
}
