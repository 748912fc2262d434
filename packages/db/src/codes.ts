import type { Finding } from '@drydock/kit';

/**
 * Everything a rehearsal can find, by stable code: people ignore, accept and link findings by it. What PostgreSQL does
 * in each case: PostgreSQL manual, 13.3 (explicit locking) and the notes of ALTER TABLE and CREATE INDEX.
 */
export const CODES = {
  MIGRATION_FAILED: 'A migration fails on the copy, as it would on the target.',
  MIGRATION_FAILED_BEFORE: 'A migration was begun on the target and did not end.',
  MIGRATION_EDITED: 'A migration was changed after it was applied.',
  MIGRATION_MISSING: 'The target has a migration that this checkout has not.',
  MIGRATION_SYNTAX: 'A migration is not SQL that PostgreSQL can read.',
  MIGRATION_UNSURE: 'Where a migration ends its strings hangs on a setting that its syntax does not tell.',
  TRANSACTION_LEFT_OPEN: 'A migration begins or prepares a transaction and does not end it.',
  TRANSACTION_UNBALANCED: 'BEGIN, COMMIT and ROLLBACK of a migration do not fit together, or undo what it does.',
  SESSION_LEFT: 'A migration leaves a role, a setting, a lock or the like behind in its session.',
  SKIPPED_IN_SILENCE: 'IF NOT EXISTS or IF EXISTS makes PostgreSQL skip what the file asks for, without an error.',
  DRIFT: 'The database is not what the Prisma schema says: it lacks something, has too much, or differs.',
  DRIFT_CHECK_FAILED: 'The database could not be compared with the Prisma schema.',
  DRIFT_BEFORE: 'The target is not what its applied migrations make: somebody changed it by hand.',
  COPY_REPLAYED: 'pg_dump could not read the target, so the copy was made by applying the migrations again.',
  COPY_DIFFERS: 'The copy is not in all what the target is: what it cannot show is said.',
  REACHES_OUT:
    'A statement reaches out of its database, and no transaction takes it back; the rehearsal leaves it out.',
  CHANGES_SERVER: 'A statement changes roles, settings or databases for the whole server.',
  SERVER_CHANGED: 'Roles, settings or databases of the server changed while the rehearsal ran.',
  NOT_REHEARSED: 'Whether a migration applies could not be told on this copy.',
  SCRATCH_LEFT: 'A scratch database is left on the server, and something keeps it from being dropped.',
  SCRIPT_NOT_RUN: 'Among the migrations is a script that is no migration.sql: nobody here runs it.',
  EMPTY_MIGRATION: 'A migration without a statement.',
  REWRITES_TABLE: 'All rows are written anew while reads and writes of the table wait.',
  TYPE_CHANGE: 'The new type is stored differently: all rows or an index are written anew while reads and writes wait.',
  VOLATILE_DEFAULT:
    'A new column that differs by row (a default, a counter, a stored expression) makes PostgreSQL write all rows anew while reads and writes wait.',
  NOT_NULL_WITHOUT_DEFAULT: 'A required column without a default cannot be added to a table that has rows.',
  NOT_NULL_VALIDATES: 'SET NOT NULL reads all rows while reads and writes of the table wait.',
  CONSTRAINT_VALIDATES: 'A new constraint reads all rows while reads and writes of the table wait.',
  FOREIGN_KEY_VALIDATES: 'A new foreign key reads all rows while writes of both tables wait.',
  UNIQUE_BUILDS_INDEX: 'A unique constraint without a prepared index builds one while reads and writes wait.',
  INDEX_NOT_CONCURRENT: 'CREATE INDEX without CONCURRENTLY keeps writes of the table waiting until it is built.',
  CONCURRENTLY_IN_TRANSACTION: 'CONCURRENTLY does not run inside a transaction.',
  CONCURRENTLY_NOT_ALONE: 'CONCURRENTLY beside other statements: tools that send a file whole cannot apply it.',
  ENUM_VALUE_USED: 'An enum value cannot be used in the transaction that adds it.',
  RUNNING_UNREAD:
    'The Prisma schema of the version that serves cannot be read: everything that is there counts as used.',
  DROPS_USED: 'Something is dropped that the running version still uses.',
  RENAMES_USED: 'Something is renamed that the running version knows by its old name.',
  DESTROYS_ROWS: 'Data goes that no later migration brings back.',
  SEQUENCE_RESET: 'A sequence counts from an earlier value again: keys that were given out come a second time.',
  UNBOUNDED_CHANGE: 'Many rows are changed in one transaction, or all of a table.',
  TABLE_BLOCKED:
    'Reads or writes of a table wait while rows are read or written, or for long, whatever statement does it.',
  PARTITION_DETACHED: 'DETACH PARTITION without CONCURRENTLY keeps all of the partitioned table waiting.',
  LOCK_THEN_MORE: 'A lock that others wait for is kept while slow statements follow.',
  TWO_TABLES_LOCKED:
    'Locks on several tables are collected one after the other: a deadlock with the application is near.',
  NO_LOCK_TIMEOUT: 'The file sets no lock_timeout; db:deploy does, other tools do not.',
  LOCK_TIMEOUT_RAISED:
    "The file sets a lock_timeout longer than the configuration's: others queue behind it that long.",
  NAME_CUT: 'A name of more than 63 bytes, which PostgreSQL cuts without an error.',
  FOREIGN_KEY_UNINDEXED:
    'A foreign key whose columns no index begins with: what deletes a parent reads all of the table.',
  INTEGER_KEY: 'A key of 32 bits runs out after 2,147,483,647 rows, and widening it rewrites the table.',
  JSON_COLUMN: 'The type json has no equality and no index; jsonb has.',
  LEFT_INVALID: 'A constraint or index is left invalid when all migrations are applied.',
  UNTOLD: 'What a file does hangs on something that its text alone does not tell.',
  IGNORE_WITHOUT_REASON: 'A drydock:ignore comment gives no reason, or an unknown code; it counts for nothing.',
} as const;

/** What only the operator may take on, by --accept or in the configuration: never the author of the file, by a comment. */
export const OPERATORS: ReadonlySet<string> = new Set(['DESTROYS_ROWS', 'REACHES_OUT']);

export type Code = keyof typeof CODES;
export type Level = Finding['level'] | 'off';

export function isCode(text: string): text is Code {
  return Object.hasOwn(CODES, text);
}

const FAILS: ReadonlySet<string> = new Set([
  'NOT_NULL_WITHOUT_DEFAULT',
  'ENUM_VALUE_USED',
  'CONCURRENTLY_IN_TRANSACTION',
  'TRANSACTION_LEFT_OPEN',
]);

/** What fails on the target as well cannot be wished away, by a flag or by a level. */
export function wouldFail(code: Code): boolean {
  return code.startsWith('MIGRATION_') || FAILS.has(code);
}

/** The levels that the product wants, for every finding alike. */
export function levelled<T extends Finding>(findings: T[], hazards: Record<string, Level>): T[] {
  return findings.flatMap((finding) => {
    const level = hazards[finding.code] ?? finding.level;
    return level === 'off' ? [] : [{ ...finding, level }];
  });
}
