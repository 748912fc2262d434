import type { InnerCode } from '@drydock/kit/sql';
import type { Statement } from '../migrations/statements.ts';
import type { Watched } from './tables.ts';

/** A lock that a statement took on a table of the target. */
export type ObservedLock = {
  /** The table as the target names it. */
  relation: string;
  /** As pg_locks names it: `AccessExclusiveLock`. */
  mode: string;
  /** From the beginning of the statement until the lock is given back: the commit of the migration. */
  heldMs: number;
};

export type ObservedStatement = {
  line: number;
  sql: string;
  durationMs: number;
  /** Newly taken by this statement, strongest of each table. */
  locks: ObservedLock[];
  /** Tables whose rows were written anew (their relfilenode changed). */
  rewritten: string[];
  /** Tables of which an index was built anew, though not their rows. */
  reindexed: string[];
  /** Rows inserted, updated and deleted, by table; also by functions and DO blocks. */
  touched: { relation: string; rows: number }[];
  /** Rows deleted, less those inserted, by table. */
  deleted: { relation: string; rows: number }[];
  /** Tables that are no more. */
  gone: string[];
};

export type ObservedMigration = { name: string; durationMs: number; statements: ObservedStatement[] };

/** An observed statement with what the rules need besides. */
export interface Witness {
  observed: ObservedStatement;
  statement: Statement;
  /** In one transaction with the rest of its migration: its locks stay. */
  together: boolean;
  /** Which of the target's tables a name meant at that moment. */
  tableOf: Watched['named'];
  /** Columns that a valid CHECK proves to be filled, so that SET NOT NULL reads no row (PostgreSQL 12 and later). */
  provenNotNull: ReadonlySet<string>;
  /** What it runs besides itself. */
  inner: InnerCode;
}
