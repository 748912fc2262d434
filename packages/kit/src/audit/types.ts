import type { Json } from '../json.ts';

/**
 * How what is told of came out. `killed`: the process ended without a word. `interrupted`: by a signal, the run can go on. `broken`: it
 * lost its lock, or its journal is damaged. `paused`: it waits for somebody to decide. `abandoned`: given up.
 */
export const OUTCOMES = ['done', 'failed', 'killed', 'interrupted', 'paused', 'broken', 'abandoned'] as const;
export type AuditOutcome = (typeof OUTCOMES)[number];

/** One row of drydock."AuditEvent". */
export interface AuditEvent {
  /** ULID. */
  id: string;
  /** ISO 8601, UTC. */
  at: string;
  actor: string;
  task: string;
  env: string;
  run: string;
  event: string;
  reason: string | null;
  outcome: AuditOutcome;
  metadata: { [key: string]: Json };
  /** The actor is what somebody says of themselves. This is what the system and the database say; events of before have none. */
  by?: { login: string; session?: string } | null;
}

export interface ChainedEvent extends AuditEvent {
  seq: number;
  prevHash: string;
  hash: string;
}
