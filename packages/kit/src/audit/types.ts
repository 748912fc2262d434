import type { Json } from '../json.ts';

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
  outcome: 'done' | 'failed';
  metadata: { [key: string]: Json };
}

export interface ChainedEvent extends AuditEvent {
  seq: number;
  prevHash: string;
  hash: string;
}
