import { randomUUID } from 'node:crypto';
import { connectPostgres, type Secret } from '@drydock/kit';
import type { Client } from 'pg';
import { applyMigration } from '../migrations/apply.ts';
import type { Migration } from '../migrations/folder.ts';
import { ensureHistory, recordFinish, recordStart } from '../migrations/history.ts';
import { parseStatements, type Statement } from '../migrations/statements.ts';

/** A lock that a statement took on a relation of the target. */
export type ObservedLock = {
  relation: string;
  /** As pg_locks names it: `AccessExclusiveLock`. */
  mode: string;
};

export type ObservedStatement = {
  line: number;
  sql: string;
  durationMs: number;
  /** Newly taken by this statement, strongest of each relation; kept until the migration commits. */
  locks: ObservedLock[];
  /** Tables whose rows were written anew (their relfilenode changed). */
  rewritten: string[];
};

export type ObservedMigration = {
  name: string;
  durationMs: number;
  statements: ObservedStatement[];
};

/**
 * Applies a migration to a copy statement by statement, in one transaction as a deploy does, and watches what each
 * takes. Only relations named in `existing` count: a table that the target does not have yet blocks nobody. A script
 * that cannot run in a transaction is applied as it would be, and only timed.
 */
export async function observeMigration(
  url: Secret,
  migration: Migration,
  lockTimeoutMs: number,
  existing: ReadonlySet<string>,
): Promise<ObservedMigration> {
  const statements = await parseStatements(migration.sql, migration.file);
  if (statements.some(({ alone }) => alone)) return timeOnly(url, migration, lockTimeoutMs, statements);
  const started = performance.now();
  const client = await connectPostgres(url, 'drydock rehearsal');
  try {
    await ensureHistory(client);
    const id = randomUUID();
    await client.query('BEGIN');
    await recordStart(client, { id, ...migration });
    const observed: ObservedStatement[] = [];
    for (const statement of statements) observed.push(await observe(client, statement, existing));
    await recordFinish(client, id);
    await client.query('COMMIT');
    return { name: migration.name, durationMs: Math.round(performance.now() - started), statements: observed };
  } catch {
    await client.query('ROLLBACK');
  } finally {
    await client.end();
  }
  // It fails: told by the code that tells it in a deploy, with file and line.
  return timeOnly(url, migration, lockTimeoutMs, statements);
}

async function timeOnly(
  url: Secret,
  migration: Migration,
  lockTimeoutMs: number,
  statements: Statement[],
): Promise<ObservedMigration> {
  const { durationMs } = await applyMigration(url, migration, { lockTimeoutMs });
  const none = { locks: [], rewritten: [] };
  return {
    name: migration.name,
    durationMs,
    statements: statements.map(({ line, sql }) => ({
      line,
      sql,
      durationMs: statements.length === 1 ? durationMs : 0,
      ...none,
    })),
  };
}

async function observe(
  client: Client,
  { line, sql }: Statement,
  existing: ReadonlySet<string>,
): Promise<ObservedStatement> {
  const [held, files] = [await readLocks(client, existing), await readFiles(client, existing)];
  const started = performance.now();
  await client.query(sql);
  const durationMs = Math.round(performance.now() - started);
  const locks = [...(await readLocks(client, existing))]
    .filter(([relation, mode]) => held.get(relation) !== mode)
    .map(([relation, mode]) => ({ relation, mode }));
  const after = await readFiles(client, existing);
  return {
    line,
    sql,
    durationMs,
    locks,
    rewritten: [...files]
      .filter(([relation, file]) => after.has(relation) && after.get(relation) !== file)
      .map(([relation]) => relation),
  };
}

/** Weakest to strongest: PostgreSQL manual, 13.3.1. */
const STRENGTH = [
  'AccessShareLock',
  'RowShareLock',
  'RowExclusiveLock',
  'ShareUpdateExclusiveLock',
  'ShareLock',
  'ShareRowExclusiveLock',
  'ExclusiveLock',
  'AccessExclusiveLock',
];

async function readLocks(client: Client, existing: ReadonlySet<string>): Promise<Map<string, string>> {
  const { rows } = await client.query<ObservedLock>(
    `SELECT c.oid::regclass::text AS relation, l.mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
      WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND c.relkind IN ('r', 'p', 'm')`,
  );
  const strongest = new Map<string, string>();
  for (const { relation, mode } of rows.filter((row) => existing.has(row.relation))) {
    if (STRENGTH.indexOf(mode) > STRENGTH.indexOf(strongest.get(relation) ?? '')) strongest.set(relation, mode);
  }
  return strongest;
}

async function readFiles(client: Client, existing: ReadonlySet<string>): Promise<Map<string, string>> {
  const { rows } = await client.query<{ relation: string; file: string }>(
    `SELECT oid::regclass::text AS relation, pg_relation_filenode(oid)::text AS file FROM pg_class WHERE relkind IN ('r', 'm') AND relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)`,
  );
  return new Map(rows.filter(({ relation }) => existing.has(relation)).map(({ relation, file }) => [relation, file]));
}
