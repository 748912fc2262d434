import type { Client } from 'pg';
import type { OpsError } from '../errors.ts';

/** Who holds a lock, for the one who is refused. */
export interface LockHolder {
  owner: string;
  host: string;
  task: string;
  run: string;
  reason: string | undefined;
  /** ISO 8601, UTC. */
  since: string;
}

export interface LockRequest {
  task: string;
  run: string;
  reason: string | undefined;
}

/** A held lock. It ends with the process that holds it, so a killed run leaves none behind. */
export interface OperationsLock {
  readonly kind: 'database' | 'file';
  /** Throws LOCK_LOST when it is no longer ours. Cheap. */
  assertHeld(): Promise<void>;
  /** The session that holds it, for what only its holder may write; undefined where there is none, or it takes no writes. */
  session?(): Client | undefined;
  /** Writes down in the database which environment it is from now on; a file has nothing to say it in. */
  claim?(): Promise<void>;
  onLost(listener: (error: OpsError) => void): void;
  release(): Promise<void>;
}
