import type { InnerCode } from '@drydock/kit/sql';
import type { Statement } from '../migrations/statements.ts';
import type { TableFacts } from './facts.ts';
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
  /** Tables that were read from the beginning: how often, and how many rows that were. Lookups in an index are none. */
  read: { relation: string; scans: number; rows: number }[];
  /** Tables of which an index was looked into. */
  searched: string[];
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
  /** All of its migration ran in one transaction. */
  together: boolean;
  /** The transaction that it ran in, and those of one migration that have the same ran in one: their locks stay. */
  transaction: number;
  /** Whether the copy has the rows of the target: then what was read and written is what would be. */
  allRows: boolean;
  /** Names that PostgreSQL cut, as it says it. */
  cut: string[];
  /** What the catalogue says of the tables that it alters, from before; by label. */
  facts: ReadonlyMap<string, TableFacts>;
  /** What must hold of the rows of the partition that it puts into a table. */
  bound: string | undefined;
  /** server_version_num. */
  version: number;
  /** Which of the target's tables a name meant at that moment. */
  tableOf: Watched['named'];
  /** What it runs besides itself. */
  inner: InnerCode;
}
